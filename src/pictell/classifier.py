"""The public API: pictures in, results out, in order. A bad picture never stops the others."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from pictell.errors import PictellError, UsageError
from pictell.image_model import ImageModel
from pictell.images.sources import Input, expand_inputs, to_source
from pictell.outputs import ToResults, stack, to_embeddings
from pictell.picture_stream import run_one, run_stream
from pictell.pipeline.executor import Executor, Threads
from pictell.results import Result
from pictell.scoring.decision import Scorer


class Classifier:
    """Labels pictures with a model. Safe to use from several threads at once.

    ``pictell.load`` makes one; ``with`` closes it. ``allow_private`` lets URLs name private hosts,
    ``executor`` runs ``stream`` and ``embed``, ``reopen`` makes it again where it is unpickled.
    """

    def __init__(
        self,
        model: ImageModel,
        scorer: Scorer | None = None,
        *,
        allow_private: bool = False,
        executor: Executor | None = None,
        reopen: Callable[[], Classifier] | None = None,
    ) -> None:
        self.model, self.spec = model, model.spec
        self.scorer = scorer or Scorer(model.spec.labels, model.spec.activation)
        self._allow_private = allow_private
        self._executor = executor or Threads()
        self._reopen = reopen

    def classify(
        self,
        picture: Input,
        *,
        top_k: int = 5,
        probabilities: bool = False,
        timeout_s: float | None = None,
    ) -> Result:
        """Classify a path, URL, bytes, binary stream, PIL image or (H, W, 3) uint8 RGB array.

        A URL may be a ``data:`` URL; a bytearray or memoryview is taken as bytes. A path must be of
        a file: open a pipe or a device, and give the stream.

        ``probabilities`` adds those of all classes. The call takes at most ``timeout_s`` seconds;
        unfinished work ends in the background. Raises ``UsageError`` for another type or an option
        out of range, ``DeadlineError``, or the ``PictellError`` of the picture.
        """
        to_results = ToResults(self.scorer, self.spec.name, top_k, probabilities)
        source = to_source(picture, allow_private=self._allow_private)
        (result,) = to_results([run_one(self.model, source, self.spec.output_name, timeout_s)])
        if result.error is not None:
            raise result.error
        return result

    def stream(
        self,
        pictures: Iterable[Input],
        *,
        top_k: int = 5,
        probabilities: bool = False,
        embedding: bool = False,
    ) -> Iterator[Result]:
        """Classify many pictures: lazily, in order, in bounded memory, on all processors.

        Takes what ``classify`` takes, and folders. A failure is a ``Result`` with its ``error``.
        Another thread takes pictures ahead of their results: until its result comes, keep a binary
        stream or PIL image open and an array unchanged. Give no binary stream twice.
        ``embedding`` adds that of each picture, from the same run. Raises ``UsageError`` if the
        model has none.
        """
        to_results = ToResults(self.scorer, self.spec.name, top_k, probabilities)
        sources = expand_inputs(pictures, allow_private=self._allow_private)
        return run_stream(
            self.model,
            sources,
            self.spec.output_name,
            to_results,
            self._executor,
            self._embedding_output() if embedding else None,
        )

    def embed(self, pictures: Iterable[Input]) -> NDArray[np.float32]:
        """Embeddings of pictures, shape (N, D), dtype float32; the L2 norm of each row is 1.

        Takes what ``stream`` takes. Raises the ``PictellError`` of the first picture that fails,
        ``UsageError`` for a model without an embedding and for no pictures.
        """
        with closing(self.embed_stream(pictures)) as rows:
            return stack(rows)

    def embed_stream(
        self, pictures: Iterable[Input]
    ) -> Generator[NDArray[np.float32] | PictellError, None, None]:
        """The embedding (D,) of each picture, float32 with an L2 norm of 1, or its error.

        Lazy, ordered and bounded as ``stream``, which with ``embedding`` also gives the warnings of
        a picture. Raises ``UsageError`` for a model without an embedding.
        """
        output = self._embedding_output()
        sources = expand_inputs(pictures, allow_private=self._allow_private)
        return run_stream(self.model, sources, output, to_embeddings, self._executor)

    def _embedding_output(self) -> str:
        if self.spec.embedding is None:
            raise UsageError(f"the model {self.spec.name} has no embedding")
        return self.spec.embedding

    def close(self) -> None:
        """Release the model once the calls in flight have ended. Safe to call again."""
        self.model.close()

    def __enter__(self) -> Classifier:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Callable[[], Classifier], tuple[()]]:
        if self._reopen is None:
            raise TypeError("only a classifier made by pictell.load() can be pickled")
        return self._reopen, ()
