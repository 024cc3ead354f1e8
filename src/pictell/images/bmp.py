"""BMP files (Microsoft, 'Bitmap Header Types'; IBM, OS/2 bitmaps), judged by their own headers.

Pillow misreads palettes of black and white with 4 or 8 bits, does not read most masks, and takes
minutes for a large picture with runs.
"""

from __future__ import annotations

import io
import struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pictell.errors import BrokenPictureError, NotAPictureError
from pictell.images.picture_file import PictureFile

# Runs are read one by one. Real pictures of 100 million pixels have fewer.
MAX_RUNS = 4_000_000
# How many pixels are converted at a time. It bounds the memory that this takes.
_BLOCK_PIXELS = 1 << 20
_FILE_HEADER = 14
_OS2_1, _WINDOWS_3, _WITH_MASKS, _WITH_ALPHA = 12, 40, 52, 56
_OS2_2 = {16, 64}
_RGB, _RLE8, _RLE4, _BITFIELDS, _ALPHA_BITFIELDS = 0, 1, 2, 3, 6
_OTHER_COMPRESSIONS = {4: "embedded JPEG data", 5: "embedded PNG data"}
_RLE_BITS = {_RLE8: 8, _RLE4: 4}
_END_OF_ROW, _STEP = 0, 2
# From the digits of bytes in hexadecimal to their values.
_DIGITS = bytes.maketrans(b"0123456789abcdef", bytes(range(16)))
_MASKS = {16: (0x7C00, 0x03E0, 0x001F, 0), 32: (0xFF0000, 0xFF00, 0xFF, 0)}
_DEPTHS = {1, 2, 4, 8, 16, 24, 32}

Pixels = NDArray[np.uint8]


class _Header(NamedTuple):
    """What the headers say; ``masks`` are of red, green, blue and alpha, for 16 and 32 bits."""

    width: int
    height: int
    top_down: bool
    bits: int
    compression: int
    masks: tuple[int, int, int, int]
    palette_start: int
    palette_entry: int
    colours: int
    start: int

    @property
    def stride(self) -> int:
        """The bytes of a row, a multiple of 4."""
        return (self.width * self.bits + 31) // 32 * 4


class BmpFile(PictureFile):
    """A BMP file, of which only the headers have been read.

    Raises ``NotAPictureError`` for a kind of BMP that pictell does not read,
    ``BrokenPictureError``, or what Pillow raises.
    """

    format = "BMP"

    def _open(self) -> None:
        assert isinstance(self.fp, io.BytesIO)
        self._data = self.fp.getvalue()
        self._header = _read_header(self._data)
        self._size = self._header.width, self._header.height
        self._mode = "RGB"  # until it is loaded

    def read_image(self) -> Image.Image:
        """An image of mode L, RGB or RGBA. Raises ``BrokenPictureError`` if data is missing."""
        header = self._header
        if header.bits in _MASKS:
            pixels = _read_masked(self._data, header)
            mode = "RGB" if pixels.shape[2] == 3 else "RGBA"
            return _to_image(header, pixels.reshape(header.height, -1), mode, mode)
        if header.bits == 24:
            return _to_image(header, _read_rows(self._data, header), "RGB", "BGR")
        if header.compression in _RLE_BITS:
            image = _to_image(header, _read_runs(self._data, header), "P", "P")
        else:
            layout = "P" if header.bits == 8 else f"P;{header.bits}"
            image = _to_image(header, _read_rows(self._data, header), "P", layout)
        palette = _read_palette(self._data, header)
        image.putpalette(palette)
        return image.convert("L" if palette[::3] == palette[1::3] == palette[2::3] else "RGB")


def _unsupported(kind: str) -> NotAPictureError:
    return NotAPictureError(
        f"a kind of BMP that pictell does not read: {kind}; save it with 24 bits or as PNG"
    )


def _read_header(data: bytes) -> _Header:
    try:
        start, size = struct.unpack_from("<II", data, 10)
        # Fields that a short header lacks are 0.
        fields = data[18 : _FILE_HEADER + size].ljust(36, b"\0")
        if size == _OS2_1:
            width, height, _, bits = struct.unpack_from("<HHHH", fields)
            compression = colours = 0
        else:
            width, height, _, bits, compression = struct.unpack_from("<iiHHI", fields)
            (colours,) = struct.unpack_from("<I", fields, 28)
        _check_kind(size, bits, compression)
        masks, after = _read_masks(data, size, bits, compression)
    except struct.error:
        raise BrokenPictureError("truncated BMP picture: its header is not whole") from None
    entry = 3 if size == _OS2_1 else 4
    most = min(colours or 256, 256, 2**bits) if bits <= 8 else 0
    return _Header(
        width=width,
        height=abs(height),
        top_down=height < 0,
        bits=bits,
        compression=compression,
        masks=masks,
        palette_start=after,
        palette_entry=entry,
        colours=min(most, max(0, start - after) // entry) if start else most,
        start=start or after + most * entry,
    )


def _check_kind(size: int, bits: int, compression: int) -> None:
    if size in _OS2_2 and compression > _RLE4:
        raise _unsupported("OS/2 compression")
    if compression in _OTHER_COMPRESSIONS:
        raise _unsupported(_OTHER_COMPRESSIONS[compression])
    masked = compression in {_BITFIELDS, _ALPHA_BITFIELDS} and bits in {16, 24, 32}
    if compression not in {_RGB, *_RLE_BITS} and not masked:
        raise _unsupported(f"compression {compression} of {bits} bits")
    if bits not in _DEPTHS or _RLE_BITS.get(compression, bits) != bits:
        raise _unsupported(f"{bits} bits with compression {compression}")


def _read_masks(
    data: bytes, size: int, bits: int, compression: int
) -> tuple[tuple[int, int, int, int], int]:
    """The masks, and where the palette begins."""
    after = _FILE_HEADER + size
    masks = (0, 0, 0, 0)
    if compression in {_BITFIELDS, _ALPHA_BITFIELDS}:
        count = 4 if size >= _WITH_ALPHA or compression == _ALPHA_BITFIELDS else 3
        listed = struct.unpack_from(f"<{count}I", data, _FILE_HEADER + _WINDOWS_3)
        masks = (*listed, 0, 0)[:4]
        after = max(after, _FILE_HEADER + _WINDOWS_3 + 4 * count)
    if not any(masks[:3]):
        masks = _MASKS.get(bits, masks)
    if bits == 24 and any(masks) and masks[:3] != _MASKS[32][:3]:
        raise _unsupported("masks of 24 bits")
    for mask in masks:
        field = mask >> _shift(mask)
        if field & (field + 1) or mask >> bits:
            raise _unsupported("masks with holes or too many bits")
    return masks, after


def _shift(mask: int) -> int:
    """How many bits of a mask are 0, from the lowest."""
    return max(0, (mask & -mask).bit_length() - 1)


def _read_rows(data: bytes, header: _Header) -> Pixels:
    """The stored rows, (height, stride) uint8."""
    size = header.stride * header.height
    missing = header.start + size - len(data)
    if missing > header.stride - (header.width * header.bits + 7) // 8:
        raise BrokenPictureError("truncated BMP picture: the end is missing")
    if missing > 0:  # some writers leave out the padding of the last row
        data += bytes(missing)
    rows = np.frombuffer(data, np.uint8, size, header.start)
    return rows.reshape(header.height, header.stride)


def _read_palette(data: bytes, header: _Header) -> bytes:
    """256 colours, of three bytes each; those that the file lacks are black."""
    end = header.palette_start + header.colours * header.palette_entry
    entries = np.frombuffer(data[header.palette_start : end], np.uint8)
    if len(entries) != header.colours * header.palette_entry:
        raise BrokenPictureError("truncated BMP picture: its palette is not whole")
    colours = entries.reshape(-1, header.palette_entry)[:, 2::-1]
    return colours.tobytes().ljust(256 * 3, b"\0")


def _to_image(header: _Header, rows: Pixels, mode: str, layout: str) -> Image.Image:
    """An image of stored rows (height, bytes); ``layout`` is Pillow's word for their pixels."""
    direction = 1 if header.top_down else -1
    size = header.width, header.height
    return Image.frombytes(mode, size, rows, "raw", layout, rows.shape[1], direction)


def _read_masked(data: bytes, header: _Header) -> Pixels:
    """Pixels of 16 or 32 bits, (height, width, 3) or with alpha 4."""
    words = _read_rows(data, header).view(f"<u{header.bits // 8}")[:, : header.width]
    # Many writers reserve alpha and leave it 0, which would make the whole picture transparent.
    opaque = not np.bitwise_or.reduce(words, axis=None) & header.masks[3]
    pixels = np.empty((*words.shape, 3 if opaque else 4), np.uint8)
    step = max(1, _BLOCK_PIXELS // header.width)
    for top in range(0, header.height, step):
        for channel, mask in enumerate(header.masks[: pixels.shape[2]]):
            pixels[top : top + step, :, channel] = _read_field(words[top : top + step], mask)
    return pixels


def _read_field(words: NDArray[np.unsignedinteger[Any]], mask: int) -> NDArray[Any]:
    """The part of each word that a mask selects, scaled to 0..255."""
    shift, most = _shift(mask), mask >> _shift(mask)
    levels = (words & np.asarray(mask, words.dtype)) >> np.asarray(shift, words.dtype)
    if most > 0xFF:
        return levels >> np.asarray(most.bit_length() - 8, words.dtype)
    scale = np.arange(most + 1) * 255 // max(most, 1)
    return levels if most == 0xFF else scale.astype(np.uint8)[levels]


def _read_runs(data: bytes, header: _Header) -> Pixels:
    """Indices stored as runs, (height, width) uint8; those that are skipped are 0."""
    width, height = header.width, header.height
    indices = bytearray(width * height)
    at, x, y, end = header.start, 0, 0, len(data) - 1
    for _ in range(MAX_RUNS):
        if at >= end or y >= height:
            break
        count, value = data[at], data[at + 1]
        at += 2
        if count or value > _STEP:
            run, at = _read_run(data, at, count, value, header.bits)
            stop = min(x + len(run), width)
            if x < stop:
                indices[y * width + x : y * width + stop] = run[: stop - x]
            x += len(run)
        elif value == _END_OF_ROW:
            x, y = 0, y + 1
        elif value == _STEP:
            x, y, at = x + data[at], y + data[at + 1], at + 2
        else:
            return np.frombuffer(indices, np.uint8).reshape(height, width)
    else:
        raise BrokenPictureError(f"a BMP with more than {MAX_RUNS} runs is refused")
    # The mark of the end may be missing, the last row may not.
    if (y, x) < (height - 1, width):
        raise BrokenPictureError("truncated BMP picture: the end is missing")
    return np.frombuffer(indices, np.uint8).reshape(height, width)


def _read_run(data: bytes, at: int, count: int, value: int, bits: int) -> tuple[bytes, int]:
    """The indices of a run: ``count`` times the same, or ``value`` different; and what follows."""
    if count:
        pair = bytes([value]) if bits == 8 else bytes([value >> 4, value & 15])
        return (pair * count)[:count], at
    length = value if bits == 8 else (value + 1) // 2
    run = data[at : at + length]
    if len(run) < length:
        raise BrokenPictureError("truncated BMP picture: the end is missing")
    if bits == 4:
        run = run.hex().encode().translate(_DIGITS)[:value]
    return run, at + length + length % 2
