"""Pure: a model's output, one value a class, becomes probabilities and the best predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pictell.errors import InvalidModelError, RuntimeFailedError
from pictell.results import Prediction
from pictell.types import Label

# Engines round; a probability may be a hair beyond its range.
PROBABILITY_SLACK = 1e-3
MAX_PROBABLE = 1 + PROBABILITY_SLACK
# So many outputs without a label are an exporter's padding; more are another model's labels.
MAX_UNLABELLED = 16


def count_classes(name: str, shape: Sequence[int | None]) -> int | None:
    """How many classes the output ``name`` has: (N, classes), with axes of size 1 behind N.

    ``None`` where it may be any. Raises ``InvalidModelError`` for any other shape.
    """
    wide = [size for size in shape[1:] if size != 1]
    if len(shape) < 2 or len(wide) > 1:
        raise InvalidModelError(
            f"the output {name!r} has shape {shape_text(shape)}, not (N, classes)"
        )
    return wide[0] if wide else 1


def check_label_count(labels: int, classes: int) -> None:
    """See that there is a label for each class. Raises ``InvalidModelError``."""
    missing = classes - labels
    if missing == 0:
        return
    advice = "these are labels of another model"
    if missing == 1:
        advice = "if class 0 is background give --background, if the last has none --unlabelled 1"
    elif 1 < missing <= MAX_UNLABELLED:
        advice = f"if the last {missing} have none give --unlabelled {missing}"
    raise InvalidModelError(f"{labels} labels for an output of {classes} classes: {advice}")


def shape_text(shape: Sequence[int | None]) -> str:
    """A shape as people write it: ``(N, 224, 224, 3)``."""
    return f"({', '.join('N' if size is None else str(size) for size in shape)})"


def to_probabilities(
    logits: NDArray[np.generic], activation: Literal["softmax", "none"]
) -> NDArray[np.float64]:
    """The last activation, over the last axis. Shape (…, classes) in and out, float64, 0..1.

    ``softmax`` is exp(x - max x) over its sum, which does not overflow; ``none`` is for models
    that give probabilities. Raises ``RuntimeFailedError`` when an output is not a finite number, or
    no probability where it should be one.
    """
    values = logits.astype(np.float64, copy=False)
    if not np.isfinite(values).all():
        raise RuntimeFailedError("the model gave an output that is not a finite number")
    if activation == "none":
        if values.size and not -PROBABILITY_SLACK <= values.min() <= values.max() <= MAX_PROBABLE:
            raise RuntimeFailedError(
                "the model gave values that are no probabilities: give --activation softmax"
            )
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
    best = _best(probabilities, min(k, len(probabilities)))
    return tuple(
        Prediction(labels[index].name, score, index, labels[index].synset)
        for index, score in zip(best.tolist(), probabilities[best].tolist(), strict=True)
    )


def _best(values: NDArray[np.float64], k: int) -> NDArray[np.intp]:
    """The indices of the ``k`` highest values, as they are ranked."""
    # To sort all of a thousand takes several times as long.
    least = np.partition(values, -k)[-k]
    enough = np.flatnonzero(values >= least)
    return enough[np.argsort(-values[enough], kind="stable")[:k]]
