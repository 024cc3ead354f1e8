"""TIFF files of every kind, written by their specification and not by a library that reads them."""

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import imagecodecs
import numpy as np
from numpy.typing import NDArray

NONE, LZW, JPEG, DEFLATE, PACKBITS = 1, 5, 7, 8, 32773
SHORT, LONG, RATIONAL, UNDEFINED = 3, 4, 5, 7
_LAYOUT = {
    1: "B",
    SHORT: "H",
    LONG: "I",
    RATIONAL: "I",
    UNDEFINED: "B",
    2: "B",
    12: "d",
    13: "I",
    16: "Q",
}

Tags = dict[int, tuple[int, Iterable[int]]]


@dataclass
class Page:
    """A page: samples (height, width, n) of ``bits`` bits, and how they are stored.

    ``jpeg`` is the colour space of the JPEG data. ``tags`` are added, or replace others; those
    that are ``None`` are left out.
    """

    samples: NDArray[np.integer]
    bits: int = 8
    photometric: int = 1
    planar: bool = False
    tile: tuple[int, int] | None = None
    rows: int = 16
    compression: int = NONE
    predictor: bool = False
    fill_order: int = 1
    jpeg: str = "GRAYSCALE"
    tags: dict[int, tuple[int, list[int]] | None] = field(default_factory=dict)
    children: list["Page"] = field(default_factory=list)

    def segments(self) -> Iterable[NDArray[np.integer]]:
        """The samples of each strip (rows of the page) or tile (padded with 0)."""
        planes = (
            np.moveaxis(self.samples, -1, 0)[..., np.newaxis] if self.planar else [self.samples]
        )
        height, width = self.samples.shape[:2]
        rows, columns = self.tile or (self.rows, width)
        for plane in planes:
            for top in range(0, height, rows):
                for left in range(0, width, columns):
                    part = plane[top : top + rows, left : left + columns]
                    if self.tile:
                        missing = rows - part.shape[0], columns - part.shape[1]
                        part = np.pad(part, ((0, missing[0]), (0, missing[1]), (0, 0)))
                    yield part

    def compress(self, part: NDArray[np.integer], order: str) -> bytes:
        if self.compression == JPEG:
            space = "GRAYSCALE" if self.planar else self.jpeg
            part = np.ascontiguousarray(part.astype(np.uint8))
            spaces = {"colorspace": space, "outcolorspace": space}
            return imagecodecs.jpeg_encode(part, 95, subsampling="444", **spaces)
        if self.predictor:
            part = np.diff(part.astype(np.int64), axis=1, prepend=0) % (1 << self.bits)
        data = pack(part.reshape(len(part), -1), self.bits, order)
        if self.fill_order == 2:
            data = imagecodecs.bitorder_encode(data)
        if self.compression == LZW:
            return imagecodecs.lzw_encode(data)
        if self.compression == DEFLATE:
            return zlib.compress(data)
        if self.compression == PACKBITS:
            return imagecodecs.packbits_encode(data)
        return data

    def describe(self) -> Tags:
        height, width, count = self.samples.shape
        tags: Tags = {
            256: (SHORT, [width]),
            257: (SHORT, [height]),
            258: (SHORT, [self.bits] * count),
            259: (SHORT, [self.compression]),
            262: (SHORT, [self.photometric]),
            277: (SHORT, [count]),
            284: (SHORT, [2 if self.planar else 1]),
        }
        if self.predictor:
            tags[317] = (SHORT, [2])
        if self.fill_order != 1:
            tags[266] = (SHORT, [self.fill_order])
        if self.tile:
            tags |= {322: (SHORT, [self.tile[1]]), 323: (SHORT, [self.tile[0]])}
        else:
            tags[278] = (SHORT, [self.rows])
        return tags


def pack(rows: NDArray[np.integer], bits: int, order: str = "<") -> bytes:
    """Rows of samples as bytes; each row begins with a byte."""
    if bits in {8, 16, 32}:
        return rows.astype(f"{order}u{bits // 8}").tobytes()
    shifts = np.arange(bits)[::-1]
    return np.packbits(
        (rows[..., np.newaxis] >> shifts & 1).reshape(len(rows), -1), axis=1
    ).tobytes()


def write(*pages: Page, order: str = "<", big: bool = False) -> bytes:
    """A file of these pages, in the byte order ``<`` or ``>``."""
    file = bytearray(
        (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
    )
    if big:
        file += struct.pack(order + "HH", 8, 0)
    link, word = len(file), "Q" if big else "I"
    file += struct.pack(order + word, 0)
    for page in pages:
        start, after = _write_page(file, page, order, word)
        struct.pack_into(order + word, file, link, start)
        link = after
    return bytes(file)


def _write_page(file: bytearray, page: Page, order: str, word: str) -> tuple[int, int]:
    """Append a page. Where its directory is, and where the offset of the next one is."""
    offsets, lengths = [], []
    for part in page.segments():
        data = page.compress(part, order)
        offsets.append(len(file))
        lengths.append(len(data))
        file += data
    at, count = (324, 325) if page.tile else (273, 279)
    tags: dict[int, tuple[int, Iterable[int]] | None] = {
        **page.describe(),
        at: (LONG, offsets),
        count: (LONG, lengths),
    }
    if page.children:
        tags[330] = (LONG, [_write_page(file, child, order, word)[0] for child in page.children])
    tags |= page.tags
    return _write_tags(file, {tag: value for tag, value in tags.items() if value}, order, word)


def _write_tags(file: bytearray, tags: Tags, order: str, word: str) -> tuple[int, int]:
    entries = b""
    for tag, (type_, values) in sorted(tags.items()):
        listed = list(values)
        data = struct.pack(f"{order}{len(listed)}{_LAYOUT[type_]}", *listed)
        count = len(listed) // 2 if type_ == RATIONAL else len(listed)
        if len(data) > struct.calcsize(word):
            file += bytes(len(file) % 2)
            where = len(file)
            file += data
            data = struct.pack(order + word, where)
        entries += struct.pack(f"{order}HH{word}", tag, type_, count)
        entries += data.ljust(struct.calcsize("=" + word), b"\0")
    file += bytes(len(file) % 2)
    start = len(file)
    file += struct.pack(order + ("Q" if word == "Q" else "H"), len(tags)) + entries
    file += struct.pack(order + word, 0)
    return start, len(file) - struct.calcsize("=" + word)
