"""The samples of a page become an image with 8 bits for each sample."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from pictell.errors import BrokenPictureError
from pictell.images.tiff.directory import Directory, Tag
from pictell.images.tiff.layout import CCITT, CIELAB, JPEG, OLD_JPEG, WHITE_IS_ZERO, Layout
from pictell.images.tiff.segments import Segments

Samples = NDArray[np.uint8]
_MODES = {
    "grey": "L",
    "RGB": "RGB",
    "palette": "P",
    "CMYK": "CMYK",
    "YCbCr": "YCbCr",
    "Lab": "LAB",
}


def read_image(page: Directory, layout: Layout) -> Image.Image:
    """Decode a page: an image of mode L, LA, La, RGB, RGBA, RGBa, CMYK or LAB.

    Raises what the methods of ``Segments`` do.
    """
    samples = _read_samples(Segments(page, layout), layout)
    colours, alpha = np.split(samples, [layout.colours], axis=-1)
    mode = _MODES[layout.colour]
    if layout.photometric == WHITE_IS_ZERO:
        np.subtract(255, colours, out=colours)
    elif layout.colour == "Lab" and layout.photometric != CIELAB:
        colours[..., 1:] ^= 0x80  # a* and b* are signed in CIELab and for Pillow, not in ICCLab
    elif layout.colour == "YCbCr" and layout.compression in {JPEG, OLD_JPEG}:
        mode = "RGB"  # libjpeg has converted it
    if layout.alpha_kind == "unnamed" and not alpha.any():
        alpha = alpha[..., :0]  # what is 0 everywhere is no opacity
    if mode in {"L", "RGB"} and alpha.size:
        return _to_image(samples, mode + ("a" if layout.alpha_kind == "associated" else "A"))
    image = _to_image(colours, mode)
    if mode == "P":
        image.putpalette(_read_palette(page, layout.bits))
    if mode in {"P", "YCbCr"}:
        image = image.convert("RGB")
    if mode == "P" and alpha.size:
        image.putalpha(_to_image(alpha, "L"))
    if mode == "CMYK" and layout.alpha_kind == "unassociated":
        image = _lay_over_white(image, _to_image(alpha, "L"))
    return image


def _to_image(samples: Samples, mode: str) -> Image.Image:
    size = samples.shape[1], samples.shape[0]
    return Image.frombytes(mode, size, np.ascontiguousarray(samples))


def _lay_over_white(cmyk: Image.Image, opacity: Image.Image) -> Image.Image:
    """CMYK without opacity, which Pillow does not have. White has no ink, so it adds nothing."""
    return Image.merge("CMYK", [ImageChops.multiply(ink, opacity) for ink in cmyk.split()])


def _read_palette(page: Directory, bits: int) -> bytes:
    """The colours, of three bytes each."""
    levels = np.array(page.numbers(Tag.COLOR_MAP))
    if levels.size != 3 * 2**bits or levels.min() < 0 or levels.max() > 0xFFFF:
        raise BrokenPictureError("broken TIFF picture: its palette is missing or has a wrong size")
    if levels.max() > 0xFF:  # some writers store 8 bits instead of 16
        levels >>= 8
    return levels.reshape(3, -1).T.astype(np.uint8).tobytes()


def _read_samples(segments: Segments, layout: Layout) -> Samples:
    """The colours and the opacity of all pixels, (height, width, n) uint8."""
    kept = [*range(layout.colours), *([] if layout.alpha is None else [layout.alpha])]
    samples = np.empty((layout.height, layout.width, len(kept)), np.uint8)
    columns, rows = layout.segment_width, layout.segment_height
    for plane in range(len(kept)) if layout.planar else [0]:
        target = samples[..., plane : plane + 1] if layout.planar else samples
        number = kept[plane] * layout.across * layout.down
        for top in range(0, layout.height, rows):
            for left in range(0, layout.width, columns):
                part = target[top : top + rows, left : left + columns]
                row = 0
                for block in _read_segment(segments, layout, number, len(part)):
                    chosen = block if block.shape[-1] == part.shape[-1] else block[..., kept]
                    room = part[row : row + len(block)]
                    room[:] = chosen[: len(room), : part.shape[1]]
                    row += len(block)
                number += 1
    return samples


def _read_segment(
    segments: Segments, layout: Layout, number: int, height: int
) -> Iterator[Samples]:
    """At least ``height`` rows of a segment, in blocks (rows, segment_width, n) uint8."""
    width, count = layout.segment_width, 1 if layout.planar else layout.samples
    stored_height = layout.segment_height if layout.tiled else height
    if layout.compression in CCITT:
        bits = segments.bilevel(number, width, stored_height)[:, :, np.newaxis]
        yield bits if layout.colour == "palette" else bits * np.uint8(255)
    elif layout.compression in {JPEG, OLD_JPEG}:
        yield segments.jpeg(number, width, height, count)
    elif layout.subsampling != (1, 1):
        yield from _read_subsampled(segments, layout, number, stored_height)
    else:
        for rows in segments.rows(number, width * count, stored_height, layout.bits):
            yield _convert(rows, layout, width, count)


def _convert(rows: Samples, layout: Layout, width: int, count: int) -> Samples:
    """Stored rows become samples (rows, width, count) of 8 bits; of a palette, the indices."""
    shape = len(rows), width, count
    if layout.bits == 8:
        levels = rows.reshape(shape)
        return np.cumsum(levels, axis=1, dtype=np.uint8) if layout.predictor else levels
    if layout.bits == 16:
        words = rows.view(layout.byte_order + "u2").reshape(shape)
        if layout.predictor:
            words = np.cumsum(words, axis=1, dtype=np.uint16)
        return (words >> 8).astype(np.uint8)
    return _unpack(rows, layout.bits, shape, layout.colour == "palette")


def _unpack(rows: Samples, bits: int, shape: tuple[int, int, int], indices: bool) -> Samples:
    """Samples that do not fill bytes; the most significant bits come first."""
    starts = np.arange(shape[1] * shape[2], dtype=np.uint32) * bits
    first = starts >> 3
    padded = np.pad(rows, ((0, 0), (0, 1)))
    # Two bytes hold the first 8 bits of a sample, wherever it begins in the first of them.
    pairs = padded[:, first].astype(np.uint16) << 8 | padded[:, first + 1]
    levels = (pairs >> (8 - (starts & 7)).astype(np.uint16)).astype(np.uint8)
    if bits < 8:
        most = 2**bits - 1
        table = np.arange(256) >> (8 - bits)
        if not indices:
            table = (table * 255 + most // 2) // most
        levels = table.astype(np.uint8)[levels]
    return levels.reshape(shape)


def _read_subsampled(
    segments: Segments, layout: Layout, number: int, height: int
) -> Iterator[Samples]:
    """YCbCr whose pixels share Cb and Cr: units of all Y of a rectangle, Cb, Cr (section 21)."""
    across, down = layout.subsampling
    columns, lumas = -(-layout.segment_width // across), across * down
    for rows in segments.rows(number, columns * (lumas + 2), -(-height // down), 8):
        units = rows.reshape(len(rows), columns, lumas + 2)
        pixels = np.empty((len(rows), down, columns, across, 3), np.uint8)
        pixels[..., 0] = units[..., :lumas].reshape(len(rows), columns, down, across).swapaxes(1, 2)
        pixels[..., 1:] = units[:, np.newaxis, :, np.newaxis, lumas:]
        block = pixels.reshape(len(rows) * down, columns * across, 3)
        yield block[:, : layout.segment_width]
