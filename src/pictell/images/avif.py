"""AVIF files."""

from __future__ import annotations

import io

from PIL.AvifImagePlugin import AvifImageFile

from pictell.images.boxes import Box, read_tables

# benchmarks/hostile_pictures.md
_PIXELS_OF_A_BYTE = 6


def open_avif(stream: io.BytesIO) -> AvifImageFile:
    """Read the header of an AVIF file. Raises ``BrokenPictureError``, or what Pillow raises.

    EXIF data and XMP are left out: in AVIF only the boxes ``irot`` and ``imir`` say how to turn
    the picture, and Pillow takes long for EXIF data that is made for it.
    """
    data = stream.getvalue()
    tables = read_tables(data, _PIXELS_OF_A_BYTE)
    file = AvifImageFile(io.BytesIO(_without_exif(data, tables)))
    file.info.pop("xmp", None)
    return file


def _without_exif(data: bytes, tables: list[Box]) -> bytes:
    """The file with another type for its items of type ``Exif``."""
    for _, start, end in (box for box in tables if box.kind == b"iinf"):
        if b"Exif" in data[start:end]:
            hidden = data[start:end].replace(b"Exif", b"free")
            data = b"".join([memoryview(data)[:start], hidden, memoryview(data)[end:]])
    return data
