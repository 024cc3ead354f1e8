"""95 % confidence intervals and an exact test. Resampling is seeded, so results repeat."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# The 97.5 % quantile of the standard normal distribution.
Z = 1.959963984540054
QUANTILES = (0.025, 0.975)
# Fewer resamples above 200,000 pictures, where intervals are only 0.1 points wide.
MAX_RESAMPLES, MIN_RESAMPLES = 1000, 200
MAX_DRAWS = 200_000_000
SEED = 2017

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval from ``low`` to ``high``."""

    low: float
    high: float


def wilson(share: float, pictures: float) -> Interval:
    """The interval of a share in 0..1 measured on a number of pictures above 0.

    Wilson 1927, 'Probable inference, the law of succession, and statistical inference'. For
    weighted data, ``pictures`` is the effective number (``effective_pictures``).
    """
    spread = Z * Z / pictures
    centre = (share + spread / 2) / (1 + spread)
    half = Z / (1 + spread) * math.sqrt(share * (1 - share) / pictures + spread / pictures / 4)
    # Rounding must not leave the share itself outside.
    return Interval(max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half)))


def bootstrap(values: Floats, weights: Floats) -> Interval:
    """The interval of the weighted mean of ``values``, both (N,).

    The percentile bootstrap over pictures (Efron and Tibshirani 1993, ch. 13).
    """

    def mean_of_resample(random: np.random.Generator) -> float:
        drawn = random.integers(len(values), size=len(values), dtype=np.int32)
        total = float(weights[drawn].sum())
        return float((weights[drawn] * values[drawn]).sum()) / total if total else math.nan

    return _of_resamples(mean_of_resample, len(values))


def under_calibration(
    statistic: Callable[[NDArray[np.bool_]], float], confidence: Floats
) -> Interval:
    """Where a statistic of ``right`` (N,) would lie for perfectly calibrated confidences (N,).

    The parametric bootstrap: each best class is right with the probability that is its confidence
    (Bröcker and Smith 2007, 'Increasing the reliability of reliability diagrams').
    """
    pictures = len(confidence)
    return _of_resamples(lambda random: statistic(random.random(pictures) < confidence), pictures)


def exact_two_sided(first: int, second: int) -> float:
    """The p-value of McNemar's exact test, 0..1.

    The arguments count the pictures that only the first, and only the second, of two models has
    right. The exact binomial form (McNemar 1947; Fagerland, Lydersen and Laake 2013).
    """
    fewer, total = min(first, second), first + second
    if first == second:
        return 1.0
    # log C(n, k) for k = 0..fewer, by the recurrence in k.
    steps = np.arange(fewer)
    log_choose = np.concatenate([[0.0], np.cumsum(np.log((total - steps) / (steps + 1)))])
    log_tail = np.logaddexp.reduce(log_choose) - total * math.log(2)
    return min(1.0, 2 * math.exp(log_tail))


def _of_resamples(draw: Callable[[np.random.Generator], float], pictures: int) -> Interval:
    random = np.random.default_rng(SEED)
    resamples = min(MAX_RESAMPLES, max(MIN_RESAMPLES, MAX_DRAWS // pictures))
    low, high = np.nanquantile([draw(random) for _ in range(resamples)], QUANTILES)
    return Interval(float(low), float(high))
