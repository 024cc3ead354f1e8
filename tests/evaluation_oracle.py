"""Figures that scikit-learn does not have, computed by their definitions."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from pictell.evaluation.intervals import Interval

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
# How far the ends of a resampled interval may move, in standard deviations.
MAX_SHIFT = 0.3


def calibration_error(right: Bools, confidence: Floats, weights: Floats) -> float:
    """The expected calibration error over 15 bins."""
    bins = np.digitize(confidence, np.linspace(0, 1, 16), right=True)
    error = 0.0
    for number in set(bins.tolist()):
        inside = bins == number
        gap = (weights * right)[inside].sum() - (weights * confidence)[inside].sum()
        error += abs(gap) / weights.sum()
    return error


def assert_calibrated_error(interval: Interval, confidence: Floats, weights: Floats) -> None:
    """The interval holds 95 % of the errors of perfectly calibrated confidences."""
    random = np.random.default_rng(1)
    errors = [
        calibration_error(random.random(len(confidence)) < confidence, confidence, weights)
        for _ in range(2000)
    ]
    assert_interval(interval, errors)


def assert_mean(
    interval: Interval, draw: Callable[[NDArray[np.int64]], float], pictures: int
) -> None:
    """The interval holds 95 % of the values of ``draw`` for resampled pictures."""
    random = np.random.default_rng(1)
    assert_interval(interval, [draw(random.choice(pictures, pictures)) for _ in range(2000)])


def assert_interval(interval: Interval, drawn: list[float]) -> None:
    low, high = np.percentile(drawn, [2.5, 97.5])
    assert (interval.low, interval.high) == pytest.approx(
        (low, high), abs=MAX_SHIFT * np.std(drawn)
    )
