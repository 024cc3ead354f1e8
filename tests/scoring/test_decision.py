"""What outputs become: calibrated classes, the most telling name, or 'not sure'."""

import math

import numpy as np
import pytest

from pictell.errors import RuntimeFailedError, UsageError
from pictell.scoring.calibration import Abstention, Calibration
from pictell.scoring.decision import Scorer
from pictell.scoring.taxonomy import build
from pictell.types import Answer, Label

TABBY, DOG, SIAMESE = range(3)
CLASSES = (Label("tabby", "n02123045"), Label("dog"), Label("Siamese", "n02123597"))
# something ─ animal ─ cat ─ tabby, Siamese
#                    └ dog
TREE = build(CLASSES, [Label("animal"), Label("cat", "n02121620")], [5, 4, 5, 3, 4])
LOGITS = np.log([0.5, 0.05, 0.45])


def scorer(min_confidence: float = 0.9) -> Scorer:
    return Scorer(CLASSES, "softmax", taxonomy=TREE, min_confidence=min_confidence)


def test_without_a_taxonomy_there_are_classes_alone() -> None:
    named = Scorer(CLASSES, "softmax").name(LOGITS, 2)
    assert [(one.label, round(one.score, 6)) for one in named.predictions] == [
        ("tabby", 0.5),
        ("Siamese", 0.45),
    ]
    assert (named.answer, named.sure) == (None, None)


def test_the_answer_is_the_most_telling_name_that_is_sure_enough() -> None:
    answer = scorer().name(LOGITS, 1).answer
    assert answer is not None
    assert answer == Answer("cat", answer.score, "n02121620", ("animal", "cat"), (TABBY, SIAMESE))
    assert answer.score == pytest.approx(0.95)


@pytest.mark.parametrize(
    ("min_confidence", "name"), [(0, "tabby"), (0.5, "tabby"), (0.51, "cat"), (0.96, None)]
)
def test_how_sure_it_must_be_decides_how_much_it_tells(
    min_confidence: float, name: str | None
) -> None:
    named = scorer(min_confidence).name(LOGITS, 1)
    assert (named.answer and named.answer.name) == name
    assert named.sure == (name is not None)
    assert named.predictions[0].label == "tabby"


def test_what_is_not_sure_enough_is_guessed() -> None:
    named = scorer(0.96).name(LOGITS, 1)
    assert named.guess is not None
    assert (named.guess.name, named.known) == ("tabby", None)
    assert scorer(0.9).name(LOGITS, 1).guess is None
    even = scorer(0.96).name(np.log([0.4, 0.3, 0.3]), 1).guess
    assert even is not None
    assert even.name == "cat"


@pytest.mark.parametrize("min_confidence", [-0.1, 1.1, math.nan])
def test_what_is_no_probability_is_refused(min_confidence: float) -> None:
    with pytest.raises(UsageError, match=r"min_confidence must be in 0\.\.1"):
        scorer(min_confidence)


def test_no_score_of_an_answer_is_above_1() -> None:
    answer = scorer().name(np.array([30.0, -30.0, 29.0]), 1).answer
    assert answer is not None
    assert answer.score <= 1


def test_scores_are_calibrated() -> None:
    calibrated = Scorer(CLASSES, "softmax", calibration=Calibration(0.5))
    found = calibrated.name(LOGITS, 3).predictions
    squares = np.array([0.25, 0.2025, 0.0025])
    assert [one.score for one in found] == pytest.approx(list(squares / squares.sum()))


@pytest.mark.parametrize("score", [0.49, 0.51])
def test_what_is_like_nothing_it_knows_gets_no_answer(score: float) -> None:
    named = Scorer(
        CLASSES,
        "softmax",
        taxonomy=TREE,
        calibration=Calibration(),
        abstention=Abstention("probability", score, 0.05),
    ).name(LOGITS, 5)
    assert named.sure == (score < 0.5)
    assert (named.answer is not None) == named.sure == named.known
    assert named.guess is None
    assert len(named.predictions) == 3


def test_a_model_without_a_taxonomy_may_be_unsure_too() -> None:
    unsure = Abstention("probability", 0.9, 0.05)
    named = Scorer(CLASSES, "softmax", calibration=Calibration(), abstention=unsure).name(LOGITS, 1)
    assert (named.answer, named.sure) == (None, False)


def test_scores_that_do_not_add_to_1_give_no_answer() -> None:
    each_alone = Scorer(CLASSES, "none", taxonomy=TREE)
    assert each_alone.name(np.array([0.9, 0.1, 0.8]), 1).answer is None
    assert each_alone.name(np.array([0.9, 0.1, 0.8]), 1).sure is None
    assert each_alone.name(np.array([0.9, 0.01, 0.08]), 1).answer is not None


@pytest.mark.parametrize("calibration", [None, Calibration()])
@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ([1.0, math.nan, 2.0], "not a finite number"),
        ([1.0, math.inf, 2.0], "not a finite number"),
        ([1.0, 2.0], "2 outputs for 3 labels"),
    ],
)
def test_outputs_that_cannot_be_named(
    outputs: list[float], message: str, calibration: Calibration | None
) -> None:
    with pytest.raises(RuntimeFailedError, match=message):
        Scorer(CLASSES, "softmax", taxonomy=TREE, calibration=calibration).name(
            np.array(outputs), 1
        )


def test_calibration_does_not_hide_that_outputs_are_no_probabilities() -> None:
    calibrated = Scorer(CLASSES, "none", calibration=Calibration())
    with pytest.raises(RuntimeFailedError, match="no probabilities"):
        calibrated.name(np.array([-5.0, 9.0, 3.0]), 3)
