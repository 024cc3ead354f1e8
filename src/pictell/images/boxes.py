"""The boxes of AVIF and HEIC files (ISO/IEC 14496-12 and HEIF, ISO/IEC 23008-12)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from pictell.errors import BrokenPictureError

# Room for 2,000 items, twice as many as libheif allows. libavif takes the longer for each item the
# more there are, and needs a decoder for each tile.
MAX_TABLE_BYTES = 128 << 10
MAX_BOXES = 10_000
# What a decoder goes through, in pixels: bytes, tiles, their canvas, and the canvas again for each
# turn. A detailed picture of 60 megapixels in 30 MB needs 480 million as HEIC.
MAX_WORK = 500_000_000
# Items are made of others, tiles for example, which can be made of others again.
_MAX_DEPTH = 4
# Boxes that contain boxes, with the bytes before the first of these.
_CONTAINERS = {b"meta": 4, b"iprp": 0, b"ipco": 0, b"moov": 0, b"trak": 0}
_TURNS = {b"irot", b"imir", b"clap"}
_TABLES = {b"iinf", b"iloc", b"ipma", b"iref"}


class Box(NamedTuple):
    """The type of a box, and where its body is."""

    kind: bytes
    start: int
    end: int


def read_tables(data: bytes, pixels_of_a_byte: int) -> list[Box]:
    """The boxes that are tables of items.

    A decoder takes as long for a byte as for ``pixels_of_a_byte``. Data count as often as they are
    used: all tiles of a picture can have the same. Raises ``BrokenPictureError`` for too many
    items, or for items that a decoder needs long for.
    """
    boxes = list(_boxes(data))
    tables = [box for box in boxes if box.kind in _TABLES]
    if sum(box.end - box.start for box in tables) > MAX_TABLE_BYTES:
        raise BrokenPictureError("a picture of more than about 2,000 items is refused")
    try:
        work = _all_pixels(data, boxes)
        for item, length in _all_lengths(data, tables):
            work[item] = work.get(item, 0) + pixels_of_a_byte * length
        largest = _largest(work, _all_parts(data, tables))
    except (struct.error, IndexError):
        raise BrokenPictureError("broken picture: a table of its items is cut short") from None
    if largest > MAX_WORK:
        raise BrokenPictureError("a picture of too many bytes, pixels, tiles and turns is refused")
    return tables


def _boxes(data: bytes) -> Iterator[Box]:
    """The boxes of a file, and of its boxes that contain some."""
    to_do, count = [(0, len(data))], 0
    while to_do:
        at, end = to_do.pop()
        while at + 8 <= end:
            if (count := count + 1) > MAX_BOXES:
                raise BrokenPictureError(f"a picture of more than {MAX_BOXES} boxes is refused")
            size, kind = struct.unpack_from(">I4s", data, at)
            start = at + 8
            if size == 1:
                size, start = int.from_bytes(data[start : start + 8]), start + 8
            box_end = end if size == 0 else at + size
            if not start <= box_end <= end:
                break  # decoders refuse it
            yield Box(kind, start, box_end)
            if kind in _CONTAINERS:
                to_do.append((start + _CONTAINERS[kind], box_end))
            at = box_end


def _largest(own: dict[int, int], parts: dict[int, list[int]]) -> int:
    """The most that an item has, those that it is made of included (HEIF, 6.6)."""
    whole = own
    for _ in range(_MAX_DEPTH):
        whole = {
            item: own.get(item, 0) + sum(whole.get(part, 0) for part in parts.get(item, []))
            for item in own.keys() | parts.keys()
        }
    return max(whole.values(), default=0)


def _all_lengths(data: bytes, tables: list[Box]) -> Iterator[tuple[int, int]]:
    """Items with the bytes of a part of them."""
    for _, start, end in (box for box in tables if box.kind == b"iloc"):
        yield from _lengths(data[start:end], len(data))


def _all_parts(data: bytes, tables: list[Box]) -> dict[int, list[int]]:
    """The items that an item is made of."""
    parts: dict[int, list[int]] = {}
    for _, start, end in (box for box in tables if box.kind == b"iref"):
        for item, others in _parts(data[start:end]):
            parts.setdefault(item, []).extend(others)
    return parts


def _all_pixels(data: bytes, boxes: list[Box]) -> dict[int, int]:
    """The pixels that a decoder goes through for each item, once more for each turn."""
    pixels: dict[int, int] = {}
    containers = [box for box in boxes if box.kind == b"ipco"]
    properties = [box for box in boxes for one in containers if one.start <= box.start < one.end]
    properties = [box for box in properties if box.kind != b"ipco"]
    for _, start, end in (box for box in boxes if box.kind == b"ipma"):
        for item, numbers in _properties(data[start:end]):
            used = [properties[one - 1] for one in numbers if 0 < one <= len(properties)]
            turns = sum(box.kind in _TURNS for box in used)
            sizes = [
                struct.unpack_from(">II", data, box.start + 4)
                for box in used
                if box.kind == b"ispe"
            ]
            area = max((width * height for width, height in sizes), default=0)
            pixels[item] = pixels.get(item, 0) + area * (1 + turns)
    return pixels


def _properties(table: bytes) -> Iterator[tuple[int, list[int]]]:
    """Each item of a box ``ipma`` with the numbers of its properties, from 1."""
    number_bytes, wide = 4 if table[0] else 2, table[3] & 1
    (count,) = struct.unpack_from(">I", table, 4)
    at = 8
    for _ in range(count):
        item, used = int.from_bytes(table[at : at + number_bytes]), table[at + number_bytes]
        at += number_bytes + 1
        form = f">{used}{'H' if wide else 'B'}"
        numbers = struct.unpack_from(form, table, at)
        at += used << wide
        yield item, [number & (0x7FFF if wide else 0x7F) for number in numbers]


def _lengths(table: bytes, file_bytes: int) -> Iterator[tuple[int, int]]:
    """Each item of a box ``iloc`` with its length."""
    version, sizes, base = table[0], table[4], table[5]
    offset_bytes, length_bytes, base_bytes = sizes >> 4, sizes & 15, base >> 4
    index_bytes = base & 15 if version else 0
    number_bytes = 4 if version == 2 else 2
    at = 6 + number_bytes
    for _ in range(int.from_bytes(table[6:at])):
        item = int.from_bytes(table[at : at + number_bytes])
        at += number_bytes + (4 if version else 2) + base_bytes
        (extents,) = struct.unpack_from(">H", table, at)
        at += 2
        step = index_bytes + offset_bytes + length_bytes
        if extents > 1 and at + extents * max(step, 1) > len(table):
            raise IndexError
        for _ in range(extents):
            at += step
            yield item, int.from_bytes(table[at - length_bytes : at]) or file_bytes


def _parts(table: bytes) -> Iterator[tuple[int, list[int]]]:
    """Each item of a box ``iref`` that is made of others, with these."""
    number, number_bytes = ("I", 4) if table[0] else ("H", 2)
    at = 4
    while at < len(table):
        size, kind = struct.unpack_from(">I4s", table, at)
        item, count = struct.unpack_from(f">{number}H", table, at + 8)
        if kind == b"dimg":
            yield item, list(struct.unpack_from(f">{count}{number}", table, at + 10 + number_bytes))
        at += max(size, 8)
