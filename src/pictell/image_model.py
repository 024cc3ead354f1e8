"""A model for images: a spec and a session. Sources become tensors, batches become outputs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from pictell.errors import OutOfMemoryError, PictellError
from pictell.images.decode import decode
from pictell.images.preprocess import preprocess, shortest_useful_side, wants_fast_dct
from pictell.images.read import Content, Reserve, read_content, reserve_nothing
from pictell.options import Limits
from pictell.results import Timings
from pictell.types import ModelSpec, Source

if TYPE_CHECKING:
    from pictell.runtimes import Session

T = TypeVar("T")


# Named tuples: to make a dataclass takes half a millisecond, at every start of the program.


class ReadPicture(NamedTuple):
    """A source whose content has been read, in ``read_ms`` milliseconds, or the error instead.

    ``release`` is called once the content is decoded.
    """

    source: Source
    content: Content | PictellError
    read_ms: float
    release: Callable[[], None]


class Prepared(NamedTuple):
    """A picture ready to run: its ``tensor`` (1, …), its upright size in pixels, its timings."""

    name: str
    tensor: NDArray[np.generic]
    width: int
    height: int
    timings: Timings


class Output(NamedTuple):
    """One picture's ``row`` of a model's output, shape (D,)."""

    picture: Prepared
    row: NDArray[np.generic]


class ImageModel:
    """Runs a model on pictures. Safe to use from several threads at once.

    ``limits`` bound what one picture may cost; ``proxy`` is the URL of an HTTP proxy for downloads.
    """

    def __init__(
        self,
        spec: ModelSpec,
        session: Session,
        limits: Limits = Limits(),
        proxy: str | None = None,
    ) -> None:
        self.spec = spec
        self.limits = limits
        self._session = session
        self._proxy = proxy
        self._useful_side = shortest_useful_side(spec.preprocess)
        self._fast_dct = wants_fast_dct(spec.preprocess)

    def read(
        self,
        source: Source,
        reserve: Reserve = reserve_nothing,
        release: Callable[[], None] = lambda: None,
    ) -> ReadPicture:
        """Read the source's content, or keep the error. ``reserve``: see ``read_content``."""
        started = time.perf_counter()
        content: Content | PictellError
        try:
            content = read_content(source, self.limits, proxy=self._proxy, reserve=reserve)
        except (PictellError, MemoryError) as error:
            content = named(error, source.name)
        return ReadPicture(source, content, _ms_since(started), release)

    def prepare(self, picture: Source | ReadPicture) -> Prepared:
        """Read, decode and preprocess one picture. Raises the ``PictellError`` of that stage."""
        read = self.read(picture) if isinstance(picture, Source) else picture
        content = read.content
        if isinstance(content, PictellError):
            raise content
        image, decode_ms = _timed(
            lambda: decode(
                content, self.limits.max_pixels, self._useful_side, fast_dct=self._fast_dct
            )
        )
        tensor, preprocess_ms = _timed(lambda: preprocess(image.pixels, self.spec.preprocess))
        timings = Timings(read.read_ms, decode_ms, preprocess_ms, run_ms=0.0)
        return Prepared(read.source.name, tensor, image.width, image.height, timings)

    def run(
        self, batch: NDArray[np.generic], outputs: Sequence[str]
    ) -> Mapping[str, NDArray[np.generic]]:
        """The named outputs (N, …) for a batch of tensors (N, …). Raises ``RuntimeFailedError``."""
        return self._session.run({self.spec.input_name: batch}, outputs)

    def run_pictures(
        self, items: Sequence[Source | ReadPicture], output: str
    ) -> list[Output | PictellError]:
        """One row of the named output for each picture, or the error, which names its source."""
        prepared = [self._try_to_prepare(item) for item in items]
        ready = [one for one in prepared if isinstance(one, Prepared)]
        rows = iter(self._run_prepared(ready, output) if ready else ())
        return [next(rows) if isinstance(one, Prepared) else one for one in prepared]

    def close(self) -> None:
        """Release the engine once the runs in flight have ended."""
        self._session.close()

    def _try_to_prepare(self, item: Source | ReadPicture) -> Prepared | PictellError:
        read = self.read(item) if isinstance(item, Source) else item
        try:
            return self.prepare(read)
        except (PictellError, MemoryError) as error:
            return named(error, read.source.name)
        finally:
            read.release()

    def _run_prepared(self, ready: Sequence[Prepared], output: str) -> list[Output | PictellError]:
        try:
            batch = np.concatenate([picture.tensor for picture in ready])
            outputs, run_ms = _timed(lambda: self.run(batch, [output]))
        except (PictellError, MemoryError) as error:
            return [named(error, picture.name) for picture in ready]
        share_ms = run_ms / len(ready)
        return [
            Output(picture._replace(timings=replace(picture.timings, run_ms=share_ms)), row)
            for picture, row in zip(ready, outputs[output], strict=True)
        ]


def named(error: PictellError | MemoryError, source: str) -> PictellError:
    """A copy of the error that names its source.

    It has no traceback and no cause: their frames would keep a whole file in memory.
    """
    if isinstance(error, MemoryError):
        error = OutOfMemoryError("not enough memory for this picture")
    found = copy(error)
    found.source = source
    found.__cause__ = found.__context__ = None
    return found.with_traceback(None)


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    return work(), _ms_since(started)


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
