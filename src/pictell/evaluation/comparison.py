"""Compare two models on the same pictures: what changed, and whether the difference is chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pictell.evaluation.intervals import Interval, bootstrap, exact_two_sided
from pictell.evaluation.matching import folded
from pictell.evaluation.metrics import mean
from pictell.evaluation.summary import PictureOutcome, Summary
from pictell.types import Label

SIGNIFICANCE = 0.05


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the pictures that both could read.

    ``both_right`` to ``both_wrong`` count pictures by whether the best class is right.
    ``p_value``: McNemar's exact test of ``only_first`` against ``only_second``, unweighted.
    ``difference``: weighted top-1 accuracy of the second minus that of the first; ``interval``: its
    bootstrap interval over the pictures. ``changed`` (M, 2): the rows, in the outcomes of the first
    and the second, of the pictures whose best class differs: those that only the first has right,
    those that only the second has right, then the rest.
    """

    first: Summary
    second: Summary
    pictures: int
    both_right: int
    only_first: int
    only_second: int
    both_wrong: int
    p_value: float
    difference: float
    interval: Interval
    changed: NDArray[np.int64]

    @property
    def clear(self) -> bool:
        """Whether the difference is statistically significant.

        The test and the weighted interval must agree that the same model is better.
        """
        gained = self.only_second - self.only_first
        outside = self.interval.high < 0 or self.interval.low > 0
        return self.p_value < SIGNIFICANCE and outside and gained * self.difference > 0

    def changed_outcomes(
        self, limit: int | None = None
    ) -> list[tuple[PictureOutcome, PictureOutcome]]:
        """What both models said of the ``changed`` pictures, or of the first ``limit``."""
        return [
            (self.first.outcome(int(row)), self.second.outcome(int(other)))
            for row, other in self.changed[:limit]
        ]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a report is about: one or more models on the same dataset.

    ``comparisons`` of the first model with each of the others, if requested.
    """

    summaries: tuple[Summary, ...]
    comparisons: tuple[Comparison, ...] = ()


def compare(first: Summary, second: Summary) -> Comparison | None:
    """Compare two models on the same dataset; ``None`` when they share no picture."""
    one, other = first.outcomes, second.outcomes
    _, rows, other_rows = np.intersect1d(
        one.rows["picture"], other.rows["picture"], assume_unique=True, return_indices=True
    )
    weights = one.weights[rows]
    if not weights.any():
        return None
    right, other_right = one.right[rows], other.right[other_rows]
    gain = other_right.astype(np.float64) - right
    changed = _changed(first, second, rows, other_rows)
    # First the losses, then the gains; the sort keeps the order of the pictures.
    order = np.argsort(np.select([gain < 0, gain > 0], [0, 1], 2)[changed], kind="stable")
    only_first, only_second = int((gain < 0).sum()), int((gain > 0).sum())
    return Comparison(
        first=first,
        second=second,
        pictures=len(rows),
        both_right=int((right & other_right).sum()),
        only_first=only_first,
        only_second=only_second,
        both_wrong=int((~right & ~other_right).sum()),
        p_value=exact_two_sided(only_first, only_second),
        difference=mean(gain, weights),
        interval=bootstrap(gain, weights),
        changed=np.stack([rows[changed], other_rows[changed]], axis=1)[order],
    )


def _changed(
    first: Summary, second: Summary, rows: NDArray[np.int64], other_rows: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The shared pictures whose best class differs, or is right in one model only."""
    ids, other_ids = _class_ids(first.classes, second.classes)
    best, other_best = ids[first.outcomes.best[rows]], other_ids[second.outcomes.best[other_rows]]
    differ = first.outcomes.right[rows] != second.outcomes.right[other_rows]
    return np.flatnonzero((best != other_best) | differ)


def _class_ids(
    first: Sequence[Label], second: Sequence[Label]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A number for each class, the same in both models for the same synset, or else name."""
    by_synset = all(label.synset for label in (*first, *second))
    ids: dict[str, int] = {}

    def number(label: Label) -> int:
        key = label.synset if by_synset and label.synset else folded(label.name)
        return ids.setdefault(key, len(ids))

    return np.array([*map(number, first)]), np.array([*map(number, second)])
