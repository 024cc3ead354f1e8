"""The photos of a collection: read, dated and classified, each content once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pictell.classifier import Classifier
from pictell.images.read import read_file
from pictell.index.photos import PhotoIndex
from pictell.results import Result
from pictell.types import Source


@dataclass(frozen=True, slots=True)
class Photo:
    """A file with a picture.

    ``path`` is as the user named it. ``digest`` is the SHA-256 of its content in hexadecimal.
    ``taken`` is when the camera took the photo, by its own clock, without a zone; ``None`` if the
    file does not say it.
    """

    path: Path
    digest: str
    taken: datetime | None


@dataclass(frozen=True)
class Survey:
    """What is known of the N ``photos`` that could be read, in the order of their sources.

    ``failed`` are the results of the others, each with its ``error``.
    """

    photos: tuple[Photo, ...]
    failed: tuple[Result, ...]
    _results: tuple[Result, ...]

    def results(self) -> Iterator[Result]:
        """What the model says of each photo: N results, without probabilities and embedding."""
        return iter(self._results)

    def probabilities(self) -> NDArray[np.float32]:
        """The probabilities of all classes, (N, classes) float32 in 0..1."""
        return np.array([one.probabilities for one in self._results], np.float32)

    def embeddings(self) -> NDArray[np.float32]:
        """The embeddings, (N, D) float32, each with an L2 norm of 1."""
        return np.array([one.embedding for one in self._results], np.float32)


def survey(
    classifier: Classifier,
    sources: Iterable[Source],
    index: PhotoIndex,
    watch: Callable[[Result], None] = lambda result: None,
) -> Survey:
    """Read, date and classify photos; what the index knows is not computed again.

    ``sources`` must be files, or errors. ``watch`` receives a result for each source, in order.
    """
    photos, results, failed = list[Photo](), list[Result](), list[Result]()
    files = list(sources)
    for source, result in zip(
        files, classifier.stream(files, probabilities=True, embedding=True), strict=True
    ):
        watch(result)
        if result.error is not None or not isinstance(source.content, Path):
            failed.append(result)
            continue
        content = read_file(source.content, classifier.model.limits.max_bytes)
        photos.append(Photo(source.content, hashlib.sha256(content).hexdigest(), None))
        results.append(result)
    return Survey(tuple(photos), tuple(failed), tuple(results))
