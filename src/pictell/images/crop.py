"""The part of a decoded picture inside a box."""

from __future__ import annotations

from math import ceil, floor

from pictell.errors import BoxOutsideError
from pictell.types import Box, DecodedImage


def crop(picture: DecodedImage, box: Box) -> DecodedImage:
    """The pixels that the box touches, of a picture that was decoded at full size.

    The box is clipped to the picture. ``width`` and ``height`` stay those of the whole picture.
    Raises ``BoxOutsideError`` if nothing is left.
    """
    width, height = picture.image.size
    left, top = max(0, floor(box[0])), max(0, floor(box[1]))
    right, bottom = min(width, ceil(box[2])), min(height, ceil(box[3]))
    if left >= right or top >= bottom:
        sides = ", ".join(f"{side:g}" for side in box)
        raise BoxOutsideError(
            f"the box ({sides}) lies outside the picture of {width} x {height} pixels"
        )
    return picture._replace(image=picture.image.crop((left, top, right, bottom)))
