"""The strips and tiles of a page, decompressed."""

from __future__ import annotations

import ctypes
import struct
import zlib
from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pictell.errors import BrokenPictureError
from pictell.images.tiff.directory import Directory, Tag
from pictell.images.tiff.jpeg_head import read_frame
from pictell.images.tiff.layout import (
    CCITT,
    DEFLATE,
    JPEG,
    NONE,
    OLD_DEFLATE,
    OLD_JPEG,
    Layout,
    unsupported,
)

MAX_SEGMENTS = 50_000
# A writer may store equal tiles once.
_MOST_SHARED = 1 << 24
# The quantisation and Huffman tables of a JPEG file take less.
_MAX_TABLES = 4_096
# JPEG data may be filled up to whole blocks, of 32 pixels at most.
_MCU = 32
# How many bytes are converted at a time. It bounds the memory that this takes.
_BLOCK_BYTES = 1 << 20
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))

Rows = NDArray[np.uint8]


class Segments:
    """The strips or tiles of a page, by their numbers."""

    def __init__(self, page: Directory, layout: Layout) -> None:
        """Raises ``NotAPictureError`` for too many, ``BrokenPictureError`` for too few."""
        self.layout = layout
        self._data = memoryview(page.data)
        self._options = {tag: page.number(tag, 0) for tag in (Tag.T4_OPTIONS, Tag.T6_OPTIONS)}
        self._jpeg_tables = page.octets(Tag.JPEG_TABLES) if layout.compression == JPEG else b""
        if len(self._jpeg_tables) > _MAX_TABLES:
            raise BrokenPictureError("broken TIFF picture: its JPEG tables are too large")
        count = layout.across * layout.down * (layout.samples if layout.planar else 1)
        if count > MAX_SEGMENTS:
            raise unsupported(f"{count} strips or tiles, more than {MAX_SEGMENTS}")
        offsets, lengths = Tag.STRIP_OFFSETS, Tag.STRIP_BYTE_COUNTS
        if layout.tiled and Tag.TILE_OFFSETS in page:
            offsets, lengths = Tag.TILE_OFFSETS, Tag.TILE_BYTE_COUNTS
        elif layout.compression == OLD_JPEG:
            offsets, lengths = Tag.OLD_JPEG_OFFSET, Tag.OLD_JPEG_LENGTH
        self._offsets = page.numbers(offsets)
        self._lengths = page.numbers(lengths)
        if layout.compression == OLD_JPEG and not self._offsets:
            raise unsupported("old-style JPEG compression in strips", "save it uncompressed")
        # So that the same bytes are not decompressed again and again.
        if sum(self._lengths) > len(self._data) + _MOST_SHARED and layout.compression != NONE:
            raise BrokenPictureError("broken TIFF picture: strips or tiles share their bytes")
        if len(self._offsets) < count:
            raise BrokenPictureError("broken TIFF picture: strips or tiles are missing")

    def rows(self, number: int, width: int, height: int, bits: int) -> Iterator[Rows]:
        """``height`` rows of ``width`` samples of ``bits`` bits, in blocks (rows, bytes) uint8.

        Each row begins with a byte. Raises ``BrokenPictureError``, ``OSError``, ``ValueError`` or
        ``zlib.error`` if the data is damaged, the last two after some or all blocks.
        """
        row = (width * bits + 7) // 8
        read = self._read_stored if self.layout.compression == NONE else self._read_compressed
        for data in read(number, row, height, max(1, _BLOCK_BYTES // row)):
            yield np.frombuffer(data, np.uint8).reshape(-1, row)

    def _read_stored(self, number: int, row: int, height: int, step: int) -> Iterator[memoryview]:
        start = self._offsets[number]
        data = self._data[start : start + row * height]
        if len(data) < row * height:
            raise BrokenPictureError("truncated TIFF picture: the end is missing")
        for top in range(0, len(data), row * step):
            block = data[top : top + row * step]
            if self.layout.fill_order == 2:
                block = memoryview(bytes(block).translate(_REVERSED))
            yield block

    def _read_compressed(self, number: int, row: int, height: int, step: int) -> Iterator[bytes]:
        image = self._decode_libtiff("L", (row, height), number)
        checksum = 1
        for top in range(0, height, step):
            below = min(top + step, height)
            part = image if step >= height else image.crop((0, top, row, below))
            block = part.tobytes()
            checksum = zlib.adler32(block, checksum)
            yield block
        if self.layout.compression in {DEFLATE, OLD_DEFLATE}:
            _check_deflated(self._compressed(number), checksum, row * height)

    def bilevel(self, number: int, width: int, height: int) -> NDArray[np.uint8]:
        """The samples of a CCITT segment, (height, width) uint8, 0 or 1."""
        image = self._decode_libtiff("1", (width, height), number)
        return np.asarray(image.convert("L"), np.uint8) // np.uint8(255)

    def jpeg(self, number: int, width: int, height: int, count: int) -> NDArray[np.uint8]:
        """The samples of a JPEG segment, (height, width, count) uint8. YCbCr becomes RGB.

        Raises ``NotAPictureError``, ``BrokenPictureError``, or what Pillow raises.
        """
        data = bytes(self._compressed(number))
        if self._jpeg_tables:
            data = self._jpeg_tables[:-2] + data[2:]  # without EOI and SOI
        frame = read_frame(data)
        fits = width <= frame.width <= width + _MCU and frame.components == count
        # The last strip may be as high as the others.
        if not fits or not height <= frame.height <= self.layout.segment_height + _MCU:
            raise BrokenPictureError("broken TIFF picture: a strip or tile has another size")
        mode = {1: "L", 3: "RGB", 4: "CMYK"}[count]
        meaning = self.layout.colour if count == 3 else mode
        if self.layout.compression == OLD_JPEG:
            meaning = ""  # as in a JPEG file
        elif count == 3 and frame.colour not in {None, meaning}:
            raise unsupported(f"{meaning} by its tags, {frame.colour} by its JPEG data")
        options = mode, meaning, 1, 0  # the last two: scale, draft
        image = Image.frombytes(mode, frame[:2], data, "jpeg", *options)
        return np.asarray(image).reshape(frame.height, frame.width, count)[:height, :width]

    def _compressed(self, number: int) -> memoryview:
        start = self._offsets[number]
        if number < len(self._lengths):
            data = self._data[start : start + self._lengths[number]]
        elif len(self._offsets) == 1:
            data = self._data[start:]  # some writers leave the length out
        else:
            raise BrokenPictureError("broken TIFF picture: the lengths of strips are missing")
        if not data:
            raise BrokenPictureError("truncated TIFF picture: a strip or tile is missing")
        return data

    def _decode_libtiff(self, mode: str, size: tuple[int, int], number: int) -> Image.Image:
        """Decompress a segment as a TIFF file of its own, in which libtiff finds no odd tag.

        Samples of several bytes are declared as bytes, so that only this package judges them.
        """
        data, (width, height) = self._compressed(number), size
        tags = {
            Tag.WIDTH: width,
            Tag.LENGTH: height,
            Tag.BITS_PER_SAMPLE: 1 if mode == "1" else 8,
            Tag.COMPRESSION: self.layout.compression,
            Tag.PHOTOMETRIC: 1,
            Tag.FILL_ORDER: self.layout.fill_order,
            Tag.STRIP_OFFSETS: 0,
            Tag.SAMPLES_PER_PIXEL: 1,
            Tag.ROWS_PER_STRIP: height,
            Tag.STRIP_BYTE_COUNTS: len(data),
        }
        if self.layout.compression in CCITT:
            tags |= self._options
        start = 8 + 2 + 12 * len(tags) + 4
        tags[Tag.STRIP_OFFSETS] = start
        entries = b"".join(struct.pack("<HHII", tag, 4, 1, tags[tag]) for tag in sorted(tags))
        file = struct.pack("<4sIH", b"II*\0", 8, len(tags)) + entries + bytes(4) + data
        _silence_libtiff()
        return Image.frombytes(mode, size, file, "libtiff", mode, False, 8)


def _check_deflated(data: memoryview, checksum: int, size: int) -> None:
    """Compare the checksum of ``size`` bytes, which libtiff does not. Raises ``zlib.error``."""
    if checksum == int.from_bytes(data[-4:], "big"):
        return
    # Some writers append bytes, or deflate more than is needed: zlib knows where the end is.
    decoder = zlib.decompressobj()
    for start in range(0, len(data), _BLOCK_BYTES):
        piece: bytes | memoryview = data[start : start + _BLOCK_BYTES]
        while piece and size >= 0:
            # No more than is needed: thousands of strips can share a stream that expands to much.
            size -= len(decoder.decompress(piece, min(size + 1, _BLOCK_BYTES)))
            piece = decoder.unconsumed_tail


@cache
def _silence_libtiff() -> None:
    """Stop libtiff from writing to stderr, which Pillow cannot: it reports errors anyway.

    Where libtiff is linked into Pillow's module, as on Windows, its functions are not found.
    """
    from PIL import _imaging

    try:
        set_handler = ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler
    except (OSError, AttributeError):
        return
    set_handler.argtypes, set_handler.restype = [ctypes.c_void_p], ctypes.c_void_p
    set_handler(None)
