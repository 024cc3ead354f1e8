"""The public API: pictures in, results out, in order. A bad picture never stops the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pictell.errors import UsageError
from pictell.image_model import ImageModel
from pictell.images.sources import Input, expand_inputs, to_source
from pictell.outputs import ToResult, to_embedding
from pictell.picture_stream import run_one, run_stream
from pictell.pipeline.executor import Executor, Threads
from pictell.results import Result
from pictell.scoring.decision import Scorer


class Classifier:
    """Labels pictures with a model. Safe to use from several threads at once.

    ``pictell.load`` makes one; ``with`` closes it. ``scorer`` turns outputs into scores and an
    answer, ``allow_private`` lets URLs name private hosts, ``executor`` runs ``stream`` and
    ``embed``. With ``reopen``, which makes it again, it can be pickled: another process opens it.
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
        self._to_source = partial(to_source, allow_private=allow_private)
        self._to_sources = partial(expand_inputs, allow_private=allow_private)
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

        ``probabilities`` adds those of all classes. The call takes at most ``timeout_s`` seconds;
        unfinished work ends in the background. Raises ``UsageError`` for another type or an option
        out of range, ``DeadlineError``, or the ``PictellError`` of the picture.
        """
        to_result = ToResult(self.scorer, self.spec.name, top_k, probabilities)
        source = self._to_source(picture)
        result = to_result(run_one(self.model, source, self.spec.output_name, timeout_s))
        if result.error is not None:
            raise result.error
        return result

    def stream(
        self, pictures: Iterable[Input], *, top_k: int = 5, probabilities: bool = False
    ) -> Iterator[Result]:
        """Classify many pictures: lazily, in order, in bounded memory, on all processors.

        Takes what ``classify`` takes, and folders. A picture that fails gives a ``Result`` with its
        ``error``. Pictures are taken ahead of their results, on another thread: keep a stream or
        PIL image open, and an array unchanged, until its result comes; give no stream twice.
        """
        to_result = ToResult(self.scorer, self.spec.name, top_k, probabilities)
        sources = self._to_sources(pictures)
        return run_stream(self.model, sources, self.spec.output_name, to_result, self._executor)

    def embed(self, pictures: Iterable[Input]) -> NDArray[np.float32]:
        """Embeddings of pictures, shape (N, D), dtype float32; the L2 norm of each row is 1.

        Takes what ``stream`` takes. Raises the ``PictellError`` of the first picture that fails,
        ``UsageError`` for a model without an embedding and for no pictures.
        """
        name, sources = self.spec.embedding, self._to_sources(pictures)
        if name is None:
            raise UsageError(f"the model {self.spec.name} has no embedding")
        rows = list(run_stream(self.model, sources, name, to_embedding, self._executor))
        if not rows:
            raise UsageError("no pictures to embed")
        return np.stack(rows)

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
