"""Pictures through a model: one within a deadline; many fetched ahead, in batches and in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from pictell.errors import DeadlineError, PictellError, UsageError
from pictell.image_model import ImageModel, Output, ReadPicture, named
from pictell.pipeline.budget import Budget, Ticket
from pictell.pipeline.deadline import run_with_deadline
from pictell.pipeline.executor import Executor, Threads
from pictell.types import Source, Url

R = TypeVar("R")

# Downloads wait for servers, not for processors: this many URLs are fetched at once.
FETCH_WORKERS = 16
# Downloaded pictures that wait to be decoded.
MAX_BYTES_IN_FLIGHT = 512 * 1024 * 1024
# One run on four pictures is a tenth faster than four runs; more gain nothing on a CPU
# (benchmarks/README.md).
BATCH_SIZE = 4


def run_one(
    model: ImageModel, source: Source, output: str, timeout_s: float | None = None
) -> Output | PictellError:
    """One picture's row of ``output``, or its error. Raises ``UsageError`` for ``timeout_s``."""
    if timeout_s is None:
        (found,) = model.run_pictures([source], output)
        return found
    if not timeout_s > 0:
        raise UsageError(f"timeout_s must be above 0, not {timeout_s!r}")
    try:
        return run_with_deadline(lambda: run_one(model, source, output), timeout_s)
    except DeadlineError as error:
        return named(error, source.name)


def run_stream(
    model: ImageModel,
    sources: Iterable[Source],
    output: str,
    function: Callable[[Output | PictellError], R],
    executor: Executor,
) -> Iterator[R]:
    """The results of ``function``, called on the executor with each picture's row of ``output``."""
    budget = Budget(MAX_BYTES_IN_FLIGHT)

    def fetch(item: tuple[Source, Ticket | None]) -> Source | ReadPicture:
        source, ticket = item
        # A file is read by the thread that decodes it: memory that one thread allocates and
        # another one frees gets fragmented.
        return model.read(source, ticket.reserve, ticket.release) if ticket else source

    def run(batch: list[Source | ReadPicture]) -> list[R]:
        return [function(one) for one in model.run_pictures(batch, output)]

    with_tickets = (
        (source, budget.ticket() if isinstance(source.content, Url) else None) for source in sources
    )
    fetched = Threads(FETCH_WORKERS, FETCH_WORKERS).map(fetch, with_tickets)
    try:
        yield from executor.map_batches(run, fetched, BATCH_SIZE)
    finally:
        budget.close()
