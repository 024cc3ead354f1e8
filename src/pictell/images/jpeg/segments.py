"""The segments of a JPEG file, counted before a decoder sees them (ITU-T T.81, annex B)."""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from pictell.errors import BrokenPictureError, NotAPictureError

# Encoders write about ten scans. A file can have thousands, and each costs as much as a decode.
MAX_JPEG_SCANS = 100
# The work of all scans: each sample that they visit, and for each byte as much as for 64 samples.
# That of a detailed CMYK picture of 100 megapixels in 18 scans is 6e9, which takes 3 s.
MAX_SCAN_WORK = 8_000_000_000
_WORK_OF_A_BYTE = 64
# Larger pictures are refused for their size, unless the caller allows them.
_USUAL_PIXELS = 100_000_000
# A colour profile can have 255 parts. Pillow takes the longer for each segment the more there are.
MAX_SEGMENTS_OF_A_KIND = 300
# Pillow looks for the next segment byte by byte.
MAX_BYTES_BETWEEN_SEGMENTS = 1 << 20

# The markers that a length follows: all but stuffing, TEM, RST0-7 and SOI.
MARKER = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]")
END_MARKER, _SCAN, _PROGRESSIVE = 0xD9, 0xDA, 0xC2
_HUFFMAN = "Huffman-coded"
_EXTENDED_BITS = 12
# The markers of frames, and what each says of the coding.
FRAMES = {
    **dict.fromkeys((0xC0, 0xC1, _PROGRESSIVE), _HUFFMAN),
    0xC3: "lossless",
    **dict.fromkeys((0xC5, 0xC6, 0xC7), "hierarchical"),
    **dict.fromkeys((0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF), "arithmetically coded"),
    0xF7: "JPEG-LS",
}
# Decoders disagree whether a length follows.
_RESERVED = {0xC8, *range(0xF0, 0xFE)} - {0xF7}


class Segment(NamedTuple):
    """A segment: the second byte of its marker, where its length is, and where it ends.

    ``bytes_before`` is how many bytes are between the segment before it and its marker.
    """

    marker: int
    at: int
    end: int
    bytes_before: int


class _Frame(NamedTuple):
    """What the frame says of the picture."""

    marker: int
    pixels: int
    components: int


def check_segments(data: bytes) -> None:
    """Check that no decoder takes long for the segments up to the end marker.

    A video may follow that marker. Raises ``BrokenPictureError``, or ``NotAPictureError`` for kinds
    of JPEG that Pillow reads in part or not at all.
    """
    frame, scan = _read_header(data)
    if frame.marker != _PROGRESSIVE and _components(data, scan) == frame.components:
        return  # the picture has no other scans, and a search for them takes time
    scans = samples = 0
    for segment in read_segments(data, scan.at - 2):
        if segment.marker == _SCAN:
            scans += 1
            samples += _components(data, segment) * min(frame.pixels, _USUAL_PIXELS)
        work = samples + _WORK_OF_A_BYTE * (segment.at - scan.at)
        if scans > MAX_JPEG_SCANS or work > MAX_SCAN_WORK:
            raise BrokenPictureError(
                f"a JPEG with more than {MAX_JPEG_SCANS} scans, or fewer if it is large, is refused"
            )


def _read_header(data: bytes) -> tuple[_Frame, Segment]:
    """The frame and the first scan."""
    frame, bytes_between = None, 0
    for segment in read_segments(data, len(b"\xff\xd8")):
        bytes_between += segment.bytes_before
        if segment.marker in _RESERVED or bytes_between > MAX_BYTES_BETWEEN_SEGMENTS:
            raise BrokenPictureError("broken JPEG picture: what is between its segments is no JPEG")
        if segment.marker in FRAMES:
            frame = _read_frame(data, segment)
        elif segment.marker == _SCAN and frame is not None:
            return frame, segment
    raise BrokenPictureError("broken or truncated JPEG picture: it has no pixels")


def _read_frame(data: bytes, segment: Segment) -> _Frame:
    head = data[segment.at : segment.at + 8].ljust(8, b"\0")
    bits, height, width, components = struct.unpack(">2xBHHB", head)
    kind = FRAMES[segment.marker]
    if kind == _HUFFMAN and bits == _EXTENDED_BITS:
        kind = f"{bits}-bit"
    if kind != _HUFFMAN:
        raise NotAPictureError(
            f"a JPEG that is {kind}, which pictell does not read: save it as a usual JPEG or PNG"
        )
    return _Frame(segment.marker, height * width, components)


def _components(data: bytes, scan: Segment) -> int:
    """How many components a scan has."""
    return int.from_bytes(data[scan.at + 2 : scan.at + 3])


def read_segments(data: bytes, at: int) -> Iterator[Segment]:
    """The segments from a position up to the end marker, or the end of the data in its place."""
    counts: Counter[int] = Counter()
    while found := MARKER.search(data, at):
        marker, start = found[0][1], found.end()
        if marker == END_MARKER:
            break
        counts[marker] += 1
        if counts[marker] > MAX_SEGMENTS_OF_A_KIND:
            raise BrokenPictureError(
                f"a JPEG with more than {MAX_SEGMENTS_OF_A_KIND} segments of a kind is refused"
            )
        end = start + max(2, int.from_bytes(data[start : start + 2]))
        yield Segment(marker, start, end, found.start() - at)
        at = end
    at = found.end() if found else len(data)
    yield Segment(END_MARKER, at, at, 0)
