"""The photos of a collection: read, dated and classified."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from pictell.classifier import Classifier
from pictell.collection.photo import Photo
from pictell.errors import PictellError
from pictell.images.read import read_file
from pictell.types import Source


def survey(
    classifier: Classifier,
    sources: Iterable[Source],
    *,
    probabilities: bool = False,
    embedding: bool = False,
) -> Iterator[Photo]:
    """The photos in the order of their sources, which must be files.

    ``probabilities`` and ``embedding`` add those to the results. A photo that cannot be read or
    decoded has a result with an ``error``.
    """
    for source in sources:
        if not isinstance(source.content, Path):
            raise TypeError(f"{source.name} is not a file")
        (result,) = classifier.stream([source], probabilities=probabilities, embedding=embedding)
        yield Photo(source.content, _digest(source.content, classifier), None, result)


def _digest(path: Path, classifier: Classifier) -> str:
    try:
        return hashlib.sha256(read_file(path, classifier.model.limits.max_bytes)).hexdigest()
    except PictellError:
        return ""
