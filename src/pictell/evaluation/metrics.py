"""Pure: answers and weights, arrays of shape (N,), become the figures of an evaluation.

``right`` says whether the best class is right, ``confidence`` is its probability (0..1);
``weights`` are 0 or more, with a sum above 0.
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
    """The pictures whose confidence is above ``low`` and up to ``high``.

    ``confidence`` and ``accuracy`` are weighted means, ``interval`` that of the accuracy;
    ``share`` is the bin's part of all weight.
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
    """What would be wrong if only the surest answers were given.

    Arrays (M,), one entry for each distinct confidence, falling: with answers of at least
    ``threshold``, ``coverage`` of the pictures are answered and ``risk`` of those answers are
    wrong (El-Yaniv and Wiener 2010). ``area`` is that under the curve: the mean risk over all
    coverages (AURC; Geifman, Uziel and El-Yaniv 2019).
    """

    threshold: Floats
    coverage: Floats
    risk: Floats
    area: float

    def widest(self, accuracy: float) -> tuple[float, float] | None:
        """(threshold, coverage) of the most answers among which ``accuracy`` are right."""
        good = np.flatnonzero(1 - self.risk >= accuracy)
        if not len(good):
            return None
        return float(self.threshold[good[-1]]), float(self.coverage[good[-1]])


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """One class: pictures that show it, how many are named so, and how often the name is right.

    ``recall`` and ``precision`` are weighted, 0..1; ``None`` where no picture shows the class, or
    none is named so. ``errors`` is the weight of the pictures missed or wrongly given its name.
    """

    class_index: int
    pictures: int
    answers: int
    recall: float | None
    precision: float | None
    errors: float


@dataclass(frozen=True, slots=True)
class Confusion:
    """Pictures of one class that were named as another; ``share`` of the class's weight."""

    target: int
    answer: int
    pictures: int
    share: float


def mean(values: NDArray[np.generic], weights: Floats) -> float:
    """The weighted mean of (N,)."""
    return float(np.average(values.astype(np.float64), weights=weights))


def negative_log_likelihood(target_probability: Floats, weights: Floats) -> float:
    """The mean of -log p of the right class, in nats; 0 is perfect.

    Less than ``MIN_PROBABILITY`` counts as that: what a quantised model rounds to 0 must not
    decide alone.
    """
    return mean(-np.log(np.maximum(target_probability, MIN_PROBABILITY)), weights)


def brier_score(target_probability: Floats, sum_of_squares: Floats, weights: Floats) -> float:
    """The mean squared distance of the probabilities from the truth, 0..2 (Brier 1950).

    Summed over the classes: sum p^2 - 2 p + 1 with the p of the right class.
    """
    return mean(sum_of_squares - 2 * target_probability + 1, weights)


def bin_of(confidence: Floats, bins: int = BINS) -> Indices:
    """Which of equally wide bins ((0, 1/bins], …) each confidence falls into, 0..bins-1."""
    number: Indices = np.ceil(confidence * bins).astype(np.int64) - 1
    return number.clip(0, bins - 1)


def calibration_error(
    confidence: Floats, weights: Floats, bins: int = BINS
) -> Callable[[Bools], float]:
    """The function that gives the expected calibration error of what is right, (N,).

    The mean over the bins of |accuracy - confidence|, by their weight (ECE; Guo et al. 2017, 'On
    calibration of modern neural networks'). A function, for resampling asks it a thousand times.
    """
    number, total = bin_of(confidence, bins), float(weights.sum())

    def error(right: Bools) -> float:
        gaps = np.bincount(number, weights * (right - confidence), minlength=bins)
        return float(np.abs(gaps).sum()) / total

    return error


def reliability(
    right: Bools, confidence: Floats, weights: Floats, bins: int = BINS
) -> tuple[ReliabilityBin, ...]:
    """The bins that hold any weight, from low to high."""
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
    """The curve of the answers, taken from the surest on; equally sure ones come together."""
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
    targets: Indices, answers: Indices, weights: Floats, classes: int
) -> tuple[ClassFigures, ...]:
    """Every class that a picture shows or is named as, most errors first."""
    wrong = weights * (targets != answers)
    shown, named = (np.bincount(which, weights, classes) for which in (targets, answers))
    missed, misnamed = (np.bincount(which, wrong, classes) for which in (targets, answers))
    pictures, given = (np.bincount(which, minlength=classes) for which in (targets, answers))
    found = [
        ClassFigures(
            class_index=int(index),
            pictures=int(pictures[index]),
            answers=int(given[index]),
            recall=_rest(missed[index], shown[index]),
            precision=_rest(misnamed[index], named[index]),
            errors=float(missed[index] + misnamed[index]),
        )
        for index in np.flatnonzero(pictures + given)
    ]
    return tuple(sorted(found, key=lambda figures: (-figures.errors, figures.class_index)))


def confusions(targets: Indices, answers: Indices, weights: Floats) -> tuple[Confusion, ...]:
    """Every pair of a class and another name it was given, the heaviest first."""
    wrong = targets != answers
    classes = int(max(targets.max(), answers.max())) + 1
    shown = np.bincount(targets, weights, minlength=classes)
    pairs, place = np.unique((targets * classes + answers)[wrong], return_inverse=True)
    weight = np.bincount(place, weights[wrong], minlength=len(pairs))
    pictures = np.bincount(place, minlength=len(pairs))
    order = np.lexsort((pairs, -weight))
    return tuple(
        Confusion(
            target=int(pairs[index] // classes),
            answer=int(pairs[index] % classes),
            pictures=int(pictures[index]),
            share=float(weight[index] / (shown[pairs[index] // classes] or 1.0)),
        )
        for index in order
    )


def _rest(part: float, whole: float) -> float | None:
    """The share of ``whole`` that is not ``part``."""
    return float(1 - part / whole) if whole > 0 else None
