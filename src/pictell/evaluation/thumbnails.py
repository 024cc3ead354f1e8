"""Thumbnails of the pictures of a data set."""

from __future__ import annotations

from collections.abc import Iterable

from pictell.errors import PictellError
from pictell.evaluation.dataset import Dataset
from pictell.images.read import read_file
from pictell.images.thumbnail import thumbnail
from pictell.options import Limits

# The size on the page; about 6 kB each.
SIDE = 160


def thumbnails(
    dataset: Dataset, pictures: Iterable[int], limits: Limits = Limits()
) -> dict[int, bytes]:
    """JPEGs of at most 160 x 160 pixels by picture number, without pictures that fail."""
    found = {}
    for picture in pictures:
        try:
            found[picture] = thumbnail(
                read_file(dataset.path(picture), limits.max_bytes),
                SIDE,
                limits.max_pixels,
                box=dataset.source(picture).box,
                allow_truncated=limits.allow_truncated,
            )
        except PictellError:
            continue
    return found
