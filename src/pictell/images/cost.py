"""How much memory it takes to decode a picture whose header has been read."""

from __future__ import annotations

from PIL import Image

# Bytes of a pixel in memory, where they are not 4 (Pillow, "Concepts", "Modes").
_PIXEL_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
# Pillow keeps the address of each row.
_ROW_BYTES = 8
# Beside the image, for a pixel: what a decoder may need at most (benchmarks/memory.md), by its
# name in Pillow. Decoders that are not named work row by row.
CODEC_BYTES = {
    "WEBP": 8,  # two canvases
    "AVIF": 13,  # planes of 16 bits with alpha, and the pixels twice
    "HEIF": 13,
    "TIFF": 18,  # 16 bits with alpha, and a strip may be the whole picture
    "BMP": 4,  # the stored pixels
}
# The smaller image, for a pixel: opaque, upright, and as an array.
_RESULT_BYTES = 12


def decoding_bytes(image: Image.Image, factor: int) -> int:
    """The bytes that are needed to load an image and to make it ``factor`` times smaller.

    The number is the most that pictures of this format need, often twice of what this one does.
    """
    pixels, rows = image.width * image.height, image.height
    loaded = pixels * _PIXEL_BYTES.get(image.mode, 4) + rows * _ROW_BYTES
    codec = pixels * CODEC_BYTES.get(image.format or "", 0)
    kept: int = getattr(image, "kept_bytes", 0)  # of a JPEG or PNG
    return loaded + codec + kept + pixels // factor**2 * _RESULT_BYTES
