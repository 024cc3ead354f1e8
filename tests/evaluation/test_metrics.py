"""The formulas, against scikit-learn, scipy and calculations by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn import metrics as oracle

from pictell.evaluation import intervals, metrics
from pictell.scoring.calibration import MIN_PROBABILITY, effective_pictures
from pictell.types import Label

RANDOM = np.random.default_rng(7)
N, CLASSES = 400, 6
LABELS = [Label(str(index), f"n{index}") for index in range(CLASSES)]
LOGITS = RANDOM.normal(size=(N, CLASSES)) * 2
PROBABILITIES = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
TARGETS = np.array([RANDOM.choice(CLASSES, p=p**0.7 / (p**0.7).sum()) for p in PROBABILITIES])
WEIGHTS = RANDOM.uniform(0, 3, N)
ANSWERS = PROBABILITIES.argmax(axis=1)
CONFIDENCE = PROBABILITIES.max(axis=1)
RIGHT = ANSWERS == TARGETS
OF_TARGET = PROBABILITIES[np.arange(N), TARGETS]


def test_log_loss_and_brier_score_are_those_of_scikit_learn() -> None:
    ours = metrics.negative_log_likelihood(OF_TARGET, WEIGHTS)
    theirs = oracle.log_loss(TARGETS, PROBABILITIES, sample_weight=WEIGHTS)
    assert ours == pytest.approx(theirs, rel=1e-9)
    ours = metrics.brier_score(OF_TARGET, (PROBABILITIES**2).sum(axis=1), WEIGHTS)
    theirs = oracle.brier_score_loss(
        TARGETS, PROBABILITIES, sample_weight=WEIGHTS, scale_by_half=False
    )
    assert ours == pytest.approx(theirs, rel=1e-9)


def test_a_probability_of_0_has_a_finite_log_loss() -> None:
    found = metrics.negative_log_likelihood(np.zeros(1), np.ones(1))
    assert found == pytest.approx(-np.log(MIN_PROBABILITY))


def test_classes_are_those_of_scikit_learn() -> None:
    found = {one.node: one for one in metrics.per_class(TARGETS, ANSWERS, WEIGHTS, LABELS)}
    precision, recall, _, _ = oracle.precision_recall_fscore_support(
        TARGETS, ANSWERS, sample_weight=WEIGHTS
    )
    assert [found[i].precision for i in range(CLASSES)] == pytest.approx(list(precision))
    assert [found[i].recall for i in range(CLASSES)] == pytest.approx(list(recall))
    assert [found[i].pictures for i in range(CLASSES)] == np.bincount(TARGETS).tolist()
    errors = [one.errors for one in metrics.per_class(TARGETS, ANSWERS, WEIGHTS, LABELS)]
    assert errors == sorted(errors, reverse=True)


def test_a_class_without_pictures_has_no_recall_or_precision() -> None:
    first, second, third = metrics.per_class(
        np.array([0, 0, 1]), np.array([0, 2, 1]), np.array([1.0, 2.0, 0.0]), LABELS
    )
    assert (first.node, first.recall, first.precision) == (0, pytest.approx(1 / 3), 1.0)
    assert (second.node, second.recall, second.precision) == (2, None, 0.0)
    assert (third.node, third.recall, third.precision, third.errors) == (1, None, None, 0.0)


def test_confusions_are_the_cells_of_scikit_learns_matrix() -> None:
    matrix = oracle.confusion_matrix(TARGETS, ANSWERS)
    shares = oracle.confusion_matrix(TARGETS, ANSWERS, sample_weight=WEIGHTS, normalize="true")
    found = metrics.confusions(TARGETS, ANSWERS, WEIGHTS, LABELS)
    assert len(found) == np.count_nonzero(matrix) - np.count_nonzero(np.diag(matrix))
    for one in found:
        assert (one.label, one.best_class) == (str(one.node), str(one.best_node))
        assert one.pictures == matrix[one.node, one.best_node]
        assert one.class_pictures == matrix[one.node].sum()
        assert one.share == pytest.approx(shares[one.node, one.best_node])


def test_without_errors_there_are_no_confusions() -> None:
    assert metrics.confusions(TARGETS, TARGETS, WEIGHTS, LABELS) == ()


def test_the_calibration_error_by_hand() -> None:
    # Two bins: 0.2 and 0.4 with weights 1 and 3, one of them right; 0.9 and 1.0 with weight 2.
    confidence = np.array([0.2, 0.4, 0.9, 1.0])
    weights = np.array([1.0, 3.0, 2.0, 2.0])
    right = np.array([True, False, True, False])
    low = abs(1 / 4 - (0.2 + 3 * 0.4) / 4) * 4 / 8
    high = abs(1 / 2 - (0.9 + 1.0) / 2) * 4 / 8
    error = metrics.calibration_error(confidence, weights, bins=2)(right)
    assert error == pytest.approx(low + high)


def test_bins_add_up_to_the_error() -> None:
    bins = metrics.reliability(RIGHT, CONFIDENCE, WEIGHTS)
    error = metrics.calibration_error(CONFIDENCE, WEIGHTS)(RIGHT)
    assert sum(one.share * abs(one.accuracy - one.confidence) for one in bins) == pytest.approx(
        error
    )
    assert sum(one.pictures for one in bins) == N
    assert sum(one.share for one in bins) == pytest.approx(1)
    assert all(one.low < one.confidence <= one.high for one in bins)


def test_bins_hold_their_upper_edge() -> None:
    assert metrics.bin_of(np.array([0.0, 0.1, 0.2, 0.5, 1.0]), 10).tolist() == [0, 0, 1, 4, 9]


def test_risk_and_coverage_by_hand() -> None:
    right = np.array([True, False, True, False])
    curve = metrics.risk_coverage(right, np.array([0.9, 0.8, 0.6, 0.6]), np.ones(4))
    assert curve.tolist() == [[0.9, 0.25, 0.0], [0.8, 0.5, 0.5], [0.6, 1.0, 0.5]]
    assert metrics.risk_coverage_area(curve) == pytest.approx((0 + 0.5 + 0.5 + 0.5) / 4)
    assert metrics.threshold_for(curve, 0.9) == metrics.Threshold(0.9, 0.9, 0.25)
    assert metrics.threshold_for(curve, 0.5) == metrics.Threshold(0.5, 0.6, 1.0)
    wrong = metrics.risk_coverage(~right[:1], np.ones(1), np.ones(1))
    assert metrics.threshold_for(wrong, 0.5) == metrics.Threshold(0.5)


def test_a_long_curve_is_shown_by_its_points_to_the_last() -> None:
    curve = metrics.risk_coverage(RIGHT, CONFIDENCE, np.ones(N))
    points = metrics.risk_points(curve)
    assert len(points) == metrics.MAX_POINTS == len(curve) / 2
    assert [point.threshold for point in points] == curve[1::2, 0].tolist()
    assert points[-1].coverage == 1


def test_a_weight_counts_like_repeated_pictures() -> None:
    counts = RANDOM.integers(0, 4, N)
    counts[0] = 1
    repeated = np.repeat(np.arange(N), counts)
    for figure in (
        lambda rows, weights: metrics.risk_coverage_area(
            metrics.risk_coverage(RIGHT[rows], CONFIDENCE[rows], weights)
        ),
        lambda rows, weights: metrics.calibration_error(CONFIDENCE[rows], weights)(RIGHT[rows]),
        lambda rows, weights: metrics.negative_log_likelihood(OF_TARGET[rows], weights),
    ):
        weighted = figure(np.arange(N), counts.astype(np.float64))
        assert weighted == pytest.approx(figure(repeated, np.ones(len(repeated))))


@given(st.integers(1, 3000), st.data())
def test_wilson_is_scipys(pictures: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, pictures))
    ours = intervals.wilson(right / pictures, pictures)
    theirs = binomtest(right, pictures).proportion_ci(method="wilson")
    assert ours.low == pytest.approx(theirs.low, abs=1e-9)
    assert ours.high == pytest.approx(theirs.high, abs=1e-9)


@given(st.integers(0, 2000), st.integers(0, 2000))
def test_mcnemars_test_is_the_exact_binomial_one(first: int, second: int) -> None:
    ours = intervals.exact_two_sided(first, second)
    theirs = binomtest(first, first + second).pvalue if first + second else 1.0
    # scipy gives 0 for what is still a number in double precision.
    assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-250)


def test_equal_weights_all_count() -> None:
    assert effective_pictures(np.full(9, 0.3)) == pytest.approx(9)
    assert effective_pictures(np.array([1.0, 0.0, 0.0])) == 1
    assert effective_pictures(np.array([1e-300, 1e-300])) == pytest.approx(2)


def test_the_bootstrap_is_as_wide_as_wilson_where_both_apply() -> None:
    interval = intervals.bootstrap(RIGHT.astype(np.float64), np.ones(N))
    wilson = intervals.wilson(float(RIGHT.mean()), N)
    # One of 90 % would end 0.008 further in.
    assert interval.low == pytest.approx(wilson.low, abs=0.004)
    assert interval.high == pytest.approx(wilson.high, abs=0.004)
    assert interval == intervals.bootstrap(RIGHT.astype(np.float64), np.ones(N))


def test_a_calibrated_model_is_within_what_chance_allows() -> None:
    error = metrics.calibration_error(CONFIDENCE, WEIGHTS)
    interval = intervals.under_calibration(error, CONFIDENCE)
    drawn = np.random.default_rng(1).random((200, N)) < CONFIDENCE
    inside = [interval.low <= error(right) <= interval.high for right in drawn]
    assert 0.88 <= np.mean(inside) <= 1
    assert error(RIGHT) > interval.high  # the targets were drawn from flatter probabilities
