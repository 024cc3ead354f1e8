"""A PNG file as an image of Pillow, with the right transparent colour.

A PNG without a channel of opacity can declare one colour transparent (tRNS; ISO/IEC 15948,
11.3.2.1). Its samples have the depth of the stored pixels. Pillow compares them with pixels of 8
bits, which is wrong for grey of 2 and 4 bits and for RGB of 16 bits.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageChops
from PIL.PngImagePlugin import PngImageFile

from pictell.errors import PictureTooLargeError
from pictell.images.tiles import reduce_in_tiles

# They are decoded twice, because Pillow gives only one of the two bytes of a sample.
MAX_PIXELS_OF_16_BITS = 25_000_000
# Pillow's words for RGB of 16 bits in a file, and for the low bytes alone.
_RGB_16, _LOW_BYTES = "RGB;16B", "RGB;16L"
_OPACITY_BYTES = 3  # of a pixel
# Of the four bytes of a pixel in memory, these are the colour.
_RGB_USED = (255, 255, 255, 0)


class PngFile(PngImageFile):
    """A PNG file, of which only the header has been read.

    ``kept_bytes`` is what an opacity takes that is made of a transparent colour.
    """

    @property
    def kept_bytes(self) -> int:
        """0 without a transparent colour of RGB."""
        has_colour = self.mode == "RGB" and "transparency" in self.info
        return self.width * self.height * _OPACITY_BYTES * has_colour

    def set_transparent_colour(self, samples: bytes, depth: int) -> None:
        """Declare a colour transparent, by the body of tRNS for grey or RGB.

        Only the lowest ``depth`` bits of a sample count. Raises ``PictureTooLargeError`` if it
        would take long to find the colour.
        """
        pixels = self.width * self.height
        if depth == 16 and self.mode == "RGB" and pixels > MAX_PIXELS_OF_16_BITS:
            raise PictureTooLargeError(
                f"{pixels} pixels, more than {MAX_PIXELS_OF_16_BITS} in a PNG of 16 bits with a "
                "transparent colour: save it with 8 bits",
                width=self.width,
                height=self.height,
                max_pixels=MAX_PIXELS_OF_16_BITS,
            )
        most = 2**depth - 1
        levels = [level & most for level in struct.unpack(f">{len(samples) // 2}H", samples)]
        if depth < 8:  # Pillow scales the pixels to 8 bits
            levels = [level * 255 // most for level in levels]
        self.info["transparency"] = levels[0] if len(levels) == 1 else tuple(levels)

    def load(self) -> Any:
        """Decode the pixels. Raises what Pillow raises."""
        key = self.info.get("transparency")
        if not (self.tile and self.tile[0].args == _RGB_16 and isinstance(key, tuple)):
            return super().load()
        del self.info["transparency"]
        high, low = ([level >> 8 for level in key], [level & 0xFF for level in key])
        assert isinstance(self.fp, io.BytesIO)
        opacity = _differs(_low_bytes(self.fp.getvalue()), low)
        super().load()
        self.putalpha(ImageChops.lighter(opacity, _differs(self, high)))
        return super().load()


def _low_bytes(data: bytes) -> Image.Image:
    """The low bytes of a file with RGB of 16 bits."""
    image = PngImageFile(io.BytesIO(data))
    image.tile = [tile._replace(args=_LOW_BYTES) for tile in image.tile]
    image.load()
    return image


def _differs(image: Image.Image, colour: Sequence[int]) -> Image.Image:
    """255 where an RGB image has another colour, else 0."""
    key, used = (np.frombuffer(bytes(levels), np.uint32) for levels in ([*colour, 0], _RGB_USED))

    def change(tile: Image.Image) -> Image.Image:
        pixels = np.frombuffer(tile.tobytes("raw", "RGBX"), np.uint32)
        mask = ((pixels & used) != key).astype(np.uint8) * np.uint8(255)
        return Image.frombytes("L", tile.size, mask)

    return reduce_in_tiles(image, 1, change)
