"""The size of a zip archive's directory, found without reading the directory."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

# The record that ends an archive, the longest comment after it, and before it the records of an
# archive with large numbers (APPNOTE.TXT, 4.3.14 to 4.3.16).
END, MAX_COMMENT = struct.Struct("<4s4H2LH"), 65_535
LOCATOR, LARGE_END = struct.Struct("<4sLQL"), struct.Struct("<4sQ2H2L4Q")
END_MARK, LOCATOR_MARK, LARGE_END_MARK = b"PK\x05\x06", b"PK\x06\x07", b"PK\x06\x06"


def directory_bytes(file: BinaryIO) -> int:
    """The size of the directory as the end of the archive states it, 0 if it states none.

    It is the size that ``zipfile`` reads.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - MAX_COMMENT - END.size - LOCATOR.size - LARGE_END.size))
    tail = file.read()
    # ``zipfile`` first looks for an end without a comment.
    start = len(tail) - END.size
    if tail[start:][:4] != END_MARK:
        start = tail.rfind(END_MARK)
    if start < 0 or len(tail) - start < END.size:
        return 0
    stated: int = END.unpack_from(tail, start)[5]
    locator = start - LOCATOR.size
    large = locator - LARGE_END.size
    if large >= 0 and tail[locator:][:4] == LOCATOR_MARK and tail[large:][:4] == LARGE_END_MARK:
        stated = LARGE_END.unpack_from(tail, large)[8]
    return stated
