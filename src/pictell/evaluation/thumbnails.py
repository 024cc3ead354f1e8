"""Thumbnails as JPEG, encoded only from the pixels: no metadata of the files is kept."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO

from pictell.errors import PictellError
from pictell.evaluation.dataset import Dataset
from pictell.images.colour import to_srgb
from pictell.images.crop import crop
from pictell.images.decode import decode
from pictell.images.read import read_file
from pictell.options import Limits

# The size on the page; about 6 kB each.
SIDE = 160
QUALITY = 65


def thumbnails(
    dataset: Dataset, pictures: Iterable[int], limits: Limits = Limits()
) -> dict[int, bytes]:
    """JPEGs of at most 160 x 160 pixels by picture number, without pictures that fail."""
    found = {}
    for picture in pictures:
        try:
            data = read_file(dataset.path(picture), limits.max_bytes)
            box = dataset.source(picture).box
            decoded = decode(
                data,
                limits.max_pixels,
                SIDE if box is None else None,
                allow_truncated=limits.allow_truncated,
            )
            decoded = decoded if box is None else crop(decoded, box)
        except PictellError:
            continue
        image = to_srgb(decoded.image, decoded.profile)
        image.thumbnail((SIDE, SIDE))
        stream = BytesIO()
        image.save(stream, "JPEG", quality=QUALITY)
        found[picture] = stream.getvalue()
    return found
