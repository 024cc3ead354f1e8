"""From the output of a model, one value for each class, to probabilities and the best classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pictell.errors import RuntimeFailedError
from pictell.results import Prediction
from pictell.types import Activation, Label

# Runtimes round, so a probability may be slightly out of range.
PROBABILITY_SLACK = 1e-3
MAX_PROBABLE = 1 + PROBABILITY_SLACK
# Of outputs that are probabilities.
PROBABILITIES: frozenset[Activation] = frozenset(("none", "independent"))


def as_classes(
    outputs: NDArray[np.generic], activation: Activation, classes: int
) -> tuple[NDArray[np.generic], Activation]:
    """Rows of an output (…, D) as rows of (…, classes), and the activation for them.

    A single score z with two classes is for the second one. Then the first has the logit 0, or the
    probability 1 - z, so the two exclude each other: sigmoid(z) is the softmax of (0, z). All else
    stays as it is. Raises ``RuntimeFailedError`` for a softmax over a single value, and for a
    single value for two classes that is not in 0..1 and should be a probability.
    """
    if outputs.shape[-1] != 1:
        return outputs, activation
    if activation == "softmax":
        raise RuntimeFailedError(
            "a softmax over a single value is 100 % for every picture: give --activation sigmoid"
        )
    if classes != 2:
        return outputs, activation
    second = outputs.astype(np.float64)
    if activation == "sigmoid":
        return np.concatenate([np.zeros_like(second), second], axis=-1), "softmax"
    _check_probable(second, "sigmoid")
    return np.concatenate([1 - second, second], axis=-1), "none"


def to_probabilities(logits: NDArray[np.generic], activation: Activation) -> NDArray[np.float64]:
    """Probabilities over the last axis: (…, classes) in and out, float64, 0..1.

    ``softmax`` is exp(x - max x) over its sum, which does not overflow. ``sigmoid`` is
    1 / (1 + exp(-x)), for classes that do not exclude each other. ``none`` and ``independent`` are
    for models that give probabilities. Raises ``RuntimeFailedError`` for values that are not
    finite, or with these two not in 0..1.
    """
    values = logits.astype(np.float64, copy=False)
    _check_finite(values)
    if activation in PROBABILITIES:
        exclusive = activation == "none" and values.shape[-1] > 1
        _check_probable(values, "softmax" if exclusive else "sigmoid")
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


def _check_finite(values: NDArray[np.float64]) -> None:
    if not np.isfinite(values).all():
        raise RuntimeFailedError("the model gave an output that is not a finite number")


def _check_probable(values: NDArray[np.float64], of_logits: Activation) -> None:
    """Raise ``RuntimeFailedError`` for values that are no probabilities.

    ``of_logits`` is the activation if they are logits.
    """
    _check_finite(values)
    if values.size and not -PROBABILITY_SLACK <= values.min() <= values.max() <= MAX_PROBABLE:
        raise RuntimeFailedError(
            f"the model gave values outside 0..1, not probabilities: give --activation {of_logits}"
        )


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
