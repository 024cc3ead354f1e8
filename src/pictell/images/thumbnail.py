"""A small JPEG of a picture, encoded only from its pixels: no metadata of the file is kept."""

from __future__ import annotations

from io import BytesIO

from pictell.images.colour import to_srgb
from pictell.images.crop import crop
from pictell.images.decode import decode
from pictell.types import Box

QUALITY = 65


def thumbnail(
    data: bytes,
    side: int,
    max_pixels: int,
    *,
    box: Box | None = None,
    allow_truncated: bool = False,
) -> bytes:
    """An upright JPEG of at most ``side`` x ``side`` pixels, of the ``box`` if there is one.

    ``data`` is the picture's file. Raises the ``PictellError`` of a picture that cannot be decoded.
    """
    # A box is in pixels of the whole picture.
    decoded = decode(
        data, max_pixels, side if box is None else None, allow_truncated=allow_truncated
    )
    decoded = decoded if box is None else crop(decoded, box)
    image = to_srgb(decoded.image, decoded.profile)
    image.thumbnail((side, side))
    stream = BytesIO()
    image.save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()
