"""Decision members of a zip or tar.gz archive, and nothing else of it.

No member's name ever becomes a path: the caller says where each goes. Links, devices, second
members of the same name and whatever would need more than ``max_bytes`` are refused.
"""

from __future__ import annotations

import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from posixpath import normpath
from typing import IO, TYPE_CHECKING

from pictell.errors import InvalidModelError, StoreError, UnsafeModelError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

ZIP = b"PK\x03\x04"  # PKWARE APPNOTE 4.3.7
GZIP = b"\x1f\x8b"  # RFC 1952 §2.3.1
CHUNK_BYTES = 256 * 1024
ENCRYPTED = 0x1  # general purpose bit 0: APPNOTE 4.4.4
# The others decompress without a bound on what one call may give.
ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

# Whatever the standard library raises for bytes that are no archive.
BROKEN = (
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    OverflowError,
    RecursionError,
    RuntimeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)


def extract(archive: Path, members: Mapping[str, Path], max_bytes: int) -> None:
    """Write each of ``members``, named as in the archive (a leading ``./`` aside), to its path.

    At most ``max_bytes`` are decompressed: of a zip the named members, of a tar.gz all there is.
    The paths must not exist yet; when anything is wrong none of them is left. Raises
    ``InvalidModelError`` for an archive that is damaged, too large or lacks a member,
    ``UnsafeModelError`` for members that are no plain files, ``StoreError`` where nothing can be
    written.
    """
    for name in members:
        if not name or name != _landing(name):
            raise UnsafeModelError(f"{name!r} is no plain name of an archive's member")
    try:
        with archive.open("rb") as file:
            _extract(file, members, max_bytes)
    except BaseException as error:
        for path in members.values():
            path.unlink(missing_ok=True)
        if isinstance(error, BROKEN):
            raise InvalidModelError(f"the archive is damaged: {error}") from error
        raise


def _extract(file: IO[bytes], members: Mapping[str, Path], max_bytes: int) -> None:
    start = file.read(len(ZIP))
    file.seek(0)
    if start == ZIP:
        found = _extract_zip(file, members, max_bytes)
    elif start.startswith(GZIP):
        found = _extract_tar(file, members, max_bytes)
    else:
        raise InvalidModelError("the download is neither a zip nor a tar.gz archive")
    for name in members.keys() - found:
        raise InvalidModelError(f"the archive has no member {name!r}")


def _extract_zip(file: IO[bytes], members: Mapping[str, Path], max_bytes: int) -> set[str]:
    found: set[str] = set()
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            name = _wanted(entry.filename, members, found)
            if name is None:
                continue
            _check_zip_entry(entry)
            max_bytes -= entry.file_size
            if max_bytes < 0:
                raise _too_large()
            with archive.open(entry) as content:
                _copy(content, members[name], entry.file_size)
    return found


def _check_zip_entry(entry: zipfile.ZipInfo) -> None:
    mode = entry.external_attr >> 16  # as zip has it from Unix; 0 from elsewhere
    if entry.is_dir() or (stat.S_IFMT(mode) and not stat.S_ISREG(mode)):
        raise _no_plain_file(entry.filename)
    if entry.flag_bits & ENCRYPTED:
        raise InvalidModelError(f"the archive's member {entry.filename!r} is encrypted")
    if entry.compress_type not in ZIP_METHODS:
        raise InvalidModelError(f"the archive's member {entry.filename!r} is packed in a rare way")


def _extract_tar(file: IO[bytes], members: Mapping[str, Path], max_bytes: int) -> set[str]:
    found: set[str] = set()
    with (
        gzip.GzipFile(fileobj=file) as unpacked,
        io.BufferedReader(_Capped(unpacked, max_bytes)) as capped,
        tarfile.open(fileobj=capped, mode="r|") as archive,
    ):
        for entry in archive:
            name = _wanted(entry.name, members, found)
            if name is None:
                continue
            content = archive.extractfile(entry) if entry.isreg() else None
            if content is None or entry.issparse():
                raise _no_plain_file(entry.name)
            _copy(content, members[name], entry.size)
    return found


def _wanted(member: str, members: Mapping[str, Path], found: set[str]) -> str | None:
    """The wanted name that the member bears, now found. Raises for one that only pretends to."""
    name = member.removeprefix("./")
    if _landing(name) not in members:
        return None
    if name not in members:
        raise UnsafeModelError(f"the archive's member {member!r} is no plain name")
    if name in found:
        raise UnsafeModelError(f"the archive has two members {name!r}")
    found.add(name)
    return name


def _landing(name: str) -> str:
    """Where in a folder a careless program would put a member of that name."""
    return normpath("/" + name.lstrip("/")).removeprefix("/")


def _copy(content: IO[bytes], path: Path, size: int) -> None:
    """Write the member, which must be as long as the archive says."""
    left = size
    try:
        with path.open("xb") as out:
            while chunk := _read(content, min(left + 1, CHUNK_BYTES)):
                left -= len(chunk)
                out.write(chunk)
    except OSError as error:
        raise StoreError(f"{path.name} cannot be written: {error.strerror}") from error
    if left:
        raise InvalidModelError("the archive is damaged: a member is not as long as it says")


def _read(content: IO[bytes], size: int) -> bytes:
    try:
        return content.read(size)
    except OSError as error:
        # Not to be taken for one of the disk that is written to.
        raise InvalidModelError(f"the archive is damaged: {error}") from error


class _Capped(io.RawIOBase):
    """A stream that refuses to give more than ``max_bytes``."""

    def __init__(self, stream: gzip.GzipFile, max_bytes: int) -> None:
        self._stream = stream
        self._left = max_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        chunk = self._stream.read(min(len(view), self._left + 1))
        self._left -= len(chunk)
        if self._left < 0:
            raise _too_large()
        view[: len(chunk)] = chunk
        return len(chunk)


def _too_large() -> InvalidModelError:
    return InvalidModelError("the archive holds more than such a model can need")


def _no_plain_file(member: str) -> UnsafeModelError:
    return UnsafeModelError(f"the archive's member {member!r} is no plain file")
