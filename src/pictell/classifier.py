"""The one composition: sources in, results out, in order; one bad picture never stops the rest."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pictell import models, runtimes, sources
from pictell.decode import decode, from_array, from_image
from pictell.errors import PictellError, UsageError
from pictell.executors.local import available_cores, map_ordered
from pictell.models.folder import read_weights
from pictell.postprocess import to_probabilities, top_k
from pictell.preprocess import preprocess, shortest_useful_side
from pictell.types import Limits, ModelSpec, Picture, Result, Source, Timings, Url

if TYPE_CHECKING:
    from pictell.runtimes import Session

Input: TypeAlias = (
    "str | os.PathLike[str] | bytes | BinaryIO | Image.Image | NDArray[np.uint8] | Source"
)
Content: TypeAlias = "bytes | Image.Image | NDArray[np.uint8] | PictellError"

T = TypeVar("T")

# Reading waits for disks and servers, not for processors: this many sources are read ahead.
READ_AHEAD = 16


@dataclass(frozen=True, slots=True)
class _Read:
    """A source whose bytes (or finished image) are here, or the error instead."""

    source: Source
    content: Content
    read_ms: float


class Classifier:
    """A model, ready to name pictures. Safe to use from several threads at once.

    ``allow_private`` lets URLs given as text name hosts on private networks.
    """

    def __init__(
        self,
        spec: ModelSpec,
        session: Session,
        *,
        limits: Limits = Limits(),
        allow_private: bool = False,
    ) -> None:
        self.spec = spec
        self.limits = limits
        self._session = session
        self._allow_private = allow_private
        self._useful_side = shortest_useful_side(spec.preprocess)

    def classify(self, picture: Input, *, top_k: int = 5) -> Result:
        """Name one picture: a path, URL, bytes, binary stream, PIL image or RGB uint8 (H, W, 3).

        Raises ``UsageError`` for anything else or ``top_k`` below 1, and any other
        ``PictellError`` when there is no picture to be had.
        """
        _check_top_k(top_k)
        result = self._classify(self._read(self._to_source(picture)), top_k)
        if result.error is not None:
            raise result.error
        return result

    def stream(self, pictures: Iterable[Input], *, top_k: int = 5) -> Iterator[Result]:
        """Name many pictures: lazy, in order, in bounded memory, on all processors.

        Takes what ``classify`` takes, and folders too. A picture that fails gives a ``Result``
        with its ``error``. Raises ``UsageError`` as ``classify`` does.
        """
        _check_top_k(top_k)
        return self._stream(pictures, top_k)

    def _stream(self, pictures: Iterable[Input], top_k: int) -> Iterator[Result]:
        workers = available_cores()
        expanded = (source for picture in pictures for source in self._expand(picture))
        read = map_ordered(self._read, expanded, workers=READ_AHEAD, look_ahead=READ_AHEAD)
        return map_ordered(
            lambda item: self._classify(item, top_k), read, workers=workers, look_ahead=2 * workers
        )

    def _expand(self, picture: Input) -> Iterator[Source]:
        if isinstance(picture, str | os.PathLike):
            return sources.expand_entry(os.fspath(picture), allow_private=self._allow_private)
        return iter([self._to_source(picture)])

    def _to_source(self, picture: Input) -> Source:
        if isinstance(picture, Source):
            return picture
        if isinstance(picture, str) and sources.SCHEME.match(picture):
            return sources.from_url(picture, allow_private=self._allow_private)
        if isinstance(picture, str | os.PathLike):
            return Source(os.fspath(picture), Path(picture))
        if isinstance(picture, bytes):
            return Source("bytes", picture)
        if isinstance(picture, np.ndarray):
            return Source("array", picture)
        if isinstance(picture, Image.Image):
            return Source("image", picture)
        if hasattr(picture, "read"):
            return Source("stream", picture)
        raise UsageError(
            "a picture is a path, a URL, bytes, a binary stream, a PIL image or an RGB uint8 "
            f"array, not {type(picture).__name__}"
        )

    def _read(self, source: Source) -> _Read:
        started = time.perf_counter()
        try:
            content = _read_content(source, self.limits)
        except PictellError as error:
            content = error
        return _Read(source, content, _ms_since(started))

    def _classify(self, read: _Read, top_k: int) -> Result:
        try:
            return self._name(read, top_k)
        except PictellError as error:
            return Result(read.source.name, self.spec.name, error=error)

    def _name(self, read: _Read, k: int) -> Result:
        picture, decode_ms = _timed(lambda: self._decode(read.content))
        tensor, preprocess_ms = _timed(lambda: preprocess(picture.pixels, self.spec.preprocess))
        (logits,), run_ms = _timed(lambda: self._session.run(tensor, [self.spec.logits]))
        probabilities = to_probabilities(logits[0], self.spec.activation)
        return Result(
            source=read.source.name,
            model=self.spec.name,
            predictions=top_k(probabilities, self.spec.labels, k),
            width=picture.width,
            height=picture.height,
            timings=Timings(read.read_ms, decode_ms, preprocess_ms, run_ms),
        )

    def _decode(self, content: Content) -> Picture:
        max_pixels = self.limits.max_pixels
        if isinstance(content, PictellError):
            raise content
        if isinstance(content, bytes):
            return decode(content, max_pixels, self._useful_side)
        if isinstance(content, Image.Image):
            return from_image(content, max_pixels, self._useful_side)
        return from_array(content, max_pixels)


def load(
    model: str | os.PathLike[str] = "default",
    *,
    limits: Limits = Limits(),
    allow_private: bool = False,
    threads: int = 1,
) -> Classifier:
    """A classifier for a model: a name, or a folder with a ``model.toml``.

    ``limits`` bound what one picture may cost; ``allow_private`` lets URLs name hosts on private
    networks; ``threads`` is how many the engine may use for one picture (``stream`` keeps all
    processors busy with one each). Raises ``UnknownModelError`` or ``InvalidModelError``.
    """
    spec = models.find(model)
    session = runtimes.open_session(spec, read_weights(spec), threads=threads)
    return Classifier(spec, session, limits=limits, allow_private=allow_private)


def _read_content(source: Source, limits: Limits) -> Content:
    content = source.content
    if isinstance(content, Path):
        return sources.read_file(content, limits.max_bytes)
    if isinstance(content, Url):
        # The HTTP library is loaded for those who fetch.
        from pictell.fetch import fetch

        return fetch(content, limits)
    if isinstance(content, bytes | Image.Image | np.ndarray | PictellError):
        return content
    return sources.read_stream(content, limits.max_bytes)


def _check_top_k(top_k: int) -> None:
    if top_k < 1:
        raise UsageError(f"top_k must be 1 or more, not {top_k}")


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    return work(), _ms_since(started)


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
