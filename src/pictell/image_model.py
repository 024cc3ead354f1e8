"""A model for images: a spec and a session. Sources become tensors, batches become outputs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from copy import copy
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pictell.budget import Budget, Ticket, shared_budget
from pictell.errors import OutOfMemoryError, PictellError
from pictell.images.read import Content, Reserve, read_content, reserve_nothing
from pictell.images.tensor import PictureTensor, to_tensor
from pictell.memory import give_back_freed
from pictell.options import CPU_BATCH_SIZE, Limits
from pictell.results import Timings
from pictell.types import Box, ModelSpec, PictureWarning, Source

if TYPE_CHECKING:
    from pictell.runtimes import Session

# A picture that takes more to decode takes a tenth of a second or more.
LARGE_BYTES = 64 * 1024 * 1024
# Named tuples: to make a dataclass takes half a millisecond, at every start of the program.


class ReadPicture(NamedTuple):
    """A source whose content has been read, in ``read_ms`` milliseconds, or the error instead.

    ``release`` is for whoever made it, to call once nothing refers to the content.
    """

    source: Source
    content: Content | PictellError
    read_ms: float
    release: Callable[[], None]


class Prepared(NamedTuple):
    """A picture ready to run: see ``PictureTensor``."""

    source: str
    read_ms: float
    tensor: NDArray[np.generic]
    width: int
    height: int
    decode_ms: float
    preprocess_ms: float
    warnings: tuple[PictureWarning, ...] = ()


class Output(NamedTuple):
    """One picture's ``row`` of a model's output, shape (D,), with what is known of the picture.

    ``familiarity`` is set for the classes of a model that has this output, ``embedding``, a row
    (D,), where the caller requested it.
    """

    source: str
    row: NDArray[np.generic]
    width: int
    height: int
    timings: Timings
    warnings: tuple[PictureWarning, ...] = ()
    familiarity: float | None = None
    embedding: NDArray[np.generic] | None = None


class ImageModel:
    """Runs a model on pictures. Safe to use from several threads at once.

    ``session`` may be still opening; pictures are prepared meanwhile. ``limits`` bound what one
    picture may cost; ``proxy`` is the URL of an HTTP proxy for downloads; ``batch_size`` is how
    many pictures of a stream one run takes at most.
    """

    def __init__(
        self,
        spec: ModelSpec,
        session: Session | Future[Session],
        limits: Limits = Limits(),
        proxy: str | None = None,
        batch_size: int = CPU_BATCH_SIZE,
    ) -> None:
        self.spec = spec
        self.limits = limits
        self.batch_size = batch_size
        self._session = session if isinstance(session, Future) else _opened(session)
        self._proxy = proxy

    @property
    def budget(self) -> Budget:
        """The memory that pictures of all models of this process share."""
        return shared_budget(self.limits.memory_budget)

    def wait(self) -> None:
        """Wait until the session is open. Raises the ``PictellError`` if it does not open."""
        self._session.result()

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
        tensor = self.to_tensor(content, read.source.box)
        return Prepared(read.source.name, read.read_ms, *tensor)

    def to_tensor(self, content: Content, box: Box | None) -> PictureTensor:
        """Decode and preprocess a picture's content (see ``pictell.images.tensor.to_tensor``).

        Waits until there is memory for it.
        """
        with Ticket(self.budget.decoding) as ticket:
            try:
                return to_tensor(content, box, self.spec.preprocess, self.limits, ticket.reserve)
            finally:
                if ticket.n_bytes > LARGE_BYTES:
                    give_back_freed()

    def run(
        self, batch: NDArray[np.generic], outputs: Sequence[str]
    ) -> Mapping[str, NDArray[np.generic]]:
        """The named outputs (N, …) for a batch of tensors (N, …). Raises ``RuntimeFailedError``."""
        return self._session.result().run({self.spec.input_name: batch}, outputs)

    def run_pictures(
        self, items: Sequence[Source | ReadPicture], output: str, embedding: str | None = None
    ) -> list[Output | PictellError]:
        """One row of the named output for each picture, or the error, which names its source.

        ``embedding`` names another output whose row is added.
        """
        prepared = [self.try_to_prepare(item) for item in items]
        ready = [one for one in prepared if isinstance(one, Prepared)]
        rows = iter(self.run_prepared(ready, output, embedding) if ready else ())
        return [next(rows) if isinstance(one, Prepared) else one for one in prepared]

    def try_to_prepare(self, item: Source | ReadPicture) -> Prepared | PictellError:
        """``prepare``, but the error is returned. It names its source."""
        with Ticket(self.budget.reading) as ticket:
            read = self.read(item, ticket.reserve) if isinstance(item, Source) else item
            try:
                return self.prepare(read)
            except (PictellError, MemoryError) as error:
                return named(error, read.source.name)

    def run_prepared(
        self, ready: Sequence[Prepared], output: str, embedding: str | None = None
    ) -> list[Output | PictellError]:
        """One row of the named output for each picture (1 or more), in one run, or the error."""
        self.wait()
        started = time.perf_counter()
        try:
            batch = np.concatenate([picture.tensor for picture in ready])
            rows, familiarity, embeddings = self._rows(batch, output, embedding)
        except (PictellError, MemoryError) as error:
            return [named(error, picture.source) for picture in ready]
        run_ms = _ms_since(started) / len(ready)
        return [
            Output(
                picture.source,
                row,
                picture.width,
                picture.height,
                Timings(picture.read_ms, picture.decode_ms, picture.preprocess_ms, run_ms),
                picture.warnings,
                similar,
                vector,
            )
            for picture, row, similar, vector in zip(
                ready, rows, familiarity, embeddings, strict=True
            )
        ]

    def close(self) -> None:
        """Release the engine once the runs in flight have ended."""
        self._session.add_done_callback(_close)

    def _rows(
        self, batch: NDArray[np.generic], output: str, embedding: str | None
    ) -> tuple[NDArray[np.generic], Sequence[float | None], NDArray[np.generic] | Sequence[None]]:
        """The rows of an output (N, …), how familiar each picture is, if the model says so, and
        the rows of the embedding, if there is one."""
        familiarity = self.spec.familiarity if output == self.spec.output_name else None
        found = self.run(batch, [name for name in (output, familiarity, embedding) if name])
        nothing = [None] * len(batch)
        return (
            found[output],
            found[familiarity].astype(np.float64).reshape(len(batch)).tolist()
            if familiarity
            else nothing,
            found[embedding] if embedding else nothing,
        )


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


def _opened(session: Session) -> Future[Session]:
    future: Future[Session] = Future()
    future.set_result(session)
    return future


def _close(session: Future[Session]) -> None:
    if session.exception() is None:
        session.result().close()


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
