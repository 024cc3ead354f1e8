"""PNG files."""

from __future__ import annotations

import io
import struct
import zlib

from PIL.PngImagePlugin import PngImageFile

from pictell.errors import BrokenPictureError


def open_png(stream: io.BytesIO) -> PngImageFile:
    """Read the header of a PNG file. Raises ``BrokenPictureError``, or what Pillow raises."""
    _check_chunks(stream.getvalue())
    return PngImageFile(stream)


def _check_chunks(data: bytes) -> None:
    """Check each critical chunk up to IEND, as Pillow does not (ISO/IEC 15948, 5.3-5.5)."""
    view = memoryview(data)
    at, kind = 8, b""
    while kind != b"IEND":
        try:
            length, kind = struct.unpack_from(">I4s", data, at)
            (checksum,) = struct.unpack_from(">I", data, at + 8 + length)
        except struct.error:
            raise BrokenPictureError("truncated PNG picture: it has no IEND chunk") from None
        critical = not kind[0] & 0x20
        if critical and zlib.crc32(view[at + 4 : at + 8 + length]) != checksum:
            name = kind.decode("latin-1")
            raise BrokenPictureError(f"broken PNG picture: wrong checksum in {name}")
        at += 12 + length
