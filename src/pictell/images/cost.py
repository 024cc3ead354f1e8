"""How much memory it takes to decode a picture whose header has been read."""

from __future__ import annotations

import io

from PIL import Image

# Bytes of a pixel in memory, where they are not 4 (Pillow, "Concepts", "Modes").
_PIXEL_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
# Pillow keeps the address of each row.
_ROW_BYTES = 8
# Beside the image, for a pixel: what a decoder may need at most (benchmarks/memory.md), by its
# name in Pillow. Decoders that are not named work row by row.
_CODEC_BYTES = {
    "WEBP": 8,  # two canvases
    "AVIF": 13,  # planes of 16 bits with alpha, and the pixels twice
    "HEIF": 13,
    "TIFF": 18,  # 16 bits with alpha, and a strip may be the whole picture
    "BMP": 4,  # the stored pixels
}
# The opacity that is made of a transparent colour (see png_file.py).
_TRANSPARENT_COLOUR_BYTES = 3
_START_OF_SCAN = b"\xff\xda"
# The smaller image, for a pixel: opaque, upright, and as an array.
_RESULT_BYTES = 12


def decoding_bytes(image: Image.Image, full_size: tuple[int, int], factor: int) -> int:
    """The bytes that are needed to load an image and to make it ``factor`` times smaller.

    ``full_size`` is that of the picture, where ``image`` is to be decoded at a smaller scale. The
    number is the most that pictures of this format need, often twice of what this one does.
    """
    pixels, rows = image.width * image.height, image.height
    loaded = pixels * _PIXEL_BYTES.get(image.mode, 4) + rows * _ROW_BYTES
    result = pixels // factor**2 * _RESULT_BYTES
    return (
        loaded
        + pixels * _CODEC_BYTES.get(image.format or "", 0)
        + result
        + _opacity(image)
        + _coefficients(image, full_size)
    )


def _opacity(image: Image.Image) -> int:
    has_colour = image.mode == "RGB" and "transparency" in image.info
    return image.width * image.height * _TRANSPARENT_COLOUR_BYTES * has_colour


def _coefficients(image: Image.Image, full_size: tuple[int, int]) -> int:
    """Those of a JPEG of several scans, which are kept at full size: 2 bytes of each component."""
    stream = getattr(image, "fp", None)
    if image.format != "JPEG" or not isinstance(stream, io.BytesIO):
        return 0
    components: int = getattr(image, "layers", 0)
    data = stream.getvalue()
    # Pillow has read the header of the first scan (ITU-T T.81, B.2.3).
    scan = data.rfind(_START_OF_SCAN, 0, stream.tell())
    is_whole = data[scan + 4 : scan + 5] == bytes([components])
    if is_whole and "progressive" not in image.info:
        return 0
    return full_size[0] * full_size[1] * 2 * components
