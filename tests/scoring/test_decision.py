"""What becomes of rows of outputs: calibrated scores, a status, an answer."""

import math
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from pictell.errors import RuntimeFailedError, UsageError
from pictell.results import Answer, Status
from pictell.scoring.calibration import Abstention, Calibration
from pictell.scoring.decision import Decision, Scorer
from pictell.scoring.taxonomy import Taxonomy, build
from pictell.types import Activation, Label

TABBY, DOG, SIAMESE = range(3)
CLASSES = (Label("tabby", "n02123045"), Label("dog"), Label("Siamese", "n02123597"))
# something ─ animal ─ cat ─ tabby, Siamese
#                    └ dog
TREE = build(CLASSES, [Label("animal"), Label("cat", "n02121620")], [5, 4, 5, 3, 4])
LOGITS = np.log([0.5, 0.05, 0.45])


def scorer(min_confidence: float = 0.9) -> Scorer:
    return Scorer(
        CLASSES, "softmax", TREE, calibration=Calibration(), min_confidence=min_confidence
    )


def score(scorer: Scorer, row: ArrayLike, k: int = 1) -> Decision:
    """The decision about a single picture."""
    (decision,) = scorer.score(np.array([row]), k)
    return decision


@pytest.mark.parametrize("tree", [TREE, None])
def test_without_a_calibration_nothing_judges(tree: Taxonomy | None) -> None:
    decision = score(Scorer(CLASSES, "softmax", tree), LOGITS, 2)
    assert [(one.label, round(one.score, 6)) for one in decision.predictions] == [
        ("tabby", 0.5),
        ("Siamese", 0.45),
    ]
    assert (decision.status, decision.answer) == (None, None)


def test_the_answer_is_the_most_specific_label_above_the_threshold() -> None:
    answer = score(scorer(), LOGITS).answer
    assert answer is not None
    assert answer == Answer("cat", answer.score, "cat", ("animal", "cat"), (TABBY, SIAMESE))
    assert answer.score == pytest.approx(0.95)


@pytest.mark.parametrize(
    ("min_confidence", "status", "name"),
    [
        (0, Status.SURE, "tabby"),
        (0.5, Status.SURE, "tabby"),
        (0.51, Status.SURE, "cat"),
        (0.96, Status.LIKELY, "cat"),
    ],
)
def test_the_threshold_decides_between_a_specific_and_a_broad_answer(
    min_confidence: float, status: Status, name: str
) -> None:
    decision = score(scorer(min_confidence), LOGITS)
    assert (decision.status, decision.answer and decision.answer.name) == (status, name)
    assert decision.predictions[0].label == "tabby"


def test_a_likely_answer_is_more_likely_right_than_wrong() -> None:
    decision = score(scorer(0.96), np.log([0.4, 0.3, 0.3]))
    assert decision.answer is not None
    assert (decision.status, decision.answer.name) == (Status.LIKELY, "cat")
    unrelated = build(CLASSES, [], [3, 3, 3])
    undecided = score(replace(scorer(), taxonomy=unrelated), np.log([0.4, 0.3, 0.3]))
    assert (undecided.status, undecided.answer) == (Status.UNSURE, None)


def test_a_likely_score_moves_towards_the_share_that_is_right() -> None:
    scores = []
    for slope in (1.0, 0.8, 0.0):
        judged = replace(scorer(0.96), calibration=Calibration(likely_slope=slope))
        found = score(judged, np.log([0.4, 0.3, 0.3]))
        assert found.answer is not None
        scores.append(found.answer.score)
    assert scores[0] == pytest.approx(0.7)
    assert scores[0] < scores[1] < scores[2]
    assert scores[2] == pytest.approx(0.9)


def test_a_likely_score_is_never_above_the_threshold() -> None:
    judged = replace(scorer(0.71), calibration=Calibration(likely_slope=0.1))
    found = score(judged, np.log([0.4, 0.3, 0.3]))
    assert found.answer is not None
    assert (found.status, found.answer.score) == (Status.LIKELY, 0.71)


@pytest.mark.parametrize("min_confidence", [-0.1, 1.1, math.nan])
def test_a_threshold_that_is_not_a_probability_is_refused(min_confidence: float) -> None:
    with pytest.raises(UsageError, match=r"min_confidence must be in 0\.\.1"):
        scorer(min_confidence)


def test_no_score_of_an_answer_is_above_1() -> None:
    answer = score(scorer(), [30.0, -30.0, 29.0]).answer
    assert answer is not None
    assert answer.score <= 1


def test_scores_are_calibrated() -> None:
    calibrated = Scorer(CLASSES, "softmax", calibration=Calibration(0.5))
    found = score(calibrated, LOGITS, 3).predictions
    squares = np.array([0.25, 0.2025, 0.0025])
    assert [one.score for one in found] == pytest.approx(list(squares / squares.sum()))


@pytest.mark.parametrize("tree", [TREE, None])
@pytest.mark.parametrize("limit", [0.49, 0.51])
def test_a_picture_unlike_anything_known_gets_no_answer(
    limit: float, tree: Taxonomy | None
) -> None:
    scorer = Scorer(
        CLASSES,
        "softmax",
        taxonomy=tree,
        calibration=Calibration(),
        abstention=Abstention("probability", limit, 0.05),
    )
    decision = score(scorer, LOGITS, 5)
    assert (decision.status is Status.UNKNOWN) == (limit > 0.5)
    assert (decision.answer is None) == (limit > 0.5)
    assert len(decision.predictions) == 3


def test_a_calibrated_model_without_a_taxonomy_answers_with_a_class() -> None:
    scores = [[0.4, 0.3, 0.3], [0.95, 0.03, 0.02], [0.2, 0.2, 0.6]]
    decisions = Scorer(CLASSES, "softmax", calibration=Calibration()).score(np.log(scores), 1)
    assert [one.status for one in decisions] == [Status.UNSURE, Status.SURE, Status.LIKELY]
    tabby, siamese = (one.predictions[0].score for one in decisions[1:])
    assert [one.answer for one in decisions] == [
        None,
        Answer("tabby", tabby, "n02123045", ("tabby",), (TABBY,)),
        Answer("Siamese", siamese, "n02123597", ("Siamese",), (SIAMESE,)),
    ]


@pytest.mark.parametrize("calibration", [None, Calibration()])
@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ([1.0, math.nan, 2.0], "not a finite number"),
        ([1.0, math.inf, 2.0], "not a finite number"),
        ([1.0, 2.0], "2 outputs for 3 labels"),
    ],
)
def test_outputs_that_cannot_be_scored(
    outputs: list[float], message: str, calibration: Calibration | None
) -> None:
    scorer = Scorer(CLASSES, "softmax", taxonomy=TREE, calibration=calibration)
    with pytest.raises(RuntimeFailedError, match=message):
        scorer.score(np.array([outputs]), 1)


def test_calibration_does_not_hide_outputs_that_are_not_probabilities() -> None:
    calibrated = Scorer(CLASSES, "none", calibration=Calibration())
    with pytest.raises(RuntimeFailedError, match="give --activation softmax"):
        calibrated.score(np.array([[-5.0, 9.0, 3.0]]), 3)


@settings(deadline=None)
@given(
    rows=st.integers(1, 8),
    count=st.sampled_from([2, 3, 17, 200, 1000]),
    seed=st.integers(0, 2**32 - 1),
    calibration=st.sampled_from([None, Calibration(), Calibration(0.7, 3.0)]),
    kind=st.sampled_from(["peak", "probability", None]),
    with_taxonomy=st.booleans(),
)
def test_the_decision_about_a_picture_does_not_depend_on_its_neighbours(
    rows: int,
    count: int,
    seed: int,
    calibration: Calibration | None,
    kind: Literal["peak", "probability"] | None,
    with_taxonomy: bool,
) -> None:
    random = np.random.default_rng(seed)
    # Some rows are flat, others have a peak.
    spread = random.uniform(0, 8, (rows, 1))
    outputs = (spread * random.standard_normal((rows, count))).astype(np.float32)
    labels = tuple(Label(str(number)) for number in range(count))
    # The even classes and the odd ones, if there are any.
    broader = [Label("even"), Label("odd")][:count]
    above = [count + 1 + number % 2 for number in range(count)] + [count] * len(broader)
    scorer = Scorer(
        labels,
        "softmax",
        taxonomy=build(labels, broader, above) if with_taxonomy else None,
        calibration=calibration,
        abstention=Abstention(kind, 0.4, 0.05) if kind else None,
        min_confidence=0.8,
    )
    together = scorer.score(outputs, 5)
    assert len(together) == rows
    for found, row in zip(together, outputs, strict=True):
        alone = score(scorer, row, 5)
        assert found.probabilities.tolist() == alone.probabilities.tolist()
        assert found[1:] == alone[1:]


def test_a_softmax_over_a_single_value_is_refused() -> None:
    with pytest.raises(RuntimeFailedError, match="give --activation sigmoid"):
        Scorer((Label("cat"),), "softmax").score(np.array([[3.0]]), 1)


@pytest.mark.parametrize(
    ("activation", "value"), [("sigmoid", 2.0), ("none", 0.880797078), ("independent", 0.880797078)]
)
@pytest.mark.parametrize("calibration", [None, Calibration(), Calibration(0.5)])
def test_one_value_and_two_labels_are_two_classes_that_exclude_each_other(
    activation: Activation, value: float, calibration: Calibration | None
) -> None:
    labels = (Label("cat"), Label("dog"))
    both = Scorer(labels, "softmax", calibration=calibration)
    one = Scorer(labels, activation, calibration=calibration)
    expected = score(both, [0.0, 2.0], 2)
    found = score(one, [value], 2)
    assert found.probabilities == pytest.approx(expected.probabilities, abs=1e-6)
    assert [p.label for p in found.predictions] == ["dog", "cat"]
    assert found.status == expected.status


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan])
@pytest.mark.parametrize("activation", ["none", "independent"])
def test_one_value_that_is_no_probability_is_refused(activation: Activation, value: float) -> None:
    with pytest.raises(RuntimeFailedError):
        score(Scorer((Label("cat"), Label("dog")), activation), [value])


def test_one_value_and_one_label_is_the_probability_of_that_label() -> None:
    decision = score(Scorer((Label("cat"),), "independent"), [0.25])
    assert decision.probabilities.tolist() == [0.25]


@pytest.mark.parametrize("calibration", [Calibration(), Calibration(0.5, 3.0)])
def test_probabilities_of_independent_classes_are_treated_as_their_logits_are(
    calibration: Calibration,
) -> None:
    logits = np.array([2.0, 1.5, -3.0])
    tree = TREE
    of_logits = score(Scorer(CLASSES, "sigmoid", tree, calibration), logits, 3)
    probabilities = 1 / (1 + np.exp(-logits))
    found = score(Scorer(CLASSES, "independent", tree, calibration), probabilities, 3)
    assert found.probabilities == pytest.approx(of_logits.probabilities, abs=1e-9)
    assert found.answer is not None
    assert of_logits.answer is not None
    # No sum: the answer is a class, though two cats are likely.
    assert found.answer.name == of_logits.answer.name == "tabby"
