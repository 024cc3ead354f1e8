"""Pictures through a model: one within a deadline; many fetched ahead, in batches and in order."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import chain
from numbers import Real
from typing import TypeVar

from pictell.budget import Ticket
from pictell.errors import DeadlineError, PictellError, UsageError
from pictell.image_model import ImageModel, Output, ReadPicture
from pictell.options import MAX_TIMEOUT_S
from pictell.pipeline.deadline import run_with_deadline
from pictell.pipeline.executor import Executor, Threads
from pictell.places import Url
from pictell.types import Source

R = TypeVar("R")

# Downloads wait for servers, not for processors: this many URLs are fetched at once.
FETCH_WORKERS = 16
# Downloaded pictures that wait to be decoded, if the budget of memory has room for them.
MAX_BYTES_IN_FLIGHT = 512 * 1024 * 1024


def run_one(
    model: ImageModel, source: Source, output: str, timeout_s: float | None = None
) -> Output | PictellError:
    """One picture's row of ``output``, or its error. Raises ``UsageError`` for ``timeout_s``."""
    if timeout_s is None:
        return model.run_pictures([source], output)[0]
    if not isinstance(timeout_s, Real) or not 0 < timeout_s <= MAX_TIMEOUT_S:
        raise UsageError(f"timeout_s must be above 0, at most {MAX_TIMEOUT_S}, not {timeout_s!r}")
    end_s = time.monotonic() + float(timeout_s)
    try:
        with Ticket(model.budget.reading) as ticket:
            # A daemon, because reading a pipe may never end.
            read = run_with_deadline(
                lambda: model.read(source, ticket.reserve), float(timeout_s), daemon=True
            )
            left_s = max(0.0, end_s - time.monotonic())
            return run_with_deadline(lambda: model.run_pictures([read], output)[0], left_s)
    except TimeoutError:
        message = f"not finished within {timeout_s:g} s"
        return DeadlineError(message, timeout_s=float(timeout_s), source=source.name)


def run_stream(
    model: ImageModel,
    sources: Iterable[Source],
    output: str,
    function: Callable[[list[Output | PictellError]], Sequence[R]],
    executor: Executor,
    embedding: str | None = None,
) -> Generator[R, None, None]:
    """The results of ``function``: it gets rows of ``output``, on the caller's thread.

    ``embedding`` names another output whose rows are added.
    """
    downloads = model.budget.line(MAX_BYTES_IN_FLIGHT)

    def fetch(item: tuple[Source, Ticket | None]) -> Source | ReadPicture:
        source, ticket = item
        # A file is read by the thread that decodes it: memory that one thread allocates and
        # another one frees gets fragmented.
        return model.read(source, ticket.reserve, ticket.release) if ticket else source

    def run(batch: list[Source | ReadPicture]) -> list[Output | PictellError]:
        try:
            return model.run_pictures(batch, output, embedding)
        finally:
            # Not before: the batch keeps the content of all its pictures.
            for one in batch:
                if isinstance(one, ReadPicture):
                    one.release()

    def fetched() -> Iterator[Source | ReadPicture]:
        left = iter(sources)
        for source in left:
            if isinstance(source.content, Url):
                yield from from_first_url(chain([source], left))
            else:
                yield source  # without a thread that it does not need

    def from_first_url(sources: Iterable[Source]) -> Iterator[Source | ReadPicture]:
        with_tickets = (
            (source, downloads.ticket() if isinstance(source.content, Url) else None)
            for source in sources
        )
        # Daemons, because downloads that wait for the budget would keep the program from ending.
        return Threads(FETCH_WORKERS, FETCH_WORKERS, daemon=True).map(fetch, with_tickets)

    try:
        for outputs in executor.map_batches(run, fetched(), model.batch_size):
            # A model that does not open is one error, not one for each picture.
            model.wait()
            yield from function(outputs)
        model.wait()
    finally:
        downloads.close()
