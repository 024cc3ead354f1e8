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
# Items are made of others, tiles for example, which can be made of others again.
_MAX_DEPTH = 4
# Boxes that contain boxes, with the bytes before the first of these.
_CONTAINERS = {b"meta": 4, b"iprp": 0, b"moov": 0, b"trak": 0}
_TABLES = {b"iinf", b"iloc", b"ipma", b"iref"}


class Box(NamedTuple):
    """The type of a box, and where its body is."""

    kind: bytes
    start: int
    end: int


def read_tables(data: bytes, max_coded_bytes: int) -> list[Box]:
    """The boxes that are tables of items.

    ``max_coded_bytes`` is for the data that a decoder reads, which counts as often as it is used:
    all tiles of a picture can have the same. Raises ``BrokenPictureError`` for more, and for tables
    of too many items.
    """
    tables = [box for box in _boxes(data) if box.kind in _TABLES]
    if sum(box.end - box.start for box in tables) > MAX_TABLE_BYTES:
        raise BrokenPictureError("a picture of more than about 2,000 items is refused")
    try:
        coded_bytes = _coded_bytes(data, tables)
    except (struct.error, IndexError):
        raise BrokenPictureError("broken picture: a table of its items is cut short") from None
    if coded_bytes > max_coded_bytes:
        raise BrokenPictureError(
            f"a picture whose items have more than {max_coded_bytes >> 20} MiB is refused"
        )
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


def _coded_bytes(data: bytes, tables: list[Box]) -> int:
    """The bytes of all items, those of an item's parts included (HEIF, 6.6)."""
    lengths: dict[int, int] = {}
    parts: dict[int, list[int]] = {}
    for kind, start, end in tables:
        if kind == b"iloc":
            for item, length in _lengths(data[start:end], len(data)):
                lengths[item] = lengths.get(item, 0) + length
        elif kind == b"iref":
            for item, others in _parts(data[start:end]):
                parts.setdefault(item, []).extend(others)
    whole = lengths
    for _ in range(_MAX_DEPTH):
        whole = {
            item: lengths.get(item, 0) + sum(whole.get(part, 0) for part in parts.get(item, []))
            for item in lengths.keys() | parts.keys()
        }
    return sum(whole[item] for item in whole.keys() - set().union(*parts.values()))


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
