"""The head of JPEG data in a TIFF file (ITU-T T.81, annex B; TIFF Technical Note 2)."""

from __future__ import annotations

import struct

from pictell.errors import BrokenPictureError
from pictell.images.tiff.layout import unsupported

# Each strip or tile has a head of its own, so a long one costs much.
MAX_MARKERS = 64
_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)}
_SEQUENTIAL = {0xC0, 0xC1}
_SCAN = 0xDA


def read_frame(data: bytes) -> tuple[tuple[int, int], int]:
    """The width and height in pixels, and the number of components of sequential JPEG data.

    Raises ``NotAPictureError`` for JPEG data of another kind or in several scans, each of which
    costs as much as a decode; ``BrokenPictureError`` for none.
    """
    at, frame = 2, None
    try:
        for _ in range(MAX_MARKERS):
            prefix, marker, length = struct.unpack_from(">BBH", data, at)
            if prefix != 0xFF:
                break
            if marker in _FRAMES:
                bits, height, width, components = struct.unpack_from(">BHHB", data, at + 4)
                if marker not in _SEQUENTIAL or bits != 8:
                    raise unsupported("JPEG data that is not baseline")
                frame = (width, height), components
            elif marker == _SCAN:
                if frame is None:
                    break
                if data[at + 4] != frame[1]:
                    raise unsupported("JPEG data in several scans")
                return frame
            at += 2 + length
    except (struct.error, IndexError):
        pass
    raise BrokenPictureError("broken TIFF picture: a strip or tile is no JPEG data")
