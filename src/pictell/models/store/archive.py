"""Members of a zip or tar archive, by exact name.

The archive's checksum is verified before, and no member's name ever becomes a path.
"""

from __future__ import annotations

import stat
import tarfile
import zipfile
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

from pictell.errors import InvalidModelError, ModelError, UnsafeModelError


class _Member(NamedTuple):
    size: int
    is_regular: bool
    open: Callable[[], IO[bytes] | None]


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


def _zip_members(archive: zipfile.ZipFile) -> dict[str, _Member]:
    members = {}
    for entry in archive.infolist():
        kind = stat.S_IFMT(entry.external_attr >> 16)  # 0 if the archive was not made on Unix
        is_regular = not entry.is_dir() and kind in {0, stat.S_IFREG}
        opener = partial(archive.open, entry)
        members[entry.filename.removeprefix("./")] = _Member(entry.file_size, is_regular, opener)
    return members


def _tar_members(archive: tarfile.TarFile) -> dict[str, _Member]:
    return {
        entry.name.removeprefix("./"): _Member(
            entry.size, entry.isreg(), partial(archive.extractfile, entry)
        )
        for entry in archive
    }


def _read(members: Mapping[str, _Member], names: Collection[str], left: int) -> dict[str, bytes]:
    contents = {}
    for name in names:
        member = members.get(name)
        if member is None:
            raise InvalidModelError(f"the archive has no member {name!r}")
        content = member.open() if member.is_regular else None
        if content is None:
            raise UnsafeModelError(f"the archive's member {name!r} is not a regular file")
        left -= member.size
        if left < 0:
            raise InvalidModelError("the archive's members are larger than any model in it")
        with content:
            contents[name] = content.read(member.size)
    return contents
