"""A model behind the server: pictures are decoded one by one, and run in batches."""

from __future__ import annotations

import asyncio
import io
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple

from pictell.classifier import Classifier
from pictell.errors import PictellError
from pictell.image_model import Prepared, ReadPicture
from pictell.outputs import ToResults
from pictell.pipeline.batcher import Batcher
from pictell.results import Result
from pictell.server.metrics import Metrics
from pictell.types import Source, Url

# Downloads wait for servers, not for processors.
FETCH_WORKERS = 16


class Wanted(NamedTuple):
    """What a request wants of a picture: the best classes, and arrays beside them."""

    top_k: int
    probabilities: bool = False
    embedding: bool = False


class Engine:
    """A model and its threads, for ``cores`` processors. ``classify`` is for the event loop.

    Decoding is a stage of its own, so that a picture that takes long delays no other one of a
    batch. A request that is cancelled gives up its places in both queues. ``embedding_size`` is
    known after ``warm_up``.
    """

    def __init__(self, name: str, classifier: Classifier, metrics: Metrics, cores: int) -> None:
        self.name, self.classifier = name, classifier
        self.model, self.spec = classifier.model, classifier.spec
        self.embedding_size: int | None = None
        self._metrics = metrics
        self._decoders = Batcher(self._decode, 1, cores)
        self._runners = Batcher(self._run, self.model.batch_size, cores)
        # Bounds the bytes of pictures that wait, which belong to no request's body.
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
        prepared = picture if isinstance(picture, Prepared) else await self._prepare(picture)
        if isinstance(prepared, PictellError):
            return Result(prepared.source or "", self.spec.name, error=prepared)
        return await asyncio.wrap_future(self._runners.submit((prepared, wanted)))

    def close(self) -> None:
        """End the threads once what they do has ended, and release the model."""
        self._fetchers.shutdown(cancel_futures=True)
        self._decoders.close()
        self._runners.close()
        self.classifier.close()

    async def _prepare(self, source: Source) -> Prepared | PictellError:
        if isinstance(source.content, Url):
            async with self._fetched:
                loop = asyncio.get_running_loop()
                read = await loop.run_in_executor(self._fetchers, self.model.read, source)
                return await asyncio.wrap_future(self._decoders.submit(read))
        return await asyncio.wrap_future(self._decoders.submit(self.model.read(source)))

    def _decode(self, batch: list[ReadPicture]) -> list[Prepared | PictellError]:
        return [self.model.try_to_prepare(one) for one in batch]

    def _run(self, batch: list[tuple[Prepared, Wanted]]) -> list[Result]:
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
