"""Two models on the same pictures: which answers changed, and whether one is truly better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pictell.evaluation.intervals import Interval, bootstrap, exact_two_sided
from pictell.evaluation.matching import folded
from pictell.evaluation.metrics import mean
from pictell.evaluation.summary import Summary
from pictell.types import Label

# What happens by chance more often than this is taken for chance.
CHANCE = 0.05


@dataclass(frozen=True, slots=True)
class Comparison:
    """The pictures that both models could read, counted by whose best class is right.

    ``p_value`` is that of McNemar's exact test of ``only_first`` against ``only_second``, which
    knows no weights. ``difference`` is the second's top-1 accuracy less the first's (weighted),
    ``interval`` that of a bootstrap over the pictures. ``changed`` (M, 2) holds, for every
    picture whose best class is another one, its rows in the outcomes of the two: first those
    that only the first has right, then those that only the second has, then the rest.
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
        """Whether chance hardly explains the difference.

        The test must say so, with the weights the interval too, and both of the same model.
        """
        gained = self.only_second - self.only_first
        surely = self.interval.high < 0 or self.interval.low > 0
        return self.p_value < CHANCE and surely and gained * self.difference > 0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything a report tells: one summary for each model, all of the same data, at least one.

    ``comparisons`` are those of the first model with each of the others, if they were asked for.
    """

    summaries: tuple[Summary, ...]
    comparisons: tuple[Comparison, ...] = ()


def compare(first: Summary, second: Summary) -> Comparison | None:
    """What two models said of the same data; ``None`` when no picture was read by both."""
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
    # -1, lost, comes first, then +1, won; pictures stay in order within each.
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
    """Which of the shared pictures got another best class, or one right in one model alone."""
    names, other_names = _common_numbers(first.classes, second.classes)
    best = names[first.outcomes.best[rows]]
    other_best = other_names[second.outcomes.best[other_rows]]
    differ = first.outcomes.right[rows] != second.outcomes.right[other_rows]
    return np.flatnonzero((best != other_best) | differ)


def _common_numbers(
    first: Sequence[Label], second: Sequence[Label]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The classes of two models as numbers, the same for the same name."""
    numbers: dict[str, int] = {}
    one, other = (
        np.array([numbers.setdefault(folded(label.name), len(numbers)) for label in classes])
        for classes in (first, second)
    )
    return one, other
