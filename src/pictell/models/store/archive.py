"""Members of a zip or tar archive, by exact name.

The archive's checksum is verified before, and no member's name ever becomes a path.
"""

from __future__ import annotations

import stat
import tarfile
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import IO

from pictell.errors import InvalidModelError, ModelError, UnsafeModelError

# A member's name and size in bytes; a function that opens it, None if it is not a regular file.
_Member = tuple[str, int, Callable[[], IO[bytes] | None] | None]


def read_members(archive: Path, names: Collection[str], max_bytes: int) -> dict[str, bytes]:
    """The content of the members with these names; a leading ``./`` in the archive is ignored.

    Raises ``InvalidModelError`` if the archive is damaged, lacks one of the members or holds more
    than ``max_bytes`` in them, ``UnsafeModelError`` if one is not a regular file.
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened_zip:
                return _read(_zip_members(opened_zip), names, max_bytes)
        with tarfile.open(archive) as opened_tar:
            return _read(_tar_members(opened_tar), names, max_bytes)
    except ModelError:
        raise
    except Exception as error:  # for a damaged archive, a dozen types
        raise InvalidModelError(f"the archive is damaged: {error}") from error


def _zip_members(archive: zipfile.ZipFile) -> Iterator[_Member]:
    for entry in archive.infolist():
        kind = stat.S_IFMT(entry.external_attr >> 16)  # 0 if the archive was not made on Unix
        is_regular = not entry.is_dir() and kind in {0, stat.S_IFREG}
        yield entry.filename, entry.file_size, partial(archive.open, entry) if is_regular else None


def _tar_members(archive: tarfile.TarFile) -> Iterator[_Member]:
    for entry in archive:
        yield entry.name, entry.size, partial(archive.extractfile, entry) if entry.isreg() else None


def _read(members: Iterable[_Member], names: Collection[str], left: int) -> dict[str, bytes]:
    found = {name.removeprefix("./"): (size, opener) for name, size, opener in members}
    contents = {}
    for name in names:
        if name not in found:
            raise InvalidModelError(f"the archive has no member {name!r}")
        size, opener = found[name]
        content = opener() if opener else None
        if content is None:
            raise UnsafeModelError(f"the archive's member {name!r} is not a regular file")
        left -= size
        if left < 0:
            raise InvalidModelError("the archive's members are larger than any model in it")
        with content:
            contents[name] = content.read(size)
    return contents
