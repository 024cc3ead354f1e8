"""The segments of a JPEG file, counted before a decoder sees them."""

from __future__ import annotations

import re

from pictell.errors import BrokenPictureError

# Encoders write about ten scans. A file can have thousands, and each costs as much as a decode.
MAX_JPEG_SCANS = 100
# The markers that a length follows: all but stuffing, TEM, RST0-7 and SOI.
_JPEG_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]")
# In sequential frames, unlike progressive ones, one scan can hold the whole picture.
_SEQUENTIAL_FRAME = {b"\xff\xc0", b"\xff\xc1", b"\xff\xc9"}


def check_segments(data: bytes) -> None:
    """Count the scans up to the end marker (ITU-T T.81, annex B). A video may follow it.

    Raises ``BrokenPictureError`` for too many.
    """
    scans, at = 0, len(b"\xff\xd8")
    components = None
    while (marker := _JPEG_MARKER.search(data, at)) and marker[0] != b"\xff\xd9":
        segment = marker.end()
        if marker[0] in _SEQUENTIAL_FRAME:
            components = data[segment + 7 : segment + 8]
        elif marker[0] == b"\xff\xda":
            if not scans and data[segment + 2 : segment + 3] == components:
                return  # the picture has no other scans, and a search for them takes time
            scans += 1
        at = segment + int.from_bytes(data[segment : segment + 2], "big")
    if scans > MAX_JPEG_SCANS:
        raise BrokenPictureError(f"a JPEG with more than {MAX_JPEG_SCANS} scans is refused")
