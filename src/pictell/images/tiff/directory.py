"""The directories of a TIFF file: each has the tags of one page (TIFF 6.0, section 2)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum

from pictell.errors import BrokenPictureError

# A page of a camera has about a hundred tags.
MAX_TAGS = 1_000
# To look for the picture among more pages takes too long.
MAX_PAGES = 1_000
MAX_CHILDREN = 16
# Offsets of strips are the longest lists.
MAX_VALUES = 50_000
# The types of unsigned integers by their numbers; the last two are of BigTIFF.
_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}


class Tag(IntEnum):
    """The tags that pictell reads (TIFF 6.0, appendix A; the TIFF/EP and DNG specifications)."""

    NEW_SUBFILE_TYPE = 254
    SUBFILE_TYPE = 255
    WIDTH = 256
    LENGTH = 257
    BITS_PER_SAMPLE = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    FILL_ORDER = 266
    STRIP_OFFSETS = 273
    ORIENTATION = 274
    SAMPLES_PER_PIXEL = 277
    ROWS_PER_STRIP = 278
    STRIP_BYTE_COUNTS = 279
    PLANAR_CONFIGURATION = 284
    T4_OPTIONS = 292
    T6_OPTIONS = 293
    PREDICTOR = 317
    COLOR_MAP = 320
    TILE_WIDTH = 322
    TILE_LENGTH = 323
    TILE_OFFSETS = 324
    TILE_BYTE_COUNTS = 325
    SUB_IFDS = 330
    INK_SET = 332
    EXTRA_SAMPLES = 338
    SAMPLE_FORMAT = 339
    JPEG_TABLES = 347
    OLD_JPEG_OFFSET = 513
    OLD_JPEG_LENGTH = 514
    YCBCR_COEFFICIENTS = 529
    YCBCR_SUBSAMPLING = 530
    REFERENCE_BLACK_WHITE = 532
    CFA_REPEAT = 33421
    CFA_PATTERN = 33422
    LEAF_METADATA = 34310
    ICC_PROFILE = 34675
    DNG_VERSION = 50706


class Directory:
    """The tags of one page, read on demand. Of a tag that is there twice, the first counts."""

    def __init__(self, data: bytes, at: int) -> None:
        """Read the directory at offset ``at`` of a whole file. Raises ``BrokenPictureError``."""
        self.data = data
        self.byte_order, self._word, _ = _read_header(data)
        head = "Q" if self._word == "Q" else "H"
        (count,) = self._unpack(head, at)
        if count > MAX_TAGS:
            raise BrokenPictureError(f"broken TIFF picture: {count} tags in a page")
        start, self._value = at + struct.calcsize("=" + head), struct.calcsize("=HH" + self._word)
        size = self._value + struct.calcsize("=" + self._word)
        self._entries: dict[int, int] = {}
        for entry in range(start, start + count * size, size):
            self._entries.setdefault(self._unpack("H", entry)[0], entry)
        (self.next,) = self._unpack(self._word, start + count * size)

    def __contains__(self, tag: int) -> bool:
        return tag in self._entries

    def numbers(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """The values of a tag of integers. Raises ``BrokenPictureError``."""
        if tag not in self._entries:
            return default
        type_, count, at = self._locate(tag)
        if type_ not in _INTEGERS or not 0 < count <= MAX_VALUES:
            raise _odd_values(tag, type_, count)
        return self._unpack(f"{count}{_INTEGERS[type_]}", at)

    def number(self, tag: int, default: int) -> int:
        """The first value of a tag of integers. Raises ``BrokenPictureError``."""
        if tag not in self._entries:
            return default
        type_, count, at = self._locate(tag)
        if type_ not in _INTEGERS or not count:
            raise _odd_values(tag, type_, count)
        return self._unpack(_INTEGERS[type_], at)[0]

    def fractions(self, tag: int, default: tuple[float, ...]) -> tuple[float, ...]:
        """As many values of a tag of rational numbers as the default has.

        Raises ``BrokenPictureError``.
        """
        if tag not in self._entries:
            return default
        type_, count, at = self._locate(tag)
        if type_ != 5 or count != len(default):
            raise _odd_values(tag, type_, count)
        pairs = self._unpack(f"{2 * count}I", at)
        return tuple(top / (low or 1) for top, low in zip(pairs[::2], pairs[1::2], strict=True))

    def octets(self, tag: int) -> bytes:
        """The value of a tag of bytes; empty if there is none of this type in the file."""
        if tag not in self._entries:
            return b""
        type_, count, at = self._locate(tag)
        whole = type_ in {1, 7} and at + count <= len(self.data)
        return self.data[at : at + count] if whole else b""

    def children(self) -> Iterator[Directory]:
        """The directories that this one lists. Raises ``BrokenPictureError``."""
        for at in self.numbers(Tag.SUB_IFDS)[:MAX_CHILDREN]:
            yield Directory(self.data, at)

    def _locate(self, tag: int) -> tuple[int, int, int]:
        """The type, the number of values and where they are: in the entry if they fit there."""
        entry = self._entries[tag]
        _, type_, count = self._unpack("HH" + self._word, entry)
        at = entry + self._value
        # Of the other types, those of one byte and rational numbers are read.
        size = 8 if type_ == 5 else struct.calcsize("=" + _INTEGERS.get(type_, "B"))
        if count * size > struct.calcsize("=" + self._word):
            (at,) = self._unpack(self._word, at)
        return type_, count, at

    def _unpack(self, layout: str, at: int) -> tuple[int, ...]:
        try:
            return struct.unpack_from(self.byte_order + layout, self.data, at)
        except (struct.error, OverflowError):
            raise BrokenPictureError(
                "truncated TIFF picture: its tags are not in the file"
            ) from None


def _read_header(data: bytes) -> tuple[str, str, int]:
    """The byte order, the type of offsets, and where the offset of the first page is."""
    byte_order = "<" if data[:2] == b"II" else ">"
    return (byte_order, "Q", 8) if b"+" in data[2:4] else (byte_order, "I", 4)


def _odd_values(tag: int, type_: int, count: int) -> BrokenPictureError:
    return BrokenPictureError(
        f"broken TIFF picture: tag {tag} has {count} values of type {type_}, or too few bytes"
    )


def read_chain(data: bytes) -> Iterator[Directory]:
    """The directories of the pages, in their order.

    Raises ``BrokenPictureError`` if the chain of pages is broken, a loop, or longer than
    ``MAX_PAGES``.
    """
    byte_order, word, start = _read_header(data)
    try:
        (at,) = struct.unpack_from(byte_order + word, data, start)
    except struct.error:
        raise BrokenPictureError("truncated TIFF picture: its tags are not in the file") from None
    seen: set[int] = set()
    while at:
        if at in seen or len(seen) == MAX_PAGES:
            raise BrokenPictureError("broken TIFF picture: its pages form a loop or are too many")
        seen.add(at)
        directory = Directory(data, at)
        yield directory
        at = directory.next
