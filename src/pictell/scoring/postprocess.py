"""From the output of a model, one value for each class, to probabilities and the best classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pictell.errors import InvalidModelError, RuntimeFailedError
from pictell.results import Prediction
from pictell.types import Activation, Label

# Runtimes round, so a probability may be slightly out of range.
PROBABILITY_SLACK = 1e-3
MAX_PROBABLE = 1 + PROBABILITY_SLACK
# Up to this many outputs without a label may be padding. With more, the labels are wrong.
MAX_UNLABELLED = 16


def count_classes(name: str, shape: Sequence[int | None]) -> int | None:
    """The number of classes of the output ``name``, shape (N, classes) with any axes of size 1.

    ``None`` if it is not fixed. Raises ``InvalidModelError`` for any other shape.
    """
    wide = [size for size in shape[1:] if size != 1]
    if len(shape) < 2 or len(wide) > 1:
        raise InvalidModelError(
            f"the output {name!r} has shape {shape_text(shape)}, not (N, classes)"
        )
    return wide[0] if wide else 1


def check_label_count(labels: Sequence[Label], classes: int) -> None:
    """Raise ``InvalidModelError``, which shows the first two, without one label for each class."""
    missing = classes - len(labels)
    if missing == 0:
        return
    advice = "these labels are for another model"
    if missing == 1:
        advice = (
            "give --background if class 0 is background, --unlabelled 1 if the last has no label"
        )
    elif 1 < missing <= MAX_UNLABELLED:
        advice = f"give --unlabelled {missing} if the last {missing} have no label"
    first = " and ".join(f"{label.name!r:.60}" for label in labels[:2])
    raise InvalidModelError(
        f"{len(labels)} labels for an output of {classes} classes: {advice}"
        + f" (the labels begin with {first})" * bool(first)
    )


def check_activation(activation: Activation, classes: int) -> None:
    """Raise ``InvalidModelError`` for a softmax over one class, which is always 1."""
    if activation == "softmax" and classes == 1:
        raise InvalidModelError(
            "a softmax over the only output is 100 % for every picture: give --activation sigmoid, "
            "or none if it is a probability"
        )


def shape_text(shape: Sequence[int | None]) -> str:
    """A shape as text: ``(N, 224, 224, 3)``."""
    return f"({', '.join('N' if size is None else str(size) for size in shape)})"


def to_probabilities(logits: NDArray[np.generic], activation: Activation) -> NDArray[np.float64]:
    """Probabilities over the last axis: (…, classes) in and out, float64, 0..1.

    ``softmax`` is exp(x - max x) over its sum, which does not overflow. ``sigmoid`` is
    1 / (1 + exp(-x)), for classes that do not exclude each other. ``none`` is for models that give
    probabilities. Raises ``RuntimeFailedError`` for values that are not finite, or with
    ``none`` not in 0..1.
    """
    values = logits.astype(np.float64, copy=False)
    if not np.isfinite(values).all():
        raise RuntimeFailedError("the model gave an output that is not a finite number")
    if activation == "none":
        if values.size and not -PROBABILITY_SLACK <= values.min() <= values.max() <= MAX_PROBABLE:
            raise RuntimeFailedError(
                "the model gave values outside 0..1, not probabilities: give --activation softmax"
            )
        return values.clip(0, 1)
    if activation == "sigmoid":
        # It is half of 1 + tanh(x / 2), which does not overflow.
        independent: NDArray[np.float64] = (1 + np.tanh(values / 2)) / 2
        return independent
    # In place: fresh memory costs more than the arithmetic.
    probabilities: NDArray[np.float64] = values - values.max(axis=-1, keepdims=True)
    np.exp(probabilities, out=probabilities)
    probabilities /= probabilities.sum(axis=-1, keepdims=True)
    return probabilities


def top_k(
    probabilities: NDArray[np.float64], labels: Sequence[Label], k: int
) -> list[tuple[Prediction, ...]]:
    """The ``k`` best of each row (N, classes), best first; the lower index wins a tie.

    Raises ``RuntimeFailedError`` if there is not one label for each probability.
    """
    rows, classes = probabilities.shape
    if classes != len(labels):
        raise RuntimeFailedError(f"{classes} outputs for {len(labels)} labels")
    # Sorting all thousand values takes several times as long.
    k = min(k, classes)
    lowest = np.partition(probabilities, -k, axis=-1)[:, -k, np.newaxis]
    row, column = np.nonzero(probabilities >= lowest)
    order = np.lexsort((-probabilities[row, column], row))
    first = np.searchsorted(row, np.arange(rows))
    best = column[order[first[:, np.newaxis] + np.arange(k)]]
    scores = np.take_along_axis(probabilities, best, axis=-1)
    return [
        tuple(
            Prediction(labels[index].name, score, index, labels[index].synset)
            for index, score in zip(*of_row, strict=True)
        )
        for of_row in zip(best.tolist(), scores.tolist(), strict=True)
    ]
