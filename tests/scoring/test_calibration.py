"""Calibration and abstention, on data with known parameters."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pictell.errors import UsageError
from pictell.scoring import calibration
from pictell.scoring.calibration import Calibration
from pictell.scoring.postprocess import to_probabilities

ROWS = arrays(np.float64, (3, 12), elements=st.floats(-30, 30))


def sample(
    truth: Calibration, pictures: int = 4000, classes: int = 20
) -> tuple[calibration.Floats, calibration.Indices]:
    """Evidence, and right classes drawn from the probabilities that ``truth`` gives."""
    random = np.random.default_rng(1)
    evidence = calibration.evidence(random.normal(0, 3, (pictures, classes)), "softmax")
    probabilities = to_probabilities(calibration.to_logits(evidence, truth), "softmax")
    targets = (probabilities.cumsum(axis=1) > random.random((pictures, 1))).argmax(axis=1)
    return evidence, targets


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_data_is_found(temperature: float) -> None:
    evidence, targets = sample(Calibration(temperature))
    found = calibration.fit(evidence, targets, np.ones(len(targets)))
    assert found.knee == math.inf
    assert found.temperature == pytest.approx(temperature, rel=0.05)


def test_a_knee_is_found_if_there_is_one() -> None:
    truth = Calibration(0.7, 2.0)
    evidence, targets = sample(truth)
    found = calibration.fit(evidence, targets, np.ones(len(targets)))
    assert math.isfinite(found.knee)
    exact, fitted = (
        to_probabilities(calibration.to_logits(evidence, one), "softmax") for one in (truth, found)
    )
    assert np.abs(exact - fitted).mean() < 0.005


def test_pictures_count_by_their_weight() -> None:
    sharp = sample(Calibration(0.5))
    soft = sample(Calibration(3.0))
    evidence, targets = (np.concatenate(both) for both in zip(sharp, soft, strict=True))
    weights = np.repeat([1.0, 0.0], len(sharp[1]))
    found = calibration.fit(evidence, targets, weights)
    assert found.temperature == pytest.approx(0.5, rel=0.05)
    assert found == calibration.fit(evidence, targets, weights * 7)


def test_larger_weights_do_not_count_as_more_pictures() -> None:
    """A knee needs more pictures. Larger weights do not help, nor pictures of weight 0."""
    evidence, targets = sample(Calibration(1.0, 8.0), pictures=400)
    alone = calibration.fit(evidence, targets, np.ones(400))
    assert alone.knee == math.inf
    assert calibration.fit(evidence, targets, np.full(400, 20.0)) == alone
    many, of_many = np.tile(evidence, (20, 1)), np.tile(targets, 20)
    assert calibration.fit(many, of_many, np.repeat([1.0, 0.0], [400, 7600])) == alone
    assert math.isfinite(calibration.fit(many, of_many, np.ones(8000)).knee)


def test_held_out_scores_do_not_depend_on_their_own_targets() -> None:
    evidence, targets = sample(Calibration(2.0), pictures=500)
    weights = np.ones(500)
    before = calibration.cross_fit(evidence, targets, weights)
    (part, *_) = calibration.folds(500)
    others = targets.copy()
    others[part] = (targets[part] + 1) % 20
    after = calibration.cross_fit(evidence, others, weights)
    assert np.array_equal(before[part], after[part])
    assert not np.array_equal(before, after)


def test_the_folds_are_a_partition() -> None:
    found = np.concatenate(calibration.folds(203))
    assert sorted(found) == list(range(203))


@given(ROWS, st.floats(0.1, 10), st.floats(0.5, 100) | st.just(math.inf))
def test_calibration_keeps_the_order(
    outputs: calibration.Floats, temperature: float, knee: float
) -> None:
    evidence = calibration.evidence(outputs, "softmax")
    logits = calibration.to_logits(evidence, Calibration(temperature, knee))
    for before, after in zip(evidence, logits, strict=True):
        assert (np.diff(after[np.argsort(before)]) >= 0).all()


@given(ROWS, st.floats(-50, 50))
def test_an_offset_changes_nothing(outputs: calibration.Floats, offset: float) -> None:
    evidence = calibration.evidence(outputs, "softmax")
    moved = calibration.evidence(outputs + offset, "softmax")
    assert moved == pytest.approx(evidence, abs=1e-9)
    assert calibration.peak(moved) == pytest.approx(calibration.peak(evidence), abs=1e-4)


def test_the_default_calibration_is_softmax() -> None:
    logits = np.random.default_rng(0).normal(0, 4, (5, 30))
    same = calibration.to_logits(calibration.evidence(logits, "softmax"), Calibration())
    assert to_probabilities(same, "softmax") == pytest.approx(to_probabilities(logits, "softmax"))


def test_probabilities_give_the_same_evidence_as_logits() -> None:
    logits = np.random.default_rng(0).normal(0, 2, (5, 30))
    of_probabilities = calibration.evidence(to_probabilities(logits, "softmax"), "none")
    assert of_probabilities == pytest.approx(calibration.evidence(logits, "softmax"))
    assert np.isfinite(calibration.evidence(np.array([0.0, 1.0]), "none")).all()


@pytest.mark.parametrize(
    ("least", "counts_as"), [(1 / 256, 1e-4), (1e-4, 5e-5), (6e-8, 1e-6), (1e-30, 1e-6)]
)
def test_a_probability_of_0_counts_as_a_rounded_one(least: float, counts_as: float) -> None:
    found = calibration.evidence(np.array([0.0, least, 1 - least]), "none")
    assert np.exp(found[0] - found[2]) == pytest.approx(counts_as / (1 - least))
    shown = max(least, counts_as)
    assert np.exp(found[1] - found[2]) == pytest.approx(shown / (1 - least))


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_become_nan(broken: float) -> None:
    assert np.isnan(calibration.evidence(np.array([broken, 0.0]), "softmax")).any()


def test_the_peak_by_hand() -> None:
    # One of four classes at 3 and three at -1: second moment 3, fourth 21.
    evidence = np.array([3.0, -1, -1, -1])
    assert calibration.peak(evidence) == pytest.approx(21 / 3**1.5)
    assert calibration.peak(np.zeros((2, 4))) == pytest.approx([0, 0])


def test_one_class_that_stands_out_has_a_higher_peak_than_many() -> None:
    evidence = np.zeros((2, 100))
    evidence[0, :1], evidence[1, :20] = 8, 8
    alone, among_many = calibration.peak(evidence - evidence.mean(axis=1, keepdims=True))
    assert alone > 2 * among_many


def test_the_abstention_score_is_the_one_that_is_named() -> None:
    evidence = np.array([[2.0, -1, -1]])
    probabilities = np.array([[0.8, 0.1, 0.1]])
    assert calibration.abstention_score(evidence, probabilities, "probability") == [0.8]
    assert calibration.abstention_score(evidence, probabilities, "peak") == calibration.peak(
        evidence
    )
    assert calibration.choose_score(100) == "peak"
    assert calibration.choose_score(99) == "probability"


def test_the_threshold_is_a_weighted_quantile() -> None:
    scores = np.arange(100.0)
    assert calibration.abstention_threshold(scores, np.ones(100)) == 5
    heavy = np.ones(100)
    heavy[0] = 0.045 * 99 / 0.955
    assert calibration.abstention_threshold(scores, heavy) == 1


@given(arrays(np.float64, 40, elements=st.floats(0, 1)), st.floats(0.01, 0.5))
def test_no_more_false_alarms_than_asked_for(
    scores: calibration.Floats, false_alarms: float
) -> None:
    weights = np.linspace(0.5, 2, 40)
    below = calibration.abstention_threshold(scores, weights, false_alarms)
    assert weights[scores < below].sum() <= (false_alarms + 1e-6) * weights.sum()


def test_false_alarms_are_counted_on_other_pictures_than_the_threshold() -> None:
    """None of equal scores is below the threshold; about 5 % of different scores are."""
    assert calibration.false_alarms(np.full(100, 0.5), np.ones(100)) == 0
    scores = np.random.default_rng(0).permutation(4000.0 + np.arange(4000))
    assert calibration.false_alarms(scores, np.ones(4000)) == pytest.approx(0.05, abs=0.004)
    # The lowest scores are below any threshold fitted on the rest.
    low = np.append(np.zeros(40), np.ones(960))
    assert calibration.false_alarms(low, np.append(np.full(40, 1e-9), np.ones(960))) < 1e-6


def test_too_few_pictures_are_refused_with_the_number_needed() -> None:
    evidence, targets = sample(Calibration(2.0), pictures=150)
    with pytest.raises(UsageError, match=r"^150 pictures are too few .* at least 200 are needed$"):
        calibration.fit(evidence, targets, np.ones(150))
    weights = np.repeat([1.0, 0.01], 75)
    with pytest.raises(UsageError, match=r"at least 39\d of such unequal weights are needed"):
        calibration.fit(evidence, targets, weights)


def test_a_model_without_errors_cannot_be_calibrated() -> None:
    evidence, _ = sample(Calibration(), pictures=400)
    best, worst = evidence.argmax(axis=1), evidence.argmin(axis=1)
    with pytest.raises(UsageError, match="only 0 of 400 answers are wrong: at least 10 are needed"):
        calibration.fit(evidence, best, np.ones(400))
    with pytest.raises(
        UsageError, match=r"only 4 of 400 answers are right: .* about 1000 pictures"
    ):
        calibration.fit(evidence, np.where(np.arange(400) < 4, best, worst), np.ones(400))


def test_answers_of_weight_0_are_not_counted() -> None:
    evidence, _ = sample(Calibration(), pictures=400)
    wrong = np.arange(400) < 50
    targets = np.where(wrong, evidence.argmin(axis=1), evidence.argmax(axis=1))
    with pytest.raises(UsageError, match="only 0 of 350 answers are wrong"):
        calibration.fit(evidence, targets, np.where(wrong, 0.0, 1.0))
