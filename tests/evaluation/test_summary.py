"""The figures of weighted pictures, against scikit-learn and other calculations.

The model has no class purple: such pictures are skipped, and one cannot be read.
"""

from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn import metrics as oracle

from evaluation_oracle import assert_calibrated_error, calibration_error
from labelled_pictures import BROKEN, LABELS, evaluated, make_weighted, scores_of, with_answers
from pictell.evaluation.dataset import read_dataset
from pictell.evaluation.outcomes import CONFIDENCE_GRID
from pictell.evaluation.summary import Share, Summary
from pictell.results import Status

MIN_CONFIDENCE = 0.9
# dark, dim and grey are low.
LOW = 3


class Truth(NamedTuple):
    """The evaluated pictures: the model's scores, their classes and weights."""

    scores: NDArray[np.float64]
    targets: NDArray[np.int64]
    weights: NDArray[np.float64]

    @property
    def best(self) -> NDArray[np.int64]:
        return self.scores.argmax(axis=1)

    @property
    def right(self) -> NDArray[np.bool_]:
        return self.best == self.targets

    @property
    def confidence(self) -> NDArray[np.float64]:
        return self.scores.max(axis=1)

    def answers(self, min_confidence: float) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The number of classes of each answer, 0 for none, and whether it is right."""
        low = self.scores[:, :LOW].sum(axis=1) >= min_confidence
        named = np.where(self.confidence >= min_confidence, 1, np.where(low, LOW, 0))
        return named, np.where(named == LOW, self.targets < LOW, self.right & (named == 1))

    def results(self, min_confidence: float) -> list[tuple[Status, float, bool]]:
        """The status of each picture, with the score of its answer and whether it is right."""
        return [
            status_of(row, int(target), min_confidence)
            for row, target in zip(self.scores, self.targets, strict=True)
        ]


def status_of(
    scores: NDArray[np.float64], target: int, min_confidence: float
) -> tuple[Status, float, bool]:
    """The status of a picture, the score of its answer, and whether that is right."""
    best = int(scores.argmax())
    named = (float(scores[best]), np.log2(5), best == target)
    low = (float(scores[:LOW].sum()), np.log2(5 / LOW), target < LOW)
    for status, limit in ((Status.SURE, min_confidence), (Status.LIKELY, 0.7)):
        for score, _, right in (named, low):
            if score >= limit:
                return status, score, right
    possible = [one for one in (named, low) if one[0] >= 0.5]
    if not possible:
        return Status.UNSURE, 0.0, False
    score, _, right = max(possible, key=lambda one: one[0] * one[1])
    return Status.LIKELY, score, right


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Summary, Truth]:
    folder = tmp_path_factory.mktemp("data")
    brightness = make_weighted(folder, (*LABELS, "purple"))
    lines = [line.split(",") for line in (folder / "labels.csv").read_text().split()[1:]]
    counted = [n for n, (_, label, _) in enumerate(lines) if n != BROKEN and label in LABELS]
    assert BROKEN < len(counted) < len(lines) - 5
    truth = Truth(
        scores_of(brightness[counted]),
        np.array([LABELS.index(lines[number][1]) for number in counted]),
        np.array([float(lines[number][2]) for number in counted]),
    )
    summary = evaluated(read_dataset(folder), with_answers(min_confidence=MIN_CONFIDENCE))
    assert summary.outcomes.rows["picture"].tolist() == counted
    return summary, truth


def assert_share(
    share: Share | None, right: NDArray[np.bool_], weights: NDArray[np.float64]
) -> None:
    """At both ends of Wilson's interval the share lies 1.96 standard deviations off."""
    assert share is not None
    assert share.value == pytest.approx(np.average(right, weights=weights))
    pictures = weights.sum() ** 2 / (weights**2).sum()
    for end in (share.interval.low, share.interval.high):
        deviation = np.sqrt(end * (1 - end) / pictures)
        assert abs(share.value - end) == pytest.approx(norm.ppf(0.975) * deviation)


def test_shares_of_right_classes_are_weighted(found: tuple[Summary, Truth]) -> None:
    summary, truth = found
    assert_share(summary.top1, truth.right, truth.weights)
    assert_share(summary.top1_unweighted, truth.right, np.ones(len(truth.right)))
    assert summary.top1.value == pytest.approx(
        oracle.accuracy_score(truth.targets, truth.best, sample_weight=truth.weights)
    )
    # Of five classes the right one is among five.
    assert_share(summary.top5, np.ones(len(truth.right), np.bool_), truth.weights)


def test_likelihood_and_brier_score_are_weighted(found: tuple[Summary, Truth]) -> None:
    summary, truth = found
    assert summary.negative_log_likelihood == pytest.approx(
        oracle.log_loss(truth.targets, truth.scores, sample_weight=truth.weights), rel=1e-5
    )
    brier = oracle.brier_score_loss(
        truth.targets, truth.scores, sample_weight=truth.weights, scale_by_half=False
    )
    assert summary.brier_score == pytest.approx(brier, rel=1e-5)


def test_the_calibration_error_and_its_chance_are_weighted(found: tuple[Summary, Truth]) -> None:
    summary, truth = found
    right, confidence, weights = truth.right, truth.confidence, truth.weights
    expected = calibration_error(right, confidence, weights)
    assert summary.calibration_error == pytest.approx(expected, rel=1e-5)
    assert_calibrated_error(summary.calibration_error_by_chance, confidence, weights)
    for one in summary.reliability:
        inside = (one.low < confidence) & (confidence <= one.high) & (weights > 0)
        assert one.pictures == inside.sum()
        if 0 < one.accuracy < 1:
            assert_share(Share(one.accuracy, one.interval), right[inside], weights[inside])


def test_risk_and_thresholds_are_weighted(found: tuple[Summary, Truth]) -> None:
    summary, truth = found
    curve, weights = summary.risk_coverage, truth.weights
    for point in curve:
        given = truth.confidence >= point.threshold - 1e-6
        assert point.coverage == pytest.approx(weights[given].sum() / weights.sum())
        risk = 1 - np.average(truth.right[given], weights=weights[given])
        assert point.risk == pytest.approx(risk)
    coverage, risks = np.array([(point.coverage, point.risk) for point in curve]).T
    assert summary.risk_coverage_area == pytest.approx(np.diff(coverage, prepend=0) @ risks)
    for one in summary.thresholds:
        enough = coverage[risks <= 1 - one.accuracy]
        assert one.coverage == (enough.max() if len(enough) else None)


def test_classes_and_confusions_are_weighted(found: tuple[Summary, Truth]) -> None:
    summary, truth = found
    pairs, weights = (truth.targets, truth.best), truth.weights
    weight = oracle.confusion_matrix(*pairs, sample_weight=weights)
    for one in summary.classes:
        row, column = weight[one.node], weight[:, one.node]
        assert one.recall == pytest.approx(row[one.node] / row.sum())
        assert one.precision == pytest.approx(column[one.node] / column.sum())
        assert one.errors == pytest.approx(row.sum() + column.sum() - 2 * row[one.node])
    for pair in summary.confusions:
        share = weight[pair.node, pair.best_node] / weight[pair.node].sum()
        assert pair.share == pytest.approx(share)
    assert len(summary.confusions) > len(LABELS)


def test_answers_are_weighted(found: tuple[Summary, Truth]) -> None:
    summary, truth = found
    named, right = truth.answers(MIN_CONFIDENCE)
    weights, answers = truth.weights, summary.answers
    assert set(named.tolist()) == {0, 1, LOW}
    assert answers is not None
    assert answers.min_confidence == MIN_CONFIDENCE
    assert_share(answers.right, right[named > 0], weights[named > 0])
    assert answers.answered == pytest.approx(np.average(named > 0, weights=weights))
    assert answers.information == pytest.approx(bits(named, right, weights))
    flat = bits(np.ones_like(named), truth.right, weights)
    assert summary.best_class_information == pytest.approx(flat)


def test_answers_at_each_threshold_are_weighted(found: tuple[Summary, Truth]) -> None:
    summary, truth = found
    assert tuple(one.min_confidence for one in summary.answers_at) == CONFIDENCE_GRID
    for one in summary.answers_at:
        named, right = truth.answers(one.min_confidence)
        assert one.answered == pytest.approx(truth.weights[named > 0].sum() / truth.weights.sum())
        assert one.information == pytest.approx(bits(named, right, truth.weights))
        if one.answered:
            assert_share(one.right, right[named > 0], truth.weights[named > 0])


@pytest.mark.parametrize("min_confidence", [MIN_CONFIDENCE, 0.97, 0.999])
def test_figures_by_status_are_weighted(
    found: tuple[Summary, Truth], min_confidence: float
) -> None:
    summary, truth = found
    if min_confidence != MIN_CONFIDENCE:
        model = with_answers(min_confidence=min_confidence)
        summary = evaluated(summary.outcomes.dataset, model)
    results = truth.results(min_confidence)
    assert [one.status for one in summary.statuses] == list(Status)
    assert sum(one.share for one in summary.statuses) == pytest.approx(1)
    for one in summary.statuses:
        chosen = np.array([status is one.status for status, _, _ in results])
        assert one.share == pytest.approx(np.average(chosen, weights=truth.weights))
        if one.status in {Status.UNSURE, Status.UNKNOWN} or not chosen.any():
            assert (one.right, one.mean_score) == (None, None)
            continue
        score, right = np.array([row[1:] for row in results]).T
        weights = truth.weights[chosen]
        assert_share(one.right, right[chosen] > 0, weights)
        assert one.mean_score == pytest.approx(np.average(score[chosen], weights=weights))


def bits(named: NDArray[np.int64], right: NDArray[np.bool_], weights: NDArray[np.float64]) -> float:
    """Mean of log2(classes / classes of the answer) over all, 0 unless right."""
    information = np.log2(len(LABELS)) - np.log2(named[right])
    return float(weights[right] @ information / weights.sum())
