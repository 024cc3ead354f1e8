"""AVIF files."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import NamedTuple

from PIL.AvifImagePlugin import AvifImageFile

from pictell.errors import BrokenPictureError

# Room for 2,000 items, twice as many as libheif allows. libavif takes the longer for each item the
# more there are, and needs a decoder for each tile.
MAX_TABLE_BYTES = 128 << 10
MAX_BOXES = 10_000
# Boxes that contain boxes, with the bytes before the first of these (ISO/IEC 14496-12).
_CONTAINERS = {b"meta": 4, b"iprp": 0, b"moov": 0, b"trak": 0}
_TABLES = {b"iinf", b"iloc", b"ipma", b"iref"}


class _Box(NamedTuple):
    """The type of a box, and where its body is."""

    kind: bytes
    start: int
    end: int


def open_avif(stream: io.BytesIO) -> AvifImageFile:
    """Read the header of an AVIF file. Raises ``BrokenPictureError``, or what Pillow raises.

    EXIF data and XMP are left out: in AVIF only the boxes ``irot`` and ``imir`` say how to turn
    the picture, and Pillow takes long for EXIF data that is made for it.
    """
    data = stream.getvalue()
    tables = [box for box in _boxes(data) if box.kind in _TABLES]
    if sum(box.end - box.start for box in tables) > MAX_TABLE_BYTES:
        raise BrokenPictureError(
            f"an AVIF with more than {MAX_TABLE_BYTES >> 10} kB of tables of its items is refused"
        )
    file = AvifImageFile(io.BytesIO(_without_exif(data, tables)))
    file.info.pop("xmp", None)
    return file


def _boxes(data: bytes) -> Iterator[_Box]:
    """The boxes of a file, and of its boxes that contain some."""
    to_do, count = [(0, len(data))], 0
    while to_do:
        at, end = to_do.pop()
        while at + 8 <= end and count < MAX_BOXES:
            count += 1
            size, kind = struct.unpack_from(">I4s", data, at)
            start = at + 8
            if size == 1:
                size, start = int.from_bytes(data[start : start + 8]), start + 8
            box_end = end if size == 0 else at + size
            if not start <= box_end <= end:
                break  # libavif refuses it
            yield _Box(kind, start, box_end)
            if kind in _CONTAINERS:
                to_do.append((start + _CONTAINERS[kind], box_end))
            at = box_end
    if count == MAX_BOXES:
        raise BrokenPictureError(f"an AVIF with {MAX_BOXES} boxes or more is refused")


def _without_exif(data: bytes, tables: list[_Box]) -> bytes:
    """The file with another type for its items of type ``Exif``."""
    for _, start, end in (box for box in tables if box.kind == b"iinf"):
        if b"Exif" in data[start:end]:
            hidden = data[start:end].replace(b"Exif", b"free")
            data = b"".join([memoryview(data)[:start], hidden, memoryview(data)[end:]])
    return data
