"""The formulas of an evaluation: pure functions of arrays of shape (N,).

``right``: whether the best class is right; ``confidence``: its probability, 0..1; ``weights``: 0 or
more, with a sum above 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pictell.evaluation.intervals import Interval, wilson
from pictell.scoring.calibration import MIN_PROBABILITY, effective_pictures

BINS = 15

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
class RiskCoverage:
    """The error rate among the pictures with the highest confidence (El-Yaniv and Wiener 2010).

    Arrays (M,), one entry for each distinct confidence, falling: of the pictures with a confidence
    of ``threshold`` or more, which are a share ``coverage`` of all, a share ``risk`` is wrong.
    ``area`` under the curve: the mean risk over all coverages (AURC; Geifman, Uziel and El-Yaniv
    2019).
    """

    threshold: Floats
    coverage: Floats
    risk: Floats
    area: float

    def widest(self, accuracy: float) -> tuple[float, float] | None:
        """(threshold, coverage) with the most coverage at this accuracy, if it is reached."""
        good = np.flatnonzero(1 - self.risk >= accuracy)
        if not len(good):
            return None
        return float(self.threshold[good[-1]]), float(self.coverage[good[-1]])


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """One class: the pictures that show it, and those that have it as best class.

    ``recall`` and ``precision`` are weighted, 0..1, and ``None`` where there are no such pictures.
    ``errors``: the weight of the pictures with a wrong best class on either side.
    """

    class_index: int
    pictures: int
    predicted: int
    recall: float | None
    precision: float | None
    errors: float


@dataclass(frozen=True, slots=True)
class Confusion:
    """Pictures of class ``target`` with best class ``best``; ``share`` of the target's weight."""

    target: int
    best: int
    pictures: int
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


def reliability(
    right: Bools, confidence: Floats, weights: Floats, bins: int = BINS
) -> tuple[ReliabilityBin, ...]:
    """The bins with a weight above 0, from low to high."""
    number, total = bin_of(confidence, bins), float(weights.sum())
    found = []
    for index in range(bins):
        inside = (number == index) & (weights > 0)
        if not inside.any():
            continue
        share = weights[inside]
        accuracy = mean(right[inside], share)
        found.append(
            ReliabilityBin(
                low=index / bins,
                high=(index + 1) / bins,
                pictures=int(inside.sum()),
                share=float(share.sum()) / total,
                confidence=mean(confidence[inside], share),
                accuracy=accuracy,
                interval=wilson(accuracy, effective_pictures(share)),
            )
        )
    return tuple(found)


def risk_coverage(right: Bools, confidence: Floats, weights: Floats) -> RiskCoverage:
    """The risk-coverage curve; equal confidences are one point."""
    counted = weights > 0
    order = np.argsort(-confidence[counted], kind="stable")
    threshold = confidence[counted][order]
    answered = np.cumsum(weights[counted][order])
    wrong = np.cumsum((weights * ~right)[counted][order])
    last = np.append(threshold[1:] != threshold[:-1], True)
    coverage, risk = answered[last] / answered[-1], wrong[last] / answered[last]
    area = float((risk * np.diff(coverage, prepend=0.0)).sum())
    return RiskCoverage(threshold[last], coverage, risk, area)


def per_class(
    targets: Indices, best: Indices, weights: Floats, classes: int
) -> tuple[ClassFigures, ...]:
    """Every class that a picture shows or has as best class, most errors first."""
    wrong = weights * (targets != best)
    shown, given = (np.bincount(which, weights, classes) for which in (targets, best))
    missed, mistaken = (np.bincount(which, wrong, classes) for which in (targets, best))
    pictures, predicted = (np.bincount(which, minlength=classes) for which in (targets, best))
    found = [
        ClassFigures(
            class_index=int(index),
            pictures=int(pictures[index]),
            predicted=int(predicted[index]),
            recall=_rest(missed[index], shown[index]),
            precision=_rest(mistaken[index], given[index]),
            errors=float(missed[index] + mistaken[index]),
        )
        for index in np.flatnonzero(pictures + predicted)
    ]
    return tuple(sorted(found, key=lambda figures: (-figures.errors, figures.class_index)))


def confusions(targets: Indices, best: Indices, weights: Floats) -> tuple[Confusion, ...]:
    """Every pair of a class and a wrong best class, by falling weight."""
    wrong = targets != best
    classes = int(max(targets.max(), best.max())) + 1
    shown = np.bincount(targets, weights, minlength=classes)
    pairs, place = np.unique((targets * classes + best)[wrong], return_inverse=True)
    weight = np.bincount(place, weights[wrong], minlength=len(pairs))
    pictures = np.bincount(place, minlength=len(pairs))
    order = np.lexsort((pairs, -weight))
    return tuple(
        Confusion(
            target=int(pairs[index] // classes),
            best=int(pairs[index] % classes),
            pictures=int(pictures[index]),
            share=float(weight[index] / (shown[pairs[index] // classes] or 1.0)),
        )
        for index in order
    )


def _rest(part: float, whole: float) -> float | None:
    """The share of ``whole`` without ``part``; ``None`` for a ``whole`` of 0."""
    return float(1 - part / whole) if whole > 0 else None
