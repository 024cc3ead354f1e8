"""The head of JPEG data in a TIFF file (ITU-T T.81, annex B; TIFF Technical Note 2)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from pictell.errors import BrokenPictureError
from pictell.images.jpeg.segments import FRAMES
from pictell.images.tiff.layout import unsupported

# Each strip or tile has a head of its own, so a long one costs much.
MAX_MARKERS = 32
_SEQUENTIAL = {0xC0, 0xC1}
_SCAN, _JFIF, _ADOBE = 0xDA, 0xE0, 0xEE
_ADOBE_COLOURS = {0: "RGB", 1: "YCbCr"}


class Frame(NamedTuple):
    """The size in pixels, the number of components, and the colour that the data itself names."""

    width: int
    height: int
    components: int
    colour: str | None = None


def read_frame(data: bytes) -> Frame:
    """The frame of baseline JPEG data.

    Raises ``NotAPictureError`` for JPEG data of another kind or in several scans, each of which
    costs as much as a decode; ``BrokenPictureError`` for none.
    """
    at, frame, colour = 2, None, None
    try:
        for _ in range(MAX_MARKERS):
            prefix, marker, length = struct.unpack_from(">BBH", data, at)
            if prefix != 0xFF:
                break
            if marker in FRAMES:
                frame = _read_frame(data, at, marker)
            elif marker == _JFIF and data[at + 4 : at + 8] == b"JFIF":
                colour = "YCbCr"
            elif marker == _ADOBE and data[at + 4 : at + 9] == b"Adobe":
                colour = _ADOBE_COLOURS.get(data[at + 15], colour)
            elif marker == _SCAN and frame is not None:
                if data[at + 4] != frame.components:
                    raise unsupported("JPEG data in several scans")
                return frame._replace(colour=colour)
            at += 2 + length
    except (struct.error, IndexError):
        pass
    raise BrokenPictureError("broken TIFF picture: a strip or tile is no JPEG data")


def _read_frame(data: bytes, at: int, marker: int) -> Frame:
    bits, height, width, components = struct.unpack_from(">BHHB", data, at + 4)
    if marker not in _SEQUENTIAL or bits != 8:
        raise unsupported("JPEG data that is not baseline")
    return Frame(width, height, components)
