"""Scores of pictures and the decisions made of them: predictions, status, answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pictell.errors import UsageError
from pictell.options import MIN_CONFIDENCE
from pictell.results import Answer, Prediction, Status
from pictell.scoring.calibration import (
    Abstention,
    Calibration,
    abstention_score,
    evidence,
    likely_score,
    to_logits,
)
from pictell.scoring.postprocess import PROBABILITIES, as_classes, to_probabilities, top_k
from pictell.scoring.taxonomy import Taxonomy, choose, flat_taxonomy, node_probabilities
from pictell.types import INDEPENDENT, Activation, Label

Verdict: TypeAlias = "tuple[Status | None, Answer | None]"


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
    are the model's own, and there is no status. Without an ``abstention`` no picture is
    ``unknown``. Without a ``taxonomy`` an answer is one of the classes, as it is for classes that
    do not exclude each other, whose scores cannot be added. A single output with two labels has
    two classes that do exclude each other.
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
        return self.calibration is not None and not self.flat

    def score(
        self,
        outputs: NDArray[np.generic],
        k: int,
        familiarity: NDArray[np.float64] | None = None,
    ) -> list[Decision]:
        """Score pictures by their rows of the output (N, classes); keep the ``k`` best classes.

        ``familiarity`` (N,) is that output of the model, if it has one. Raises
        ``RuntimeFailedError`` for values that are not finite, or not one for each label.
        """
        return self.decide(*self._probabilities(outputs, familiarity), k)

    def decide(
        self, probabilities: NDArray[np.float64], known: NDArray[np.bool_], k: int
    ) -> list[Decision]:
        """Decide pictures by their probabilities (N, classes), 0..1; keep the ``k`` best classes.

        ``known`` (N,) is whether each picture is like those that the model knows.
        """
        predictions = top_k(probabilities, self.labels, k)
        verdicts: Iterable[Verdict] = repeat((None, None), len(probabilities))
        if self.judges:
            verdicts = self._judge(probabilities, known)
        return [
            Decision(row, best, *verdict)
            for row, best, verdict in zip(probabilities, predictions, verdicts, strict=True)
        ]

    def _probabilities(
        self, outputs: NDArray[np.generic], familiarity: NDArray[np.float64] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """The probabilities, and whether each picture is like those that the model knows."""
        every = np.ones(len(outputs), np.bool_)
        outputs, activation = as_classes(outputs, self.activation, len(self.labels))
        if self.calibration is None:
            return to_probabilities(outputs, activation), every
        if activation in PROBABILITIES:
            # Refuses values that ``evidence`` would take for rounded probabilities.
            to_probabilities(outputs, activation)
        found = evidence(outputs, activation)
        logits = to_logits(found, self.calibration)
        again: Activation = "sigmoid" if activation in INDEPENDENT else "softmax"
        probabilities = to_probabilities(logits, again)
        if self.abstention is None or self.flat:
            return probabilities, every
        score = abstention_score(found, probabilities, self.abstention.score, familiarity)
        return probabilities, score >= self.abstention.threshold

    @cached_property
    def tree(self) -> Taxonomy:
        """The taxonomy; without one that can be used, the classes below the root."""
        usable = self.taxonomy if self.activation not in INDEPENDENT else None
        return usable or flat_taxonomy(self.labels)

    @cached_property
    def _places(self) -> dict[int, tuple[tuple[str, ...], tuple[int, ...]]]:
        """The path and the classes of each node that has been an answer."""
        return {}

    def _judge(
        self, probabilities: NDArray[np.float64], known: NDArray[np.bool_]
    ) -> Iterator[Verdict]:
        nodes = node_probabilities(self.tree, probabilities)
        chosen = choose(self.tree, nodes, self.min_confidence)
        scores = np.take_along_axis(nodes, chosen[:, np.newaxis], axis=-1)[:, 0]
        columns = (column.tolist() for column in (known, chosen, scores))
        for is_known, node, score in zip(*columns, strict=True):
            if not is_known:
                yield Status.UNKNOWN, None
            elif node == self.tree.root:
                yield Status.UNSURE, None
            elif score >= self.min_confidence:
                # Rounding may lift a sum above 1.
                yield Status.SURE, self._answer(node, min(score, 1.0))
            else:
                yield Status.LIKELY, self._answer(node, self._likely(score))

    def _likely(self, probability: float) -> float:
        """The score of an answer with a probability below the confidence threshold."""
        if self.calibration is None:
            return probability
        return min(likely_score(probability, self.calibration.likely_slope), self.min_confidence)

    def _answer(self, node: int, score: float) -> Answer:
        # Of another thread's dictionary nothing is needed.
        places = self._places
        if node not in places:
            classes = tuple(sorted(self.tree.classes_below(node).tolist()))
            places[node] = self.tree.path(node), classes
        return Answer(self.tree.labels[node].name, score, self.tree.ids[node], *places[node])
