"""A model behind the server: pictures are decoded one by one, and run in batches."""

from __future__ import annotations

import asyncio
import io
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple, TypeAlias

from pictell.budget import Ticket
from pictell.classifier import Classifier
from pictell.errors import PictellError
from pictell.image_model import Prepared, ReadPicture
from pictell.outputs import ToResults
from pictell.pipeline.batcher import Batcher
from pictell.places import Url
from pictell.results import Result
from pictell.server.metrics import Metrics
from pictell.types import Source

# Downloads wait for servers, not for processors.
FETCH_WORKERS = 16


class Wanted(NamedTuple):
    """What a request wants of a picture: the best classes, and arrays beside them."""

    top_k: int
    probabilities: bool = False
    embedding: bool = False


_Decoded: TypeAlias = tuple[Prepared | PictellError, Wanted]


class Engine:
    """A model and its threads, for ``cores`` processors. ``classify`` is for the event loop.

    A picture that takes long to decode delays no other one of a batch. A request that is cancelled
    gives up its places. ``embedding_size`` is known after ``warm_up``.
    """

    def __init__(self, name: str, classifier: Classifier, metrics: Metrics, cores: int) -> None:
        self.name, self.classifier = name, classifier
        self.model, self.spec = classifier.model, classifier.spec
        self.embedding_size: int | None = None
        self._metrics = metrics
        # One more than processors, because a worker waits for its decoder's process.
        self._batcher = Batcher(self._decode, self._run, self.model.batch_size, cores + 1)
        # Bounds the pictures that wait, which belong to no request's body.
        self._fetched = asyncio.Semaphore(FETCH_WORKERS)
        self._fetchers = ThreadPoolExecutor(FETCH_WORKERS, "pictell-fetch")

    def warm_up(self) -> None:
        """Classify a picture, which starts a process that decodes. Raises a ``ModelError``."""
        from PIL.Image import new

        picture = io.BytesIO()
        new("RGB", (8, 8)).save(picture, "PNG")
        self.classifier.classify(picture.getvalue())
        if self.spec.embedding is not None:
            self.embedding_size = self.classifier.embed([picture.getvalue()]).shape[1]

    async def classify(self, picture: Source | Prepared, wanted: Wanted) -> Result:
        """The result of one picture, which may be an error."""
        if isinstance(picture, Source) and isinstance(picture.content, Url):
            # After a cancellation the download ends too: its ticket has been released.
            async with self._fetched:
                with Ticket(self.model.budget.reading) as ticket:
                    read = await self._fetch(picture, ticket)
                    return await self._run_one(read, wanted)
        return await self._run_one(picture, wanted)

    async def _fetch(self, picture: Source, ticket: Ticket) -> ReadPicture:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._fetchers, self.model.read, picture, ticket.reserve)

    async def _run_one(self, picture: Source | ReadPicture | Prepared, wanted: Wanted) -> Result:
        return await asyncio.wrap_future(self._batcher.submit((picture, wanted)))

    def close(self) -> None:
        """End the threads once what they do has ended, and release the model."""
        self._fetchers.shutdown(cancel_futures=True)
        self._batcher.close()
        self.classifier.close()

    def _decode(self, item: tuple[Source | ReadPicture | Prepared, Wanted]) -> _Decoded:
        picture, wanted = item
        if isinstance(picture, Prepared):
            return picture, wanted
        return self.model.try_to_prepare(picture), wanted

    def _run(self, batch: list[_Decoded]) -> list[Result]:
        ready = [(one, wanted) for one, wanted in batch if isinstance(one, Prepared)]
        results = iter(self._run_ready(ready) if ready else ())
        return [
            next(results)
            if isinstance(one, Prepared)
            else Result(one.source or "", self.spec.name, error=one)
            for one, _ in batch
        ]

    def _run_ready(self, batch: list[tuple[Prepared, Wanted]]) -> list[Result]:
        prepared, wanted = zip(*batch, strict=True)
        # The scores of a batch are computed together: alone, each would take four times as long.
        most = Wanted(*map(max, zip(*wanted, strict=True)))
        started = time.perf_counter()
        outputs = self.model.run_prepared(
            prepared, self.spec.output_name, self.spec.embedding if most.embedding else None
        )
        self._metrics.saw_batch(self.name, len(batch), time.perf_counter() - started)
        scorer, name = self.classifier.scorer, self.spec.name
        results = ToResults(scorer, name, most.top_k, most.probabilities)(outputs)
        return [
            result if one == most else _only(result, one)
            for result, one in zip(results, wanted, strict=True)
        ]


def _only(result: Result, wanted: Wanted) -> Result:
    return replace(
        result,
        predictions=result.predictions[: wanted.top_k],
        probabilities=result.probabilities if wanted.probabilities else None,
        embedding=result.embedding if wanted.embedding else None,
    )
