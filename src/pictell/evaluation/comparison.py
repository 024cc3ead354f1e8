"""Compare two models on the same pictures: what changed, and whether the difference is chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pictell.evaluation.intervals import Interval, bootstrap, exact_two_sided
from pictell.evaluation.metrics import mean
from pictell.evaluation.outcomes import Outcomes, PictureOutcome
from pictell.evaluation.summary import Summary
from pictell.models.labels import folded

SIGNIFICANCE = 0.05


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the pictures that both could read; the fields are those of the JSON report.

    ``both_right`` to ``both_wrong`` count pictures by whether the best class is right.
    ``mcnemar_exact_p``: McNemar's exact test of ``only_first_right`` against ``only_second_right``,
    unweighted. ``top1_difference``: weighted top-1 accuracy of the second minus that of the first,
    with its bootstrap interval over the pictures. ``changed``: the pictures whose best class
    differs, with what the first and the second said: those that only the first has right, those
    that only the second has right, then the rest.
    """

    first: Summary
    second: Summary
    pictures: int
    both_right: int
    only_first_right: int
    only_second_right: int
    both_wrong: int
    mcnemar_exact_p: float
    top1_difference: float
    top1_difference_interval: Interval
    changed: tuple[tuple[PictureOutcome, PictureOutcome], ...]

    @property
    def clear(self) -> bool:
        """Whether the difference is statistically significant.

        The test and the weighted interval must agree that the same model is better.
        """
        gained = self.only_second_right - self.only_first_right
        interval = self.top1_difference_interval
        outside = interval.high < 0 or interval.low > 0
        return self.mcnemar_exact_p < SIGNIFICANCE and outside and gained * self.top1_difference > 0


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
    changed = _changed(one, other, rows, other_rows)
    # First the losses, then the gains; the sort keeps the order of the pictures.
    order = np.select([gain < 0, gain > 0], [0, 1], 2)[changed]
    changed = changed[np.argsort(order, kind="stable")]
    only_first, only_second = int((gain < 0).sum()), int((gain > 0).sum())
    return Comparison(
        first=first,
        second=second,
        pictures=len(rows),
        both_right=int((right & other_right).sum()),
        only_first_right=only_first,
        only_second_right=only_second,
        both_wrong=int((~right & ~other_right).sum()),
        mcnemar_exact_p=exact_two_sided(only_first, only_second),
        top1_difference=mean(gain, weights),
        top1_difference_interval=bootstrap(gain, weights),
        changed=tuple(
            zip(one.pictures(rows[changed]), other.pictures(other_rows[changed]), strict=True)
        ),
    )


def _changed(
    one: Outcomes, other: Outcomes, rows: NDArray[np.int64], other_rows: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The shared pictures whose best class differs, or is right in one model only."""
    # The same class has the same synset in both models, or else the same name.
    classes, other_classes = (it.tree.labels[: it.tree.root] for it in (one, other))
    by_synset = all(label.synset for label in (*classes, *other_classes))
    keys, other_keys = (
        np.array([label.synset if by_synset else folded(label.name) for label in labels])
        for labels in (classes, other_classes)
    )
    differ = one.right[rows] != other.right[other_rows]
    return np.flatnonzero((keys[one.best[rows]] != other_keys[other.best[other_rows]]) | differ)
