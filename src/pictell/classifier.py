"""The one composition: sources in, results out, in order; one bad picture never stops the rest."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pictell.errors import PictellError, UsageError
from pictell.images import sources
from pictell.images.decode import decode, from_array, from_image
from pictell.images.preprocess import preprocess, shortest_useful_side, wants_fast_dct
from pictell.options import Limits
from pictell.pipeline.batches import batches
from pictell.pipeline.executor import map_ordered
from pictell.processors import available_cores
from pictell.scoring.decision import Scorer
from pictell.types import DecodedImage, ModelSpec, Result, Source, Timings, Url

if TYPE_CHECKING:
    from pictell.runtimes import Session

Input: TypeAlias = (
    "str | os.PathLike[str] | bytes | BinaryIO | Image.Image | NDArray[np.uint8] | Source"
)
Content: TypeAlias = "bytes | Image.Image | NDArray[np.uint8] | PictellError"

T = TypeVar("T")

# Downloads wait for servers, not for processors: URLs this far ahead are fetched at once.
FETCH_AHEAD = 16
# One call of the engine for so many pictures is a tenth faster than as many calls: the weights
# stay in the processor's cache. More gain nothing (benchmarks/README.md).
BATCH = 4


@dataclass(frozen=True, slots=True)
class _Read:
    """A source whose bytes (or finished image) are here, or the error instead."""

    source: Source
    content: Content
    read_ms: float


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A picture ready for the engine: a batch of one (1, …), and what its result will tell."""

    name: str
    tensor: NDArray[np.generic]
    width: int
    height: int
    timings: Timings


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What results shall hold."""

    top_k: int
    probabilities: bool

    def __post_init__(self) -> None:
        if not isinstance(self.top_k, int | np.integer) or self.top_k < 1:
            raise UsageError(f"top_k must be a whole number of 1 or more, not {self.top_k!r}")


class Classifier:
    """A model, ready to name pictures. Safe to use from several threads at once.

    ``naming`` makes names of its outputs (scores as the model gives them); ``allow_private`` lets
    URLs given as text name hosts on private networks.
    """

    def __init__(
        self,
        spec: ModelSpec,
        session: Session,
        *,
        scorer: Scorer | None = None,
        limits: Limits = Limits(),
        allow_private: bool = False,
    ) -> None:
        self.spec = spec
        self.scorer = scorer or Scorer(spec.labels, spec.activation)
        self.limits = limits
        self._session = session
        self._allow_private = allow_private
        self._useful_side = shortest_useful_side(spec.preprocess)
        self._fast_dct = wants_fast_dct(spec.preprocess)

    def classify(self, picture: Input, *, top_k: int = 5, probabilities: bool = False) -> Result:
        """Name one picture: a path, URL, bytes, binary stream, PIL image or RGB uint8 (H, W, 3).

        With ``probabilities`` the result holds those of all classes. Raises ``UsageError`` for
        anything else or ``top_k`` below 1, and any other ``PictellError`` when there is no picture
        to be had.
        """
        wanted = _Wanted(top_k, probabilities)
        (result,) = self._classify([self._to_source(picture)], wanted)
        if result.error is not None:
            raise result.error
        return result

    def stream(
        self, pictures: Iterable[Input], *, top_k: int = 5, probabilities: bool = False
    ) -> Iterator[Result]:
        """Name many pictures: lazy, in order, in bounded memory, on all processors.

        Takes what ``classify`` takes, and folders too. A picture that fails gives a ``Result``
        with its ``error``. Raises ``UsageError`` as ``classify`` does. Pictures are taken some
        way ahead of their results: until its result is there, a stream must stay open, an array
        unchanged, and neither it nor a PIL image be given again. The end of a program waits for
        downloads under way.
        """
        wanted = _Wanted(top_k, probabilities)
        if isinstance(pictures, str | bytes | os.PathLike):
            raise UsageError("stream takes many pictures: put the one into a list")
        return self._stream(pictures, wanted)

    def _stream(self, pictures: Iterable[Input], wanted: _Wanted) -> Iterator[Result]:
        workers = available_cores()
        expanded = (source for picture in pictures for source in self._expand(picture))
        fetched = map_ordered(self._fetch, expanded, workers=FETCH_AHEAD, look_ahead=FETCH_AHEAD)
        named = map_ordered(
            lambda batch: self._classify(batch, wanted),
            batches(fetched, BATCH, singles=2 * workers),
            workers=workers,
            look_ahead=2 * workers,
        )
        for results in named:
            yield from results

    def _expand(self, picture: Input) -> Iterator[Source]:
        if isinstance(picture, str | os.PathLike):
            return sources.expand_entry(os.fsdecode(picture), allow_private=self._allow_private)
        return iter([self._to_source(picture)])

    def _to_source(self, picture: Input) -> Source:
        if isinstance(picture, Source):
            return picture
        if isinstance(picture, str) and sources.SCHEME.match(picture):
            return sources.from_url(picture, allow_private=self._allow_private)
        if isinstance(picture, str | os.PathLike):
            name = os.fsdecode(picture)
            return Source(name, Path(name))
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

    def _fetch(self, source: Source) -> Source | _Read:
        # Files are left to the thread that decodes them: bytes that one thread allocates and
        # another frees scatter the memory.
        return self._read(source) if isinstance(source.content, Url) else source

    def _read(self, source: Source) -> _Read:
        started = time.perf_counter()
        try:
            content = _read_content(source, self.limits)
        except PictellError as error:
            content = _detached(error)
        return _Read(source, content, _ms_since(started))

    def _classify(self, batch: Sequence[Source | _Read], wanted: _Wanted) -> list[Result]:
        prepared = [self._prepare(item) for item in batch]
        ready = [item for item in prepared if isinstance(item, _Prepared)]
        named = iter(self._run(ready, wanted) if ready else [])
        return [next(named) if isinstance(item, _Prepared) else item for item in prepared]

    def _prepare(self, item: Source | _Read) -> _Prepared | Result:
        read = self._read(item) if isinstance(item, Source) else item
        try:
            picture, decode_ms = _timed(lambda: self._decode(read.content))
            tensor, preprocess_ms = _timed(lambda: preprocess(picture.pixels, self.spec.preprocess))
        except PictellError as error:
            return self._failed(read.source.name, error)
        timings = Timings(read.read_ms, decode_ms, preprocess_ms, run_ms=0.0)
        return _Prepared(read.source.name, tensor, picture.width, picture.height, timings)

    def _run(self, ready: Sequence[_Prepared], wanted: _Wanted) -> list[Result]:
        batch = np.concatenate([item.tensor for item in ready])
        try:
            (logits,), run_ms = _timed(lambda: self._session.run(batch, [self.spec.output_name]))
        except PictellError as error:
            return [self._failed(item.name, error) for item in ready]
        share_ms = run_ms / len(ready)
        return [
            self._name(item, row, share_ms, wanted) for item, row in zip(ready, logits, strict=True)
        ]

    def _name(
        self, item: _Prepared, logits: NDArray[np.generic], run_ms: float, wanted: _Wanted
    ) -> Result:
        try:
            named = self.scorer.name(logits, wanted.top_k)
        except PictellError as error:
            return self._failed(item.name, error)
        return Result(
            source=item.name,
            model=self.spec.name,
            predictions=named.predictions,
            answer=named.answer,
            sure=named.sure,
            known=named.known,
            guess=named.guess,
            probabilities=named.probabilities if wanted.probabilities else None,
            width=item.width,
            height=item.height,
            timings=replace(item.timings, run_ms=run_ms),
        )

    def _failed(self, name: str, error: PictellError) -> Result:
        return Result(name, self.spec.name, error=_detached(error))

    def _decode(self, content: Content) -> DecodedImage:
        max_pixels = self.limits.max_pixels
        if isinstance(content, PictellError):
            raise content
        if isinstance(content, bytes):
            return decode(content, max_pixels, self._useful_side, fast_dct=self._fast_dct)
        if isinstance(content, Image.Image):
            return from_image(content, max_pixels, self._useful_side)
        return from_array(content, max_pixels)


def _read_content(source: Source, limits: Limits) -> Content:
    content = source.content
    if isinstance(content, Path):
        return sources.read_file(content, limits.max_bytes)
    if isinstance(content, Url):
        # The HTTP library is loaded for those who fetch.
        from pictell.images.fetch import fetch

        return fetch(content, limits)
    if isinstance(content, bytes | Image.Image | np.ndarray | PictellError):
        return content
    return sources.read_stream(content, limits.max_bytes)


def _detached(error: PictellError) -> PictellError:
    """The error without its history, whose frames would keep a whole file in memory."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    return work(), _ms_since(started)


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
