"""Pure: what a model's outputs say of one picture: classes, the answer, whether it is sure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pictell.errors import UsageError
from pictell.scoring.calibration import Abstention, Calibration, evidence, sureness, to_logits
from pictell.scoring.postprocess import to_probabilities, top_k
from pictell.scoring.taxonomy import MIN_CONFIDENCE, Taxonomy, back_off, node_probabilities
from pictell.types import Activation, Answer, Label, Prediction

# How far from 1 the sum of probabilities may be that a model gives itself: they may be rounded.
SUM_TOLERANCE = 0.02
# A guess is rather right than wrong.
LIKELIER_THAN_NOT = 0.5


class Decision(NamedTuple):
    """What is said of one picture; the fields are those of a ``Result``."""

    probabilities: NDArray[np.float64]
    predictions: tuple[Prediction, ...]
    answer: Answer | None = None
    sure: bool | None = None
    known: bool | None = None
    guess: Answer | None = None


@dataclass(frozen=True, eq=False)
class Scorer:
    """How outputs become names.

    ``labels`` and ``activation`` are those of a ``ModelSpec``. Without a ``calibration`` scores
    are the model's own; without ``not_sure`` a picture never counts as one of nothing it knows;
    without a ``taxonomy`` there are no answers. An answer is at least ``min_confidence`` sure (0..1,
    else ``UsageError``).
    """

    labels: tuple[Label, ...]
    activation: Activation
    taxonomy: Taxonomy | None = None
    calibration: Calibration | None = None
    abstention: Abstention | None = None
    min_confidence: float = MIN_CONFIDENCE

    def __post_init__(self) -> None:
        """Raises ``UsageError`` for an ``min_confidence`` that is no probability."""
        if not 0 <= self.min_confidence <= 1:
            raise UsageError(f"min_confidence must be in 0..1, not {self.min_confidence}")

    def name(self, outputs: NDArray[np.generic], k: int) -> Decision:
        """Name one picture by its outputs (classes,), with the ``k`` best classes.

        Raises ``RuntimeFailedError`` for outputs that are no finite numbers, or not one a label.
        """
        probabilities, known = self._judge(outputs)
        predictions = top_k(probabilities, self.labels, k)
        if known is False:
            return Decision(probabilities, predictions, sure=False, known=False)
        if self.taxonomy is None or abs(probabilities.sum() - 1) > SUM_TOLERANCE:
            return Decision(probabilities, predictions, sure=known, known=known)
        nodes = node_probabilities(self.taxonomy, probabilities)
        answer = _answer(self.taxonomy, nodes, self.min_confidence)
        if answer is not None:
            return Decision(probabilities, predictions, answer, sure=True, known=known)
        guess = _answer(self.taxonomy, nodes, LIKELIER_THAN_NOT)
        return Decision(probabilities, predictions, sure=False, known=known, guess=guess)

    def _judge(self, outputs: NDArray[np.generic]) -> tuple[NDArray[np.float64], bool | None]:
        """The probabilities, and whether the picture is like what the model knows."""
        if self.calibration is None:
            return to_probabilities(outputs, self.activation), None
        if self.activation == "none":
            # What evidence would take for rounded may be no probabilities at all.
            to_probabilities(outputs, "none")
        found = evidence(outputs, self.activation)
        probabilities = to_probabilities(to_logits(found, self.calibration), "softmax")
        if self.abstention is None:
            return probabilities, None
        score = sureness(found, probabilities, self.abstention.score)
        return probabilities, bool(score >= self.abstention.threshold)


def _answer(taxonomy: Taxonomy, nodes: NDArray[np.float64], min_confidence: float) -> Answer | None:
    """The answer by the probabilities of the nodes (nodes,), if there is one."""
    node = back_off(taxonomy, nodes, min_confidence)
    if node == taxonomy.root:
        return None
    label = taxonomy.labels[node]
    # Rounding may lift a sum above 1.
    score = min(float(nodes[node]), 1.0)
    classes = tuple(sorted(taxonomy.classes_below(node).tolist()))
    return Answer(label.name, score, label.synset, taxonomy.path(node), classes)
