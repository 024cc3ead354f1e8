"""Small JPEGs of pictures, made anew from their pixels: nothing else of the files is kept."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO

from PIL import Image

from pictell.errors import PictellError
from pictell.evaluation.dataset import Dataset
from pictell.images.decode import decode
from pictell.images.read import read_file
from pictell.options import Limits

# As large as the page shows them; some 6 kB each.
SIDE = 160
QUALITY = 65


def thumbnails(
    dataset: Dataset, pictures: Iterable[int], limits: Limits = Limits()
) -> dict[int, bytes]:
    """JPEGs of at most 160 x 160 pixels, by the pictures' numbers; without those that fail."""
    found = {}
    for picture in pictures:
        try:
            pixels = decode(
                read_file(dataset.path(picture), limits.max_bytes), limits.max_pixels, SIDE
            ).pixels
        except PictellError:
            continue
        image = Image.fromarray(pixels)
        image.thumbnail((SIDE, SIDE))
        stream = BytesIO()
        image.save(stream, "JPEG", quality=QUALITY)
        found[picture] = stream.getvalue()
    return found
