"""The results of a model on labelled pictures.

The *best class* is the class with the highest score. The *answer* is what pictell says when the
result's status is ``sure`` or ``likely``: a class, or a broader label.

All labels are nodes of the model's taxonomy (``pictell.scoring.taxonomy``); the node of a class is
its index. The *target* of a picture is the node that its label means. A node is *right* if it is
the target, or above it (less specific), or below it (more specific: nothing contradicts it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pictell.evaluation.dataset import Dataset
from pictell.evaluation.matching import NONE, Match, group_classes
from pictell.results import Status
from pictell.scoring.taxonomy import Taxonomy
from pictell.types import PictureWarning

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Nodes = NDArray[np.int64]

TOP = 5
STATUSES = tuple(Status)
# The confidence thresholds at which answers are evaluated.
CONFIDENCE_GRID = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99)

# 101 bytes per picture.
ROW = np.dtype(
    [
        ("picture", np.int32),
        ("target", np.int32),
        ("best", np.int32, TOP),
        ("score", np.float32),
        ("group_score", np.float32),
        ("target_score", np.float32),
        ("sum_of_squares", np.float32),
        ("status", np.int8),
        ("answer", np.int32),
        ("answer_score", np.float32),
        ("answers_at", np.int32, len(CONFIDENCE_GRID)),
        ("weight", np.float64),
        ("latency_ms", np.float32),
    ]
)


@dataclass(frozen=True, slots=True)
class PictureOutcome:
    """What a model said of one picture, in words.

    ``score`` (0..1) and ``right`` are those of the best class. ``status`` and ``answer`` are those
    of the result: ``answer`` is ``None`` where the model abstained. ``answer_right`` is ``None``
    for a model that gives no answers at all. ``warnings`` say what is wrong with the picture.
    """

    picture: int
    file: str
    label: str
    best_class: str
    score: float
    right: bool
    status: Status | None
    answer: str | None
    answer_right: bool | None
    warnings: tuple[PictureWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class FailedPicture:
    """A picture that could not be read, with the code and the message of the error."""

    file: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class WarnedPicture:
    """A picture that is used although something is wrong with it."""

    file: str
    warnings: tuple[PictureWarning, ...]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """One row for each picture that could be read, in the order of the dataset.

    ``matches`` are those of ``dataset.labels`` to nodes of ``tree``. ``rows`` (N,) of dtype
    ``ROW``; the root stands for "no label":

    - ``picture``: its number in the dataset; ``target``: a node;
    - ``best``: the ``TOP`` best classes (the root where the model has fewer); ``score``: the
      probability of the first;
    - ``group_score``: the probability of the best class's group (``matching.group_classes``);
    - ``target_score``: the probability of the target; ``sum_of_squares``: of the classes;
    - ``status``: an index into ``STATUSES``, or ``NONE``;
    - ``answer``, ``answer_score``: the node that answers, sure or likely, and its score;
    - ``answers_at``: the node that is sure at each threshold of ``CONFIDENCE_GRID``;
    - ``weight``: 1 in datasets without weights; ``latency_ms``: from reading to the model's output
      while all cores are busy, NaN if it was not measured.

    ``warned`` are the pictures, among those that were read, with which something is wrong.
    ``has_answers``: whether the model gives answers, that is, whether its results have a status.
    ``min_confidence``: its confidence threshold.
    """

    dataset: Dataset
    tree: Taxonomy
    matches: tuple[Match, ...]
    rows: NDArray[np.void]
    failed: tuple[FailedPicture, ...]
    has_answers: bool
    min_confidence: float
    warned: tuple[WarnedPicture, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def targets(self) -> Nodes:
        """The node that each picture's label means, (N,)."""
        return self.rows["target"].astype(np.int64)

    @property
    def has_broader_labels(self) -> bool:
        """Whether the target of a picture is a broader label."""
        return bool((self.targets > self.tree.root).any())

    @property
    def best(self) -> Nodes:
        """The best classes, (N,)."""
        return self.rows["best"][:, 0].astype(np.int64)

    @property
    def right(self) -> Bools:
        """Whether the best class is right, (N,)."""
        return self.are_right(self.best)

    @property
    def top5(self) -> Bools:
        """Whether one of the five best classes is right, (N,)."""
        hits = [self.are_right(classes) for classes in self.rows["best"].T]
        return np.asarray(np.logical_or.reduce(hits))

    @property
    def confidence(self) -> Floats:
        """The probability of the best class, (N,), 0..1."""
        return self.rows["score"].astype(np.float64)

    @property
    def groups(self) -> tuple[Bools, Floats]:
        """Whether the best class's group is right, and its probability, both (N,)."""
        group_of = group_classes(self.tree, self.matches)
        return self.are_right(group_of[self.best]), self.rows["group_score"].astype(np.float64)

    @property
    def best_groups(self) -> Nodes:
        """The best class as a label of the data, (N,): the target where it is right.

        Elsewhere the narrowest target of any picture that covers it, or the class itself.
        """
        group_of = group_classes(self.tree, self.matches, narrowest=True)
        return np.where(self.right, self.targets, group_of[self.best])

    @property
    def weights(self) -> Floats:
        """The weight of each picture, (N,)."""
        return np.ascontiguousarray(self.rows["weight"])

    def are_right(self, nodes: Nodes) -> Bools:
        """Whether each picture's node of (N,) is right; the root never is."""
        covers, targets = self.tree.covers, self.targets
        related = covers(nodes, targets) | covers(targets, nodes)
        return np.asarray(related & (nodes != self.tree.root))

    def information(self, nodes: Nodes) -> Floats:
        """The information of each picture's node of (N,), in bits; 0 for a wrong one.

        That is log2(classes / classes of the node), but not more than that of the target: a label
        cannot tell whether what is more specific is true.
        """
        sizes = self.tree.stops - self.tree.starts
        size = np.maximum(sizes[nodes], sizes[self.targets])
        return np.where(self.are_right(nodes), np.log2(self.tree.root / size), 0.0)

    def in_status(self, status: Status) -> Bools:
        """Whether each picture has this status, (N,)."""
        return np.asarray(self.rows["status"] == STATUSES.index(status))

    def pictures(self, rows: Nodes) -> tuple[PictureOutcome, ...]:
        """What the model said of the pictures of some rows (M,)."""
        right, answer_right = self.right, self.are_right(self.rows["answer"])
        warnings = {one.file: one.warnings for one in self.warned}
        return tuple(
            self._picture(row, right[row], answer_right[row], warnings) for row in rows.tolist()
        )

    def _picture(
        self,
        number: int,
        right: bool,
        answer_right: bool,
        warnings: Mapping[str, tuple[PictureWarning, ...]],
    ) -> PictureOutcome:
        row, labels = self.rows[number], self.tree.labels
        picture, answer = int(row["picture"]), int(row["answer"])
        return PictureOutcome(
            picture=picture,
            file=self.dataset.files[picture],
            label=labels[row["target"]].name,
            best_class=labels[row["best"][0]].name,
            score=float(row["score"]),
            right=bool(right),
            status=None if row["status"] == NONE else STATUSES[row["status"]],
            answer=None if answer == self.tree.root else labels[answer].name,
            answer_right=bool(answer_right) if self.has_answers else None,
            warnings=warnings.get(self.dataset.files[picture], ()),
        )
