"""From a row of a model's output to what a caller gets: a result, or an embedding."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from pictell.errors import PictellError, RuntimeFailedError, UsageError
from pictell.image_model import Output, named
from pictell.results import Result
from pictell.scoring.decision import Scorer


class ToResult:
    """Scores a row (classes,). The result has the ``top_k`` best classes, 1 or more.

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

    def __call__(self, output: Output | PictellError) -> Result:
        """The result, with the error where there is one."""
        if isinstance(output, PictellError):
            return Result(output.source or "", self._model, error=output)
        picture = output.picture
        try:
            decision = self._scorer.score(output.row, self._top_k)
        except PictellError as error:
            return Result(picture.name, self._model, error=named(error, picture.name))
        return Result(
            source=picture.name,
            model=self._model,
            status=decision.status,
            answer=decision.answer,
            predictions=decision.predictions,
            width=picture.width,
            height=picture.height,
            timings=picture.timings,
            probabilities=decision.probabilities if self._probabilities else None,
        )


def to_embedding(output: Output | PictellError) -> NDArray[np.float32]:
    """A row (D,) scaled to an L2 norm of 1, float32; zeros stay zeros.

    Raises the error, or ``RuntimeFailedError`` for values that are not finite.
    """
    if isinstance(output, PictellError):
        raise output
    row = output.row.astype(np.float64).ravel()
    norm = np.linalg.norm(row)
    if not np.isfinite(norm):
        message = "the model gave an embedding that is not finite"
        raise RuntimeFailedError(message, source=output.picture.name)
    return (row / (norm or 1.0)).astype(np.float32)


def stack(rows: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The rows (D,) as one array (N, D). Raises ``UsageError`` for none."""
    array = list(rows)
    if not array:
        raise UsageError("no pictures to embed")
    return np.stack(array)
