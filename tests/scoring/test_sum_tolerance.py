"""A model's own probabilities need not sum exactly to 1, but nearly."""

import numpy as np
import pytest

from pictell.results import Status
from pictell.scoring.decision import Scorer
from pictell.scoring.taxonomy import build
from pictell.types import Label

CLASSES = (Label("cat"), Label("dog"))
SCORER = Scorer(CLASSES, "none", taxonomy=build(CLASSES, [Label("animal")], [3, 3, 2]))


@pytest.mark.parametrize(
    ("total", "status"), [(1, Status.SURE), (0.981, Status.SURE), (1.019, Status.SURE)]
)
def test_rounded_probabilities_have_a_status(total: float, status: Status) -> None:
    assert SCORER.score(np.array([0.95, total - 0.95]), 1).status is status


@pytest.mark.parametrize("total", [0.979, 1.021, 1.9])
def test_values_that_are_not_one_distribution_have_no_status(total: float) -> None:
    decision = SCORER.score(np.array([0.95, total - 0.95]), 1)
    assert (decision.status, decision.answer) == (None, None)
    assert decision.predictions[0].label == "cat"
