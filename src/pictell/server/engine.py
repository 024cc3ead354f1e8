"""A model behind the server: pictures are decoded one by one, and run in batches."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from pictell.classifier import Classifier
from pictell.errors import PictellError
from pictell.image_model import Output, Prepared, ReadPicture
from pictell.outputs import ToResults
from pictell.pipeline.batcher import Batcher
from pictell.server.metrics import Metrics
from pictell.types import Source, Url

# Downloads wait for servers, not for processors.
FETCH_WORKERS = 16


class Engine:
    """A model and its threads, for ``cores`` processors. ``output`` is for the event loop's thread.

    Decoding is a stage of its own, so that a picture that takes long delays no other one of a
    batch. A request that is cancelled gives up its places in both queues.
    """

    def __init__(self, name: str, classifier: Classifier, metrics: Metrics, cores: int) -> None:
        self.name, self.classifier = name, classifier
        self.model, self.spec = classifier.model, classifier.spec
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

    async def output(self, source: Source, *, embedding: bool = False) -> Output | PictellError:
        """One picture's row of the model's output, or its error."""
        if isinstance(source.content, Url):
            async with self._fetched:
                loop = asyncio.get_running_loop()
                read = await loop.run_in_executor(self._fetchers, self.model.read, source)
                prepared = await asyncio.wrap_future(self._decoders.submit(read))
        else:
            read = self.model.read(source)
            prepared = await asyncio.wrap_future(self._decoders.submit(read))
        if isinstance(prepared, PictellError):
            return prepared
        return await asyncio.wrap_future(self._runners.submit((prepared, embedding)))

    def to_results(self, top_k: int, *, probabilities: bool = False) -> ToResults:
        """What turns outputs into results; the results name the model as requests do."""
        return ToResults(self.classifier.scorer, self.spec.name, top_k, probabilities)

    def close(self) -> None:
        """End the threads once what they do has ended, and release the model."""
        self._fetchers.shutdown(cancel_futures=True)
        self._decoders.close()
        self._runners.close()
        self.classifier.close()

    def _decode(self, batch: list[ReadPicture]) -> list[Prepared | PictellError]:
        return [self.model.try_to_prepare(one) for one in batch]

    def _run(self, batch: list[tuple[Prepared, bool]]) -> Sequence[Output | PictellError]:
        prepared, wanted = zip(*batch, strict=True)
        started = time.perf_counter()
        outputs = self.model.run_prepared(
            prepared, self.spec.output_name, self.spec.embedding if any(wanted) else None
        )
        self._metrics.saw_batch(self.name, len(batch), time.perf_counter() - started)
        return outputs
