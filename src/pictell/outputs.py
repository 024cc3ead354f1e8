"""From a row of a model's output to what a caller gets: a result, or an embedding."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from numpy.typing import NDArray

from pictell.errors import PictellError, RuntimeFailedError, UsageError
from pictell.image_model import Output, named
from pictell.results import Result
from pictell.scoring.decision import Scorer


@dataclass(frozen=True, slots=True)
class ToResult:
    """Scores a row (classes,). The result has the ``top_k`` best classes, 1 or more.

    ``model`` is the name that results show; ``probabilities`` keeps those of all classes.
    """

    scorer: Scorer
    model: str
    top_k: int
    probabilities: bool

    def __post_init__(self) -> None:
        """Raises ``UsageError`` for a ``top_k`` that is not a whole number of 1 or more."""
        if not isinstance(self.top_k, Integral) or self.top_k < 1:
            raise UsageError(f"top_k must be a whole number of 1 or more, not {self.top_k!r}")

    def __call__(self, output: Output | PictellError) -> Result:
        """The result, with the error where there is one."""
        if isinstance(output, PictellError):
            return Result(output.source or "", self.model, error=output)
        picture = output.picture
        try:
            decision = self.scorer.score(output.row, int(self.top_k))
        except PictellError as error:
            return Result(picture.name, self.model, error=named(error, picture.name))
        return Result(
            source=picture.name,
            model=self.model,
            status=decision.status,
            answer=decision.answer,
            predictions=decision.predictions,
            width=picture.width,
            height=picture.height,
            timings=picture.timings,
            probabilities=decision.probabilities if self.probabilities else None,
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
