"""Pure: a model's output becomes probabilities and the best predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pictell.errors import RuntimeFailedError
from pictell.types import Label, Prediction


def to_probabilities(
    logits: NDArray[np.generic], activation: Literal["softmax", "none"]
) -> NDArray[np.float64]:
    """The last activation, over the last axis. Shape (…, classes) in and out, float64, 0..1.

    ``softmax`` is exp(x - max x) over its sum, which does not overflow; ``none`` is for models
    that give probabilities. Raises ``RuntimeFailedError`` when an output is not a finite number.
    """
    values = logits.astype(np.float64)
    if not np.isfinite(values).all():
        raise RuntimeFailedError("the model gave an output that is not a finite number")
    if activation == "none":
        return values
    exponentials = np.exp(values - values.max(axis=-1, keepdims=True))
    probabilities: NDArray[np.float64] = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return probabilities


def top_k(
    probabilities: NDArray[np.float64], labels: Sequence[Label], k: int
) -> tuple[Prediction, ...]:
    """The ``k`` best of (classes,) probabilities, best first; of equal ones the lower index.

    Raises ``RuntimeFailedError`` when there are not as many labels as probabilities.
    """
    if len(probabilities) != len(labels):
        raise RuntimeFailedError(f"{len(probabilities)} outputs for {len(labels)} labels")
    best = np.argsort(-probabilities, kind="stable")[:k]
    return tuple(
        Prediction(
            labels[index].name, float(probabilities[index]), int(index), labels[index].synset
        )
        for index in best
    )
