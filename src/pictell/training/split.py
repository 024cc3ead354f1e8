"""Pictures into parts: with the same shares of every label, and no copies in two parts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pictell.errors import UsageError

Targets = NDArray[np.integer] | NDArray[np.bool_]
# The part of pictures that are never held out.
ALWAYS_TRAIN = -1


def split(
    targets: Targets, groups: NDArray[np.int64], share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The numbers of the pictures to train on, and of those to test with, both sorted.

    ``targets`` are class indices (N,), or (N, L) bool for several labels a picture. Pictures of
    one group in ``groups`` (N,) stay together. ``share``, above 0 and below 1, of each label is in
    the test. A label with one group is not tested; one with more has a group on both sides, unless
    its groups have other labels. Raises ``UsageError`` if nothing can be tested.
    """
    if not 0 < share < 1:
        raise UsageError(f"the share of the test must be above 0 and below 1, not {share}")
    part = _parts(targets, groups, [1 - share, share], seed)
    test = np.flatnonzero(part == 1)
    if not len(test):
        raise UsageError("no label has two pictures that are not copies: give more pictures")
    return np.flatnonzero(part != 1), test


def folds(targets: Targets, groups: NDArray[np.int64], k: int, seed: int) -> NDArray[np.int64]:
    """The fold of each picture, (N,), 0..k-1, for cross-validation: fold i is tested with the rest.

    ``targets`` and ``groups`` as in ``split``. Pictures of a label with one group are in no fold
    but always trained on: ``ALWAYS_TRAIN``. A label with fewer groups than folds is not in all of
    them. Raises ``UsageError`` if nothing can be tested.
    """
    if k < 2:
        raise UsageError(f"cross-validation needs 2 or more folds, not {k}")
    part = _parts(targets, groups, [1 / k] * k, seed)
    if (part == ALWAYS_TRAIN).all():
        raise UsageError("no label has two pictures that are not copies: give more pictures")
    return part


def _parts(
    targets: Targets, groups: NDArray[np.int64], shares: Sequence[float], seed: int
) -> NDArray[np.int64]:
    """The part of each picture, or ``ALWAYS_TRAIN``.

    Iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011), of groups: the label with the
    fewest groups first, each group goes to the part that lacks most of this label.
    """
    _, group_of = np.unique(groups, return_inverse=True)
    labels_of = _labels_of_groups(targets, group_of)
    members = defaultdict[int, list[int]](list)
    for group in np.random.default_rng(seed).permutation(len(labels_of)).tolist():
        for label in labels_of[group]:
            members[label].append(group)
    assigned = {
        group: ALWAYS_TRAIN for alone in members.values() if len(alone) == 1 for group in alone
    }
    lacks = _Lacks(labels_of, shares, assigned)
    for label in sorted(members, key=lambda label: (len(members[label]), label)):
        waiting = [group for group in members[label] if group not in assigned]
        # The largest first, because small groups can even out what large ones leave.
        waiting.sort(key=lambda group: -labels_of[group][label])
        for left, group in zip(range(len(waiting), 0, -1), waiting, strict=True):
            assigned[group] = lacks.fill(group, label, left)
    parts = [assigned.get(group, ALWAYS_TRAIN) for group in range(len(labels_of))]
    return np.array(parts, np.int64)[group_of]


class _Lacks:
    """How many pictures of each label the parts still lack to have their shares."""

    def __init__(
        self, labels_of: list[Counter[int]], shares: Sequence[float], done: dict[int, int]
    ) -> None:
        self._labels_of = labels_of
        self._parts = range(len(shares))
        totals = Counter[int]()
        for group, counts in enumerate(labels_of):
            if group not in done:
                totals.update(counts)
        self._of_label = [
            defaultdict(float, {label: share * count for label, count in totals.items()})
            for share in shares
        ]
        self._of_all = [share * totals.total() for share in shares]
        self._has = {(part, label): False for part in self._parts for label in totals}

    def fill(self, group: int, label: int, left: int) -> int:
        """Put a group of a label into the best part; ``left``: it and others that wait."""
        empty = [part for part in self._parts if not self._has[part, label]]
        # Each of the last groups is needed by a part that has none.
        allowed = empty if empty and left <= len(empty) else self._parts
        best = max(allowed, key=lambda part: (self._of_label[part][label], self._of_all[part]))
        for other, count in self._labels_of[group].items():
            self._of_label[best][other] -= count
            self._of_all[best] -= count
            self._has[best, other] = True
        return best


def _labels_of_groups(targets: Targets, group_of: NDArray[np.int64]) -> list[Counter[int]]:
    """How many pictures of each label a group has."""
    if targets.ndim == 1:
        pictures, labels = np.arange(len(targets)), targets
    else:
        pictures, labels = np.nonzero(targets)
    found = [Counter[int]() for _ in range(int(group_of.max(initial=-1)) + 1)]
    for group, label in zip(group_of[pictures].tolist(), labels.tolist(), strict=True):
        found[group][label] += 1
    return found
