"""The orientation in EXIF data, the only part that pictell uses."""

from __future__ import annotations

import re
import struct

from PIL.ExifTags import Base

ORIENTATION = Base.Orientation.value
# The types that hold a whole number (TIFF 6.0): BYTE, SHORT, LONG.
_WHOLE_NUMBERS = {1: "B", 3: "H", 4: "L"}


def only_orientation(exif: bytes) -> bytes:
    """EXIF data with the same orientation and nothing else; empty if there is none.

    Pillow reads all entries, and these can be made to take minutes and gigabytes.
    """
    exif = re.sub(rb"^(?:Exif\0\0){1,2}", b"", exif)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None or len(exif) < 10:
        return b""
    (start,) = struct.unpack_from(f"{order}L", exif, 4)
    count = int.from_bytes(exif[start : start + 2], "little" if order == "<" else "big")
    entries = exif[start + 2 : start + 2 + 12 * count]
    entries = entries[: len(entries) // 12 * 12]
    for tag, type_, number, value in struct.iter_unpack(f"{order}HHL4s", entries):
        if tag == ORIENTATION and type_ in _WHOLE_NUMBERS and number == 1:
            (orientation,) = struct.unpack_from(order + _WHOLE_NUMBERS[type_], value)
            return _with_orientation(orientation)
    return b""


def _with_orientation(orientation: int) -> bytes:
    """EXIF data of one directory with one entry."""
    return struct.pack(">4sLHHHLLL", b"MM\0*", 8, 1, ORIENTATION, 4, 1, orientation, 0)
