"""The zip archive that TFLite's tools append to a model, with files such as labels.

Only names and the files that are asked for are read, into memory.
"""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import TYPE_CHECKING

from pictell.errors import InvalidModelError

if TYPE_CHECKING:
    from zipfile import ZipFile

# The record that ends an archive, and the longest comment that may follow it (APPNOTE.TXT, 4.3.16).
END_MARK = b"PK\x05\x06"
MAX_END_BYTES = 22 + 65_535
# Each file of an archive has an entry with this mark in its directory (4.3.12).
ENTRY_MARK = b"PK\x01\x02"
MAX_FILES = 1000
MAX_FILE_BYTES = 16 * 1024 * 1024
# Of the end of the model: the archive has labels and other texts.
MAX_ARCHIVE_BYTES = 64 * 1024 * 1024
STORED, DEFLATED = 0, 8
ENCRYPTED = 1


class AppendedZip:
    """The files at the end of a model. Without an archive ``names`` is empty."""

    def __init__(self, content: bytes) -> None:
        """Raises ``InvalidModelError`` for a damaged archive, or one of too many files."""
        self._archive = _open(content)
        names = self._archive.namelist() if self._archive is not None else []
        self.names = tuple(name for name in names if name and not name.endswith("/"))

    def read(self, name: str) -> bytes:
        """The content of a file. Raises ``InvalidModelError`` if it is not there or damaged."""
        if self._archive is None or name not in self.names:
            raise InvalidModelError(f"the file has no {name!r:.100} in a zip archive at its end")
        info, shown = self._archive.getinfo(name), f"{name!r:.100} in the zip archive"
        if info.compress_type not in (STORED, DEFLATED) or info.flag_bits & ENCRYPTED:
            raise InvalidModelError(f"{shown} is encrypted or compressed oddly")
        try:
            with self._archive.open(info) as file:
                content = file.read(MAX_FILE_BYTES + 1)
        except _damages() as error:
            raise InvalidModelError(f"{shown} is damaged") from error
        if len(content) > MAX_FILE_BYTES:
            raise InvalidModelError(f"{shown} is longer than {MAX_FILE_BYTES >> 20} MiB")
        return content


def _open(content: bytes) -> ZipFile | None:
    if END_MARK not in content[-MAX_END_BYTES:]:
        return None
    # Imported only for a model that has an archive, to start faster.
    from zipfile import ZipFile

    tail = content[-MAX_ARCHIVE_BYTES:]
    if tail.count(ENTRY_MARK) > MAX_FILES:
        raise InvalidModelError(f"the zip archive at the end has more than {MAX_FILES:,} files")
    try:
        return ZipFile(BytesIO(tail))
    except _damages() as error:
        raise InvalidModelError("the zip archive at the end is damaged") from error


def _damages() -> tuple[type[Exception], ...]:
    """What ``zipfile`` raises for archives that are damaged or that it does not read."""
    from zipfile import BadZipFile

    others = (EOFError, IndexError, OSError, OverflowError, RuntimeError, ValueError)
    return BadZipFile, struct.error, zlib.error, *others
