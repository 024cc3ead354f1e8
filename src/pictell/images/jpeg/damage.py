"""What libjpeg's remarks on a JPEG file mean, and how much of the picture is missing.

The remarks are its warnings (``JWRN_*`` in its jerror.h): it decodes on after them. Only the first
one of a file is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pictell.images.jpeg.segments import END_MARKER, MARKER, read_segments

END = b"\xff\xd9"
NOT_SEQUENTIAL = "Invalid SOS parameters for sequential JPEG"
_REMARKS = (
    "Premature end of JPEG file",
    "Corrupt JPEG data: ",
    "Inconsistent progression sequence ",
    NOT_SEQUENTIAL,
    "Unknown Adobe color transform code ",
    "Warning: unknown JFIF revision number ",
)
_EXTRA_BYTES = re.compile("Corrupt JPEG data: ([0-9]+) extraneous bytes before marker 0xd9")
_START_OF_SCAN = b"\xff\xda"
_LONGEST_SEGMENT = 0xFFFF + len(b"\xff\xc4")
_SCAN = re.compile(_START_OF_SCAN)
# More than files have that are decoded; others cost time.
_MAX_SCANS = 1000
_HUFFMAN_TABLES = 0xC4
# All but those of JFIF and Adobe, APP0 and APP14, which decide the colours.
_OF_APPLICATIONS = range(0xE1, 0xEE)
_HIGHEST_FREQUENCY = 63
_END_OF_BLOCK = 0
# Where zeros do not end blocks, sound photos have up to 9 of them.
_HOLE = bytes(16)
# The level that libjpeg gives to all that it has no data for.
_NO_DATA = 128
_BLOCK_SIDE, _MOST_ROWS_OF_A_BLOCK = 8, 32


class Header(NamedTuple):
    """The header of a JPEG file. It ends where the data of the first scan begins.

    ``scan`` is where the segment of that scan begins. ``in_one_scan``: the file is sequential, and
    this scan has all components.
    """

    scan: int
    end: int
    progressive: bool
    components: int
    in_one_scan: bool


def read_header(data: bytes, end: int, *, progressive: bool, components: int) -> Header:
    """The header of a file, of which the other facts are known."""
    scan = data.rfind(_START_OF_SCAN, 0, end)
    # The number of components follows the length (ITU-T T.81, B.2.3).
    is_whole = data[scan + 4 : scan + 5] == bytes([components])
    return Header(scan, end, progressive, components, is_whole and not progressive)


def is_remark(message: str) -> bool:
    """Whether libjpeg decodes on after it has said this."""
    return message.startswith(_REMARKS)


def without_padding(data: bytes, remark: str) -> bytes:
    """The file without zeros before its end marker, which some cameras write, if it has them."""
    extra = _EXTRA_BYTES.match(remark)
    return data.replace(bytes(int(extra[1])) + END, END, 1) if extra else data


def missing_share(pixels: NDArray[np.uint8]) -> float:
    """The share of the picture, 0..1, that has no data: all from some place on to its end.

    ``pixels`` has shape (H, W, 1 or 4): grey, RGB and an unused byte, or CMYK as it is stored.
    """
    height, rows = len(pixels), 0
    for row_end in pixels[::-1, -_BLOCK_SIDE:, :3]:
        if (row_end != _NO_DATA).any():
            break
        rows += 1
    # In the uppermost of them, the data may end in the middle.
    ragged = pixels[height - rows :, :, :3][:_MOST_ROWS_OF_A_BLOCK]
    left = float((ragged != _NO_DATA).any(axis=2).mean()) * len(ragged) if rows else 0.0
    return (rows - left) / height


def has_fine_detail(data: bytes, header: Header) -> bool:
    """Whether a scan has begun with the last bit of the highest frequency of the luma.

    Before it, a progressive picture is whole but blurred. The luma is the first component of the
    first scan.
    """
    luma = data[header.scan + 5]
    for scan in islice(_SCAN.finditer(data, header.scan), _MAX_SCANS):
        # Of each component there are two bytes (ITU-T T.81, B.2.3).
        end = scan.end() + 3 + 2 * int.from_bytes(data[scan.end() + 2 : scan.end() + 3], "big")
        parameters = data[end : end + 3]
        is_last = parameters[1:2] == bytes([_HIGHEST_FREQUENCY]) and not parameters[-1] & 0x0F
        if is_last and luma in data[scan.end() + 3 : end : 2]:
            return True
    return False


def has_hole(data: bytes, header: Header) -> bool:
    """Whether zeros cover a part of the only scan of a sequential file.

    They are codes like any others, so libjpeg may not notice. But so many of them mean blocks full
    of detail, unless zeros are the code that ends a block, as in files with large flat areas.
    """
    hole = data.find(_HOLE, header.end)
    if hole < 0 or not header.in_one_scan or data.find(END, header.end, hole) >= 0:
        return False
    # The first component of the scan (ITU-T T.81, B.2.3) is the luma.
    luma_table = data[header.scan + 6] & 0x0F
    return _code_of_zeros(data[: header.scan], luma_table) not in {None, _END_OF_BLOCK}


def _code_of_zeros(head: bytes, table: int) -> int | None:
    """What zeros mean in a Huffman table for AC coefficients: its first value, if it is there."""
    found = None
    for segment in _segments(head):
        at = 4
        # Class and number, how many codes there are of 16 lengths, the values (T.81, B.2.4.2).
        while segment[1] == _HUFFMAN_TABLES and at + 17 < len(segment):
            if segment[at] == 0x10 | table:
                found = segment[at + 17]
            at += 17 + sum(segment[at + 1 : at + 17])
    return found


def closed(data: bytes, header: Header) -> bytes:
    """A file that has no end marker, with one, and without a last segment that is cut off."""
    end = len(data)
    *_, last = [None, *MARKER.finditer(data, max(header.end, end - _LONGEST_SEGMENT))]
    if last is not None:
        size = int.from_bytes(data[last.end() : last.end() + 2].ljust(2, b"\xff"), "big")
        if last.end() + size > end:
            end = last.start()
    return b"".join([memoryview(data)[:end], END])


def with_plain_header(data: bytes, header: Header) -> tuple[bytes, Header]:
    """The file without the oddities of a header that change no pixel, but hide other remarks.

    These are stray bytes, versions and parameters, and data of applications, such as profiles.
    """
    head = bytearray(b"\xff\xd8")
    head += b"".join(_plain_segments(data[: header.scan], header.components))
    scan = len(head)
    head += data[header.scan : header.end]
    if not header.progressive:
        head[-3:] = 0, _HIGHEST_FREQUENCY, 0  # no other parameters are possible
    return bytes(head + data[header.end :]), header._replace(scan=scan, end=len(head))


def _plain_segments(head: bytes, components: int) -> Iterator[bytearray]:
    for segment in _segments(head):
        if segment[4:9] == b"JFIF\0":
            segment[9:10] = b"\1"
        if segment[4:9] == b"Adobe" and segment[15:16] > b"\2":
            segment[15] = 1 if components == 3 else 2  # as libjpeg assumes
        if segment[1] not in _OF_APPLICATIONS:
            yield segment


def _segments(head: bytes) -> Iterator[bytearray]:
    """The segments of a header, with their markers."""
    for _, at, end, _ in (one for one in read_segments(head, 2) if one.marker != END_MARKER):
        yield bytearray(head[at - 2 : end])
