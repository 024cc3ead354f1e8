"""The formulas of an evaluation: pure functions of arrays of shape (N,).

``right``: whether the best class is right; ``confidence``: its probability, 0..1; ``weights``: 0 or
more, with a sum above 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pictell.evaluation.intervals import Interval, wilson
from pictell.scoring.calibration import MIN_PROBABILITY, effective_pictures
from pictell.types import Label

BINS = 15
# As many as a plot can show.
MAX_POINTS = 200

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The pictures with a confidence in (low, high].

    ``confidence`` and ``accuracy`` are weighted means, ``interval`` belongs to the accuracy,
    ``share`` is the bin's share of the total weight.
    """

    low: float
    high: float
    pictures: int
    share: float
    confidence: float
    accuracy: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class RiskPoint:
    """Of the pictures with a confidence of ``threshold`` or more, a share ``risk`` is wrong.

    These pictures are a share ``coverage`` of all.
    """

    threshold: float
    coverage: float
    risk: float


@dataclass(frozen=True, slots=True)
class Threshold:
    """The lowest ``score`` above which a share ``accuracy`` of the best classes is right.

    ``coverage``: the share of pictures with that score or more. Both are ``None`` where no score
    reaches the accuracy. Measured on the pictures that the threshold was chosen on.
    """

    accuracy: float
    score: float | None = None
    coverage: float | None = None


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """One label: the pictures that show it, and those that have it as best class.

    ``node``: the class index, or the node of a broader label. ``recall`` and ``precision`` are
    weighted, 0..1, and ``None`` where there are no such pictures. ``errors``: the weight of the
    pictures with a wrong best class on either side.
    """

    node: int
    label: str
    synset: str | None
    pictures: int
    predicted: int
    recall: float | None
    precision: float | None
    errors: float


@dataclass(frozen=True, slots=True)
class Confusion:
    """The pictures of a label that have a certain wrong best class.

    ``node`` and ``best_node`` are as in ``ClassFigures``. ``pictures`` is their number, of
    ``class_pictures`` pictures of the label; ``share`` is their share of the weight of these.
    """

    node: int
    best_node: int
    label: str
    best_class: str
    pictures: int
    class_pictures: int
    share: float


def mean(values: NDArray[np.generic], weights: Floats) -> float:
    """The weighted mean of (N,)."""
    return float(np.average(values.astype(np.float64), weights=weights))


def negative_log_likelihood(target_probability: Floats, weights: Floats) -> float:
    """The mean of -log p of the right class, in nats; 0 is perfect.

    p is at least ``MIN_PROBABILITY``: quantised models round small probabilities to 0.
    """
    return mean(-np.log(np.maximum(target_probability, MIN_PROBABILITY)), weights)


def brier_score(target_probability: Floats, sum_of_squares: Floats, weights: Floats) -> float:
    """The mean squared distance of the probabilities from the truth, 0..2 (Brier 1950).

    The sum over the classes is sum p^2 - 2 p + 1, with the p of the right class.
    """
    return mean(sum_of_squares - 2 * target_probability + 1, weights)


def bin_of(confidence: Floats, bins: int = BINS) -> Indices:
    """The bin of each confidence, 0..bins-1; the bins (0, 1/bins], … have equal widths."""
    number: Indices = np.ceil(confidence * bins).astype(np.int64) - 1
    return number.clip(0, bins - 1)


def calibration_error(
    confidence: Floats, weights: Floats, bins: int = BINS
) -> Callable[[Bools], float]:
    """A function that computes the expected calibration error from ``right`` (N,).

    The weighted mean over the bins of |accuracy - confidence| (ECE; Guo et al. 2017, 'On
    calibration of modern neural networks'). Resampling calls it a thousand times.
    """
    number, total = bin_of(confidence, bins), float(weights.sum())

    def error(right: Bools) -> float:
        gaps = np.bincount(number, weights * (right - confidence), minlength=bins)
        return float(np.abs(gaps).sum()) / total

    return error


def reliability(right: Bools, confidence: Floats, weights: Floats) -> tuple[ReliabilityBin, ...]:
    """The bins with a weight above 0, from low to high."""
    number, total = bin_of(confidence), float(weights.sum())
    found = []
    for index in range(BINS):
        inside = (number == index) & (weights > 0)
        if not inside.any():
            continue
        share = weights[inside]
        accuracy = mean(right[inside], share)
        found.append(
            ReliabilityBin(
                low=index / BINS,
                high=(index + 1) / BINS,
                pictures=int(inside.sum()),
                share=float(share.sum()) / total,
                confidence=mean(confidence[inside], share),
                accuracy=accuracy,
                interval=wilson(accuracy, effective_pictures(share)),
            )
        )
    return tuple(found)


def risk_coverage(right: Bools, confidence: Floats, weights: Floats) -> Floats:
    """The error rate among the pictures with the highest confidence (El-Yaniv and Wiener 2010).

    An array (M, 3) with the columns of ``RiskPoint``, a row for each confidence, falling.
    """
    counted = weights > 0
    order = np.argsort(-confidence[counted], kind="stable")
    threshold = confidence[counted][order]
    answered = np.cumsum(weights[counted][order])
    wrong = np.cumsum((weights * ~right)[counted][order])
    curve: Floats = np.column_stack([threshold, answered / answered[-1], wrong / answered])
    last: Floats = curve[np.append(threshold[1:] != threshold[:-1], True)]
    return last


def risk_coverage_area(curve: Floats) -> float:
    """The mean risk over all coverages (AURC; Geifman, Uziel and El-Yaniv 2019)."""
    return float((curve[:, 2] * np.diff(curve[:, 1], prepend=0.0)).sum())


def risk_points(curve: Floats) -> tuple[RiskPoint, ...]:
    """At most ``MAX_POINTS`` points of the curve; the last has a coverage of 1."""
    step = -(-len(curve) // MAX_POINTS)
    return tuple(RiskPoint(*row) for row in curve[::-step][::-1].tolist())


def threshold_for(curve: Floats, accuracy: float) -> Threshold:
    """The threshold with the most coverage at an accuracy."""
    good = curve[1 - curve[:, 2] >= accuracy]
    return Threshold(accuracy, *good[-1, :2].tolist()) if len(good) else Threshold(accuracy)


def per_class(
    targets: Indices, best: Indices, weights: Floats, labels: Sequence[Label]
) -> tuple[ClassFigures, ...]:
    """Every label that a picture shows or has as best class, most errors first.

    ``targets`` and ``best`` are positions in ``labels``; the best class is right where they are
    equal.
    """
    wrong, number = weights * (targets != best), len(labels)
    shown, given = (np.bincount(which, weights, number) for which in (targets, best))
    missed, mistaken = (np.bincount(which, wrong, number) for which in (targets, best))
    pictures, predicted = (np.bincount(which, minlength=number) for which in (targets, best))
    found = [
        ClassFigures(
            node=index,
            label=labels[index].name,
            synset=labels[index].synset,
            pictures=int(pictures[index]),
            predicted=int(predicted[index]),
            recall=_rest(missed[index], shown[index]),
            precision=_rest(mistaken[index], given[index]),
            errors=float(missed[index] + mistaken[index]),
        )
        for index in np.flatnonzero(pictures + predicted).tolist()
    ]
    return tuple(sorted(found, key=lambda figures: (-figures.errors, figures.node)))


def confusions(
    targets: Indices, best: Indices, weights: Floats, labels: Sequence[Label]
) -> tuple[Confusion, ...]:
    """Every pair of a label and a wrong best class, by falling weight; as ``per_class``."""
    wrong, number = targets != best, len(labels)
    shown, in_class = np.bincount(targets, weights), np.bincount(targets)
    pairs, place = np.unique((targets * number + best)[wrong], return_inverse=True)
    weight = np.bincount(place, weights[wrong], minlength=len(pairs))
    pictures = np.bincount(place, minlength=len(pairs))
    return tuple(
        Confusion(
            node=target,
            best_node=other,
            label=labels[target].name,
            best_class=labels[other].name,
            pictures=int(pictures[row]),
            class_pictures=int(in_class[target]),
            share=float(weight[row] / (shown[target] or 1.0)),
        )
        for row in np.lexsort((pairs, -weight)).tolist()
        for target, other in [divmod(int(pairs[row]), number)]
    )


def _rest(part: float, whole: float) -> float | None:
    """The share of ``whole`` without ``part``; ``None`` for a ``whole`` of 0."""
    return float(1 - part / whole) if whole > 0 else None
