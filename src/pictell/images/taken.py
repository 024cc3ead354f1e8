"""When a photo was taken, from the EXIF data of its file. No pixels are decoded."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from datetime import datetime

from pictell.errors import PictellError
from pictell.images.formats import HEAD_BYTES, sniff
from pictell.images.jpeg.segments import read_segments

# The tags (EXIF 2.32, 4.6.3 and 4.6.5): the directory of a camera, when the photo was taken, when
# it was digitised, and when the file was changed.
_CAMERA, _ORIGINAL, _DIGITIZED, _CHANGED = 0x8769, 0x9003, 0x9004, 0x0132
_ASCII = 2
# A camera writes about a hundred. Each takes time.
_MAX_TAGS = 1_000
_MAX_CHUNKS = 10_000
# Some programs write a date as ISO 8601 does, or without seconds.
_DATE = re.compile(rb"\s*(\d{4})[:/.-](\d\d)[:/.-](\d\d)[ T](\d\d):(\d\d)(?::(\d\d))?")
_DATE_BYTES = 40
_JPEG_APP1, _JPEG_SCAN = 0xE1, 0xDA
_EXIF_START = b"Exif\0\0"
_TIFF_STARTS = (b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08")


def taken(content: bytes) -> datetime | None:
    """When the camera took the photo in a file, by its own clock, without a zone.

    It is ``DateTimeOriginal``, else ``DateTimeDigitized``, else ``DateTime``, of a JPEG, PNG, WebP,
    TIFF, HEIC or AVIF file. ``None`` if the file has none, or none that is possible. Never raises.
    """
    format_ = sniff(content[:HEAD_BYTES])
    find = _EXIF_IN.get(format_.name) if format_ is not None else None
    if find is None:
        return None
    try:
        dates = map(_date, find(content))
        return next((date for date in dates if date is not None), None)
    except PictellError:  # its segments are broken
        return None


def _in_jpeg(data: bytes) -> Iterator[bytes]:
    for segment in read_segments(data, 2):
        if segment.marker == _JPEG_SCAN:
            return
        if segment.marker == _JPEG_APP1 and data.startswith(_EXIF_START, segment.at + 2):
            yield data[segment.at + 2 + len(_EXIF_START) : segment.end]


def _in_png(data: bytes) -> Iterator[bytes]:
    at = 8
    for _ in range(_MAX_CHUNKS):
        head = data[at : at + 8]
        end = at + 8 + int.from_bytes(head[:4])
        if len(head) < 8:
            return
        if head[4:] == b"eXIf":
            yield data[at + 8 : end].removeprefix(_EXIF_START)
        at = end + 4


def _in_webp(data: bytes) -> Iterator[bytes]:
    at = 12
    for _ in range(_MAX_CHUNKS):
        head = data[at : at + 8]
        end = at + 8 + int.from_bytes(head[4:], "little")
        if len(head) < 8:
            return
        if head[:4] == b"EXIF":
            yield data[at + 8 : end].removeprefix(_EXIF_START)
        at = end + end % 2


def _in_tiff(data: bytes) -> Iterator[bytes]:
    yield data


def _in_boxes(data: bytes) -> Iterator[bytes]:
    """The beginnings of EXIF data in an HEIC or AVIF file, which has them in one piece."""
    for start in _TIFF_STARTS:
        at = data.find(start)
        if at >= 0:
            yield data[at:]


_EXIF_IN = {
    "JPEG": _in_jpeg,
    "PNG": _in_png,
    "WebP": _in_webp,
    "TIFF": _in_tiff,
    "HEIC": _in_boxes,
    "AVIF": _in_boxes,
}


def _date(exif: bytes) -> datetime | None:
    """The date in EXIF data, which are a TIFF file without pixels."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None or len(exif) < 8:
        return None
    (start,) = struct.unpack_from(f"{order}L", exif, 4)
    first = _directory(exif, start, order)
    camera = {}
    if _CAMERA in first:
        camera = _directory(exif, first[_CAMERA][2], order)
    for directory, tag in ((camera, _ORIGINAL), (camera, _DIGITIZED), (first, _CHANGED)):
        type_, count, at = directory.get(tag, (0, 0, 0))
        if type_ == _ASCII and (date := _to_date(exif[at : at + min(count, _DATE_BYTES)])):
            return date
    return None


def _directory(exif: bytes, start: int, order: str) -> dict[int, tuple[int, int, int]]:
    """The type, the number of values and the offset of each tag; the first one of a tag counts."""
    if start + 2 > len(exif):
        return {}
    (count,) = struct.unpack_from(f"{order}H", exif, start)
    entries = exif[start + 2 : start + 2 + 12 * min(count, _MAX_TAGS)]
    entries = entries[: len(entries) // 12 * 12]
    found = dict[int, tuple[int, int, int]]()
    for tag, type_, number, at in struct.iter_unpack(f"{order}HHLL", entries):
        found.setdefault(tag, (type_, number, at))
    return found


def _to_date(text: bytes) -> datetime | None:
    found = _DATE.match(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
    try:
        return datetime(year, month, day, hour, minute, second)
    except ValueError:  # zeros, or a thirteenth month
        return None
