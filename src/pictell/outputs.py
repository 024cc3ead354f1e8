"""From rows of a model's output to what a caller gets: results, or embeddings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from pictell.errors import PictellError, RuntimeFailedError, UsageError
from pictell.image_model import Output, named
from pictell.results import Result
from pictell.scoring.decision import Decision, Scorer


class ToResults:
    """Scores rows (classes,). A result has the ``top_k`` best classes, 1 or more.

    ``model`` is the name that results show; ``probabilities`` keeps those of all classes.
    """

    def __init__(self, scorer: Scorer, model: str, top_k: int, probabilities: bool) -> None:
        """Raises ``UsageError`` for a ``top_k`` that is not a whole number of 1 or more."""
        if not isinstance(top_k, int | np.integer) or top_k < 1:
            raise UsageError(f"top_k must be a whole number of 1 or more, not {top_k!r}")
        self._scorer = scorer
        self._model = model
        self._top_k = int(top_k)
        self._probabilities = probabilities

    def __call__(self, outputs: Sequence[Output | PictellError]) -> list[Result]:
        """The results, each with its error where there is one."""
        decisions = iter(self._score([one for one in outputs if isinstance(one, Output)]))
        return [
            self._failed(one.source or "", one)
            if isinstance(one, PictellError)
            else self._result(one, next(decisions))
            for one in outputs
        ]

    def _score(self, outputs: Sequence[Output]) -> Sequence[Decision | PictellError]:
        if len({one.row.shape for one in outputs}) == 1:
            with suppress(PictellError):
                return self._score_together(outputs)
        # A row of another length, or with values that are not finite, does not fail the others.
        return [self._score_alone(one) for one in outputs]

    def _score_together(self, outputs: Sequence[Output]) -> list[Decision]:
        familiarity = None
        if outputs[0].familiarity is not None:
            familiarity = np.array([one.familiarity for one in outputs])
        return self._scorer.score(np.stack([one.row for one in outputs]), self._top_k, familiarity)

    def _score_alone(self, output: Output) -> Decision | PictellError:
        try:
            return self._score_together([output])[0]
        except PictellError as error:
            return error

    def _failed(self, source: str, error: PictellError) -> Result:
        return Result(source, self._model, error=error)

    def _result(self, output: Output, decision: Decision | PictellError) -> Result:
        if isinstance(decision, PictellError):
            return self._failed(output.source, named(decision, output.source))
        vector = output.embedding
        embedding = None if vector is None else _scaled(vector, output.source)
        if isinstance(embedding, PictellError):
            return self._failed(output.source, embedding)
        return Result(
            source=output.source,
            model=self._model,
            status=decision.status,
            answer=decision.answer,
            predictions=decision.predictions,
            width=output.width,
            height=output.height,
            timings=output.timings,
            warnings=output.warnings,
            probabilities=decision.probabilities if self._probabilities else None,
            embedding=embedding,
        )


def to_embeddings(
    outputs: Sequence[Output | PictellError],
) -> list[NDArray[np.float32] | PictellError]:
    """The embeddings of pictures, see ``to_embedding``."""
    return [to_embedding(one) for one in outputs]


def to_embedding(output: Output | PictellError) -> NDArray[np.float32] | PictellError:
    """A row (D,) scaled to an L2 norm of 1, float32; zeros stay zeros.

    Or the error, which is ``RuntimeFailedError`` for values that are not finite.
    """
    if isinstance(output, PictellError):
        return output
    return _scaled(output.row, output.source)


def _scaled(row: NDArray[np.generic], source: str) -> NDArray[np.float32] | PictellError:
    row = row.astype(np.float64).ravel()
    norm = np.linalg.norm(row)
    if not np.isfinite(norm):
        message = "the model gave an embedding that is not finite"
        return RuntimeFailedError(message, source=source)
    return (row / (norm or 1.0)).astype(np.float32)


def stack(rows: Iterable[NDArray[np.float32] | PictellError]) -> NDArray[np.float32]:
    """The rows (D,) as one array (N, D). Raises the first error, and ``UsageError`` for none."""
    array = []
    for row in rows:
        if isinstance(row, PictellError):
            raise row
        array.append(row)
    if not array:
        raise UsageError("no pictures to embed")
    return np.stack(array)
