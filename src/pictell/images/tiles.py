"""Images changed tile by tile, so that no changed copy is as large as the image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

from PIL import Image

TILE_PIXELS = 1 << 20


def reduce_in_tiles(
    image: Image.Image, factor: int, change: Callable[[Image.Image], Image.Image]
) -> Image.Image:
    """``change(image).reduce(factor)``, for a change of each pixel by itself.

    The size and the pixels are the same as without tiles.
    """
    if image.width * image.height <= TILE_PIXELS or _keeps(change, image):
        return _reduce(change(image), factor)
    result = None
    for box in _boxes(*image.size, factor):
        tile = _reduce(change(image.crop(box)), factor)
        if result is None:
            size = (-(-image.width // factor), -(-image.height // factor))
            result = Image.new(tile.mode, size)
        result.paste(tile, (box[0] // factor, box[1] // factor))
    assert result is not None
    return result


def _keeps(change: Callable[[Image.Image], Image.Image], image: Image.Image) -> bool:
    """Whether the change returns such an image itself."""
    pixel = image.crop((0, 0, 1, 1))
    return change(pixel) is pixel


def _reduce(image: Image.Image, factor: int) -> Image.Image:
    return image.reduce(factor) if factor > 1 else image


def _boxes(width: int, height: int, factor: int) -> Iterator[tuple[int, int, int, int]]:
    """Tiles of whole blocks of ``factor`` x ``factor`` pixels, about ``TILE_PIXELS`` each."""
    across = _up(min(width, TILE_PIXELS), factor)
    down = _up(max(1, TILE_PIXELS // across), factor)
    for top, left in product(range(0, height, down), range(0, width, across)):
        yield left, top, min(width, left + across), min(height, top + down)


def _up(size: int, factor: int) -> int:
    return -(-size // factor) * factor
