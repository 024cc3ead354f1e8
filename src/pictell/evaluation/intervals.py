"""How sure a figure is: intervals that hold the true value in 95 of 100 such samples.

Resampling is seeded: the same answers give the same intervals.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# The 97.5 % quantile of the standard normal distribution.
Z = 1.959963984540054
QUANTILES = (0.025, 0.975)
# So many, but fewer of more than 200 000 pictures: the intervals are a tenth of a point wide then.
RESAMPLES, FEWEST_RESAMPLES = 1000, 200
DRAWS = 200_000_000
SEED = 2017

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """From ``low`` to ``high``, with 95 % confidence."""

    low: float
    high: float


def wilson(share: float, pictures: float) -> Interval:
    """The interval of a share in 0..1 that was found on so many pictures, above 0.

    Wilson 1927, 'Probable inference, the law of succession, and statistical inference'. With
    weights, ``pictures`` is the effective number (``effective_pictures``).
    """
    spread = Z * Z / pictures
    centre = (share + spread / 2) / (1 + spread)
    half = Z / (1 + spread) * math.sqrt(share * (1 - share) / pictures + spread / pictures / 4)
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


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
    """Where a statistic of what is right, (N,), would lie if confidences (N,) were exact.

    The parametric bootstrap: each answer is right with the probability it claims (Bröcker and
    Smith 2007, 'Increasing the reliability of reliability diagrams').
    """
    pictures = len(confidence)
    return _of_resamples(lambda random: statistic(random.random(pictures) < confidence), pictures)


def exact_two_sided(first: int, second: int) -> float:
    """How likely a split at least as uneven is if both sides were equally likely, 0..1.

    The exact binomial form of McNemar's test (McNemar 1947; Fagerland, Lydersen and Laake 2013),
    for counts of pictures that only the first, and only the second, of two models named right.
    """
    fewer, total = min(first, second), first + second
    if first == second:
        return 1.0
    # log C(n, k) for k = 0..fewer, each from the one before it.
    steps = np.arange(fewer)
    log_choose = np.concatenate([[0.0], np.cumsum(np.log((total - steps) / (steps + 1)))])
    log_tail = np.logaddexp.reduce(log_choose) - total * math.log(2)
    return min(1.0, 2 * math.exp(log_tail))


def _of_resamples(draw: Callable[[np.random.Generator], float], pictures: int) -> Interval:
    random = np.random.default_rng(SEED)
    resamples = min(RESAMPLES, max(FEWEST_RESAMPLES, DRAWS // pictures))
    low, high = np.nanquantile([draw(random) for _ in range(resamples)], QUANTILES)
    return Interval(float(low), float(high))
