"""Figures of an evaluation by their definitions, for those that scikit-learn does not have."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from pictell.evaluation.intervals import Interval

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
# By so many standard deviations the ends of an interval may move where it is drawn anew.
LUCK = 0.3


def calibration_error(right: Bools, confidence: Floats, weights: Floats) -> float:
    """Of 15 bins, one after the other."""
    bins = np.digitize(confidence, np.linspace(0, 1, 16), right=True)
    error = 0.0
    for number in set(bins.tolist()):
        inside = bins == number
        gap = (weights * right)[inside].sum() - (weights * confidence)[inside].sum()
        error += abs(gap) / weights.sum()
    return error


def assert_calibrated_error(interval: Interval, confidence: Floats, weights: Floats) -> None:
    """It holds 95 % of the errors of answers that are right as often as they claim."""
    random = np.random.default_rng(1)
    errors = [
        calibration_error(random.random(len(confidence)) < confidence, confidence, weights)
        for _ in range(2000)
    ]
    assert_interval(interval, errors)


def assert_mean(
    interval: Interval, draw: Callable[[NDArray[np.int64]], float], pictures: int
) -> None:
    """It holds 95 % of what ``draw`` makes of pictures drawn with replacement."""
    random = np.random.default_rng(1)
    assert_interval(interval, [draw(random.choice(pictures, pictures)) for _ in range(2000)])


def assert_interval(interval: Interval, drawn: list[float]) -> None:
    low, high = np.percentile(drawn, [2.5, 97.5])
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=LUCK * np.std(drawn))
