"""Scores of one picture and the decision made of them: predictions, status, answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pictell.errors import UsageError
from pictell.results import Answer, Prediction, Status
from pictell.scoring.calibration import (
    Abstention,
    Calibration,
    abstention_score,
    evidence,
    to_logits,
)
from pictell.scoring.postprocess import to_probabilities, top_k
from pictell.scoring.taxonomy import MIN_CONFIDENCE, Taxonomy, back_off, node_probabilities
from pictell.types import Activation, Label

# How far the sum of a model's own probabilities may be from 1: some models round them.
SUM_TOLERANCE = 0.02
# An answer below the confidence threshold is given if it is more likely right than wrong.
LIKELY = 0.5


class Decision(NamedTuple):
    """What the scores say of one picture; the fields are those of a ``Result``."""

    probabilities: NDArray[np.float64]
    predictions: tuple[Prediction, ...]
    status: Status | None = None
    answer: Answer | None = None


@dataclass(frozen=True, eq=False)
class Scorer:
    """Turns a row of a model's output into scores and a decision.

    ``labels`` and ``activation`` are those of a ``ModelSpec``. Without a ``calibration`` the scores
    are the model's own. Without an ``abstention`` no picture is ``unknown``. Without a ``taxonomy``
    an answer is one of the classes; without both a taxonomy and a calibration there is no status.
    ``min_confidence`` is the confidence threshold of a ``sure`` answer, 0..1. ``flat`` gives
    only classes, without a status.
    """

    labels: tuple[Label, ...]
    activation: Activation
    taxonomy: Taxonomy | None = None
    calibration: Calibration | None = None
    abstention: Abstention | None = None
    min_confidence: float = MIN_CONFIDENCE
    flat: bool = False

    def __post_init__(self) -> None:
        """Raises ``UsageError`` for a ``min_confidence`` outside 0..1."""
        if not 0 <= self.min_confidence <= 1:
            raise UsageError(f"min_confidence must be in 0..1, not {self.min_confidence}")

    @property
    def judges(self) -> bool:
        """Whether results have a status."""
        judge = self.taxonomy is not None or self.calibration is not None
        return judge and not self.flat

    def score(self, outputs: NDArray[np.generic], k: int) -> Decision:
        """Score one picture by its row of the output (classes,); keep the ``k`` best classes.

        Raises ``RuntimeFailedError`` for values that are not finite, or not one for each label.
        """
        probabilities, known = self._probabilities(outputs)
        predictions = top_k(probabilities, self.labels, k)
        if not known:
            return Decision(probabilities, predictions, Status.UNKNOWN)
        if not self.judges or abs(probabilities.sum() - 1) > SUM_TOLERANCE:
            return Decision(probabilities, predictions)
        return Decision(probabilities, predictions, *self._decide(probabilities, predictions[0]))

    def _probabilities(self, outputs: NDArray[np.generic]) -> tuple[NDArray[np.float64], bool]:
        """The probabilities, and whether the picture is like those that the model knows."""
        if self.calibration is None:
            return to_probabilities(outputs, self.activation), True
        if self.activation == "none":
            # Refuses values that ``evidence`` would take for rounded probabilities.
            to_probabilities(outputs, "none")
        found = evidence(outputs, self.activation)
        probabilities = to_probabilities(to_logits(found, self.calibration), "softmax")
        if self.abstention is None or self.flat:
            return probabilities, True
        score = abstention_score(found, probabilities, self.abstention.score)
        return probabilities, bool(score >= self.abstention.threshold)

    def _decide(
        self, probabilities: NDArray[np.float64], best: Prediction
    ) -> tuple[Status, Answer | None]:
        sure, likely = self._answers(probabilities, best)
        if sure is not None:
            return Status.SURE, sure
        return (Status.UNSURE if likely is None else Status.LIKELY), likely

    def _answers(
        self, probabilities: NDArray[np.float64], best: Prediction
    ) -> tuple[Answer | None, Answer | None]:
        """The answers at the confidence threshold and at ``LIKELY``."""
        if self.taxonomy is None:
            answer = _class_answer(best)
            sure, likely = best.score >= self.min_confidence, best.score >= LIKELY
            return (answer if sure else None), (answer if likely else None)
        nodes = node_probabilities(self.taxonomy, probabilities)
        sure_answer = _answer(self.taxonomy, nodes, self.min_confidence)
        return sure_answer, sure_answer or _answer(self.taxonomy, nodes, LIKELY)


def _class_answer(best: Prediction) -> Answer:
    return Answer(best.label, best.score, best.synset, (best.label,), (best.class_index,))


def _answer(taxonomy: Taxonomy, nodes: NDArray[np.float64], threshold: float) -> Answer | None:
    """The most specific label whose probability is at least ``threshold``, if there is one."""
    node = back_off(taxonomy, nodes, threshold)
    if node == taxonomy.root:
        return None
    label = taxonomy.labels[node]
    # Rounding may lift a sum above 1.
    score = min(float(nodes[node]), 1.0)
    classes = tuple(sorted(taxonomy.classes_below(node).tolist()))
    return Answer(label.name, score, label.synset, taxonomy.path(node), classes)
