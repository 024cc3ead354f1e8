"""AVIF and HEIC files that are made to take long, for ``hostile_pictures.py``.

Their boxes are those of ISO/IEC 14496-12 and of HEIF, ISO/IEC 23008-12.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from hostile_jpeg_png import MAX_BYTES, blurred, directory, encoded, noise


def box(kind: bytes, body: bytes) -> bytes:
    """A box."""
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full(kind: bytes, body: bytes, version: int = 0) -> bytes:
    """A box with a version and no flags."""
    return box(kind, bytes([version, 0, 0, 0]) + body)


def body_of(data: bytes, kind: bytes) -> bytes:
    """The body of the first box of a kind."""
    at = data.index(kind)
    (size,) = struct.unpack_from(">I", data, at - 4)
    return data[at + 4 : at - 4 + size]


class Item(NamedTuple):
    """An item: its type, its data, and the numbers of its properties."""

    kind: bytes
    data: bytes
    properties: tuple[int, ...] = ()


class Parts(NamedTuple):
    """An encoded picture in parts: the first box, the properties and the item."""

    ftyp: bytes
    properties: bytes
    item: Item


def parts(format_: str, side: int = 64, quality: int = 50) -> Parts:
    """A small picture."""
    data = encoded(noise(side, side), format_, quality=quality)
    (count,) = body_of(data, b"ipma")[10:11]
    numbers = tuple(body_of(data, b"ipma")[11 : 11 + count])
    kind = body_of(data, b"infe")[8:12]
    item = Item(kind, body_of(data, b"mdat"), numbers)
    return Parts(box(b"ftyp", body_of(data, b"ftyp")), body_of(data, b"ipco"), item)


def assembled(
    base: Parts,
    items: list[Item],
    *,
    references: bytes = b"",
    properties: bytes = b"",
    more_in_meta: bytes = b"",
    more: bytes = b"",
) -> bytes:
    """A file whose first item is the picture. Items with the same data share it."""
    infos = b"".join(
        full(b"infe", struct.pack(">HH4sx", number, 0, item.kind), 2)
        for number, item in enumerate(items, 1)
    )
    links = b"".join(
        struct.pack(">HB", number, len(item.properties)) + bytes(item.properties)
        for number, item in enumerate(items, 1)
        if item.properties
    )
    linked = sum(bool(item.properties) for item in items)
    offsets: dict[bytes, int] = {}
    end = 0
    for item in items:
        if item.data not in offsets:
            offsets[item.data] = end
            end += len(item.data)

    def meta(start: int) -> bytes:
        places = b"".join(
            struct.pack(">HHHII", number, 0, 1, start + offsets[item.data], len(item.data))
            for number, item in enumerate(items, 1)
        )
        return full(
            b"meta",
            full(b"hdlr", struct.pack(">4x4s13x", b"pict"))
            + full(b"pitm", b"\0\1")
            + full(b"iloc", struct.pack(">BBH", 0x44, 0, len(items)) + places)
            + full(b"iinf", struct.pack(">H", len(items)) + infos)
            + references
            + box(
                b"iprp",
                box(b"ipco", base.properties + properties)
                + full(b"ipma", struct.pack(">I", linked) + links),
            )
            + more_in_meta,
        )

    start = len(base.ftyp) + len(meta(0)) + 8
    return base.ftyp + meta(start) + box(b"mdat", b"".join(offsets)) + more


def reference(kind: bytes, item: int, targets: list[int]) -> bytes:
    """A box ``iref`` with one reference."""
    return full(
        b"iref",
        box(
            kind,
            struct.pack(">HH", item, len(targets)) + struct.pack(f">{len(targets)}H", *targets),
        ),
    )


def grid(format_: str, rows: int, columns: int, side: int, quality: int, turns: int = 0) -> bytes:
    """A picture of tiles, which all have the same data."""
    base = parts(format_, side, quality)
    layout = struct.pack(">BBBBII", 0, 1, rows - 1, columns - 1, columns * side, rows * side)
    size = full(b"ispe", struct.pack(">II", columns * side, rows * side))
    number = 1 + count_boxes(base.properties)
    whole = Item(b"grid", layout, (number, *(turns * [number + 1])))
    items = [whole, *(rows * columns * [base.item])]
    size += box(b"irot", b"\1")
    tiles = list(range(2, 2 + rows * columns))
    return assembled(base, items, references=reference(b"dimg", 1, tiles), properties=size)


def count_boxes(boxes: bytes) -> int:
    """How many boxes there are."""
    count = at = 0
    while at < len(boxes):
        at += struct.unpack_from(">I", boxes, at)[0]
        count += 1
    return count


def with_metadata(format_: str, kind: bytes, data: bytes, *, turned: bool = False) -> bytes:
    """A small picture with metadata, and if it is turned with the box that says so."""
    base = parts(format_)
    turn = box(b"irot", b"\1") if turned else b""
    extra = (1 + count_boxes(base.properties),) if turned else ()
    item = base.item._replace(properties=base.item.properties + extra)
    items = [item, Item(kind, data)]
    return assembled(base, items, references=reference(b"cdsc", 2, [1]), properties=turn)


def simple(format_: str, **more: bytes) -> bytes:
    """A small picture with more boxes."""
    base = parts(format_)
    return assembled(base, [base.item], **more)


def many_items(format_: str) -> bytes:
    """As many items as a number of 16 bits can count."""
    base = parts(format_)
    return assembled(base, [base.item, *(65_000 * [Item(b"free", b"x")])])


def long_locations(format_: str, count: int) -> bytes:
    """A second table of places, with numbers of 32 bits."""
    places = b"".join(struct.pack(">IHHH", at, 0, 0, 0) for at in range(2, count))
    table = full(b"iloc", struct.pack(">BBI", 0, 0, count - 2) + places, 2)
    return simple(format_, more_in_meta=table)


def nested(depth: int) -> bytes:
    """Boxes in boxes."""
    size = 8 * depth
    return b"".join(struct.pack(">I4s", size - 8 * at, b"dinf") for at in range(depth))


def boxes_of(format_: str) -> dict[str, Callable[[], bytes]]:
    """The files of AVIF or HEIF, by what they are."""
    return {
        "empty boxes at the end, 128 MB": lambda: simple(
            format_, more=16_000_000 * box(b"free", b"")
        ),
        "empty boxes in meta, 128 MB": lambda: simple(
            format_, more_in_meta=16_000_000 * box(b"free", b"")
        ),
        "a million properties": lambda: simple(format_, properties=1_000_000 * box(b"free", b"")),
        "boxes in boxes, 100,000 deep": lambda: simple(format_, more_in_meta=nested(100_000)),
        "65,000 items": lambda: many_items(format_),
        "places of 3 million items": lambda: long_locations(format_, 3_000_000),
        "EXIF data of 128 MB": lambda: with_metadata(
            format_, b"Exif", bytes(4) + directory(65_535, 130_000_000)
        ),
        "EXIF data of 128 MB, turned": lambda: with_metadata(
            format_, b"Exif", bytes(4) + directory(1, 130_000_000), turned=True
        ),
        "XMP of 128 MB": lambda: with_metadata(format_, b"mime", bytes(MAX_BYTES - 99_999)),
        "a grid of 24,000 tiles": lambda: grid(format_, 155, 155, 64, 50),
        **{
            f"95 MP, 361 tiles, quality {quality}": partial(grid, format_, 19, 19, 512, quality)
            for quality in (1, 20, 50, 80, 95)
        },
        "95 MP, turned once": lambda: grid(format_, 19, 19, 512, 20, 1),
        "95 MP, turned 200 times": lambda: grid(format_, 19, 19, 512, 20, 200),
        "59 MP, 900 tiles": lambda: grid(format_, 30, 30, 256, 20),
    }


AVIFS = {
    **boxes_of("AVIF"),
    "100 MP, a photo": lambda: encoded(blurred(64), "AVIF", speed=10, quality=80),
    "36 MP of noise": lambda: encoded(
        noise(6000, 6000), "AVIF", speed=10, quality=80, subsampling="4:4:4"
    ),
}
HEICS = boxes_of("HEIF")
