"""The results of a model on labelled pictures.

The *best class* is the class with the highest score. The *answer* is what pictell says when the
result's status is ``sure``: a class, or a broader label.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pictell.classifier import Classifier
from pictell.errors import RuntimeFailedError, UsageError
from pictell.evaluation.dataset import Dataset
from pictell.evaluation.matching import Match
from pictell.results import Result, Status
from pictell.scoring.taxonomy import Taxonomy, back_off, node_probabilities
from pictell.types import Label, Source

Floats = NDArray[np.float64]

TOP = 5
NONE = -1
# The confidence thresholds at which answers are evaluated.
CONFIDENCE_GRID = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99)

# The answer that the model gave, and that at each threshold.
ANSWERS = 1 + len(CONFIDENCE_GRID)
# 122 bytes per picture.
ROW = np.dtype(
    [
        ("picture", np.int32),
        ("target", np.int32),
        ("best", np.int32, TOP),
        ("scores", np.float32, TOP),
        ("target_score", np.float32),
        ("sum_of_squares", np.float32),
        ("answer", np.int32),
        ("answer_size", np.int32, ANSWERS),
        ("answer_right", np.bool_, ANSWERS),
        ("weight", np.float64),
        ("latency_ms", np.float32),
    ]
)


@dataclass(frozen=True, slots=True)
class PictureOutcome:
    """What a model said of one picture, in words.

    ``score`` (0..1) and ``right`` are those of the best class. ``answer`` is ``None`` where the
    model abstained; ``answer_right`` is ``None`` for a model that gives no answers at all.
    """

    picture: int
    file: str
    label: str
    best_class: str
    score: float
    right: bool
    answer: str | None
    answer_right: bool | None


@dataclass(frozen=True, slots=True)
class FailedPicture:
    """A picture that could not be read, with the code and the message of the error."""

    file: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Outcomes:
    """One row for each picture that could be read, in the order of the dataset.

    ``matches`` are those of ``dataset.labels`` to ``classes``. ``rows`` (N,) of dtype ``ROW``:

    - ``picture``: its number in the dataset; ``target``: its class index;
    - ``best``, ``scores``: the ``TOP`` best classes and their probabilities (``NONE`` and 0 where
      the model has fewer classes);
    - ``target_score``: the probability of the right class; ``sum_of_squares``: of all
      probabilities;
    - ``answer``: an index into ``answers``, or ``NONE``;
    - ``answer_size``: the number of classes that the answer covers (0 without one), then the same
      for the answer at each threshold of ``CONFIDENCE_GRID``; ``answer_right``: whether the right
      class is among them;
    - ``weight``: 1 in datasets without weights; ``latency_ms``: from reading to the model's output
      while all cores are busy.

    ``has_answers``: whether the model gives answers, that is, whether its results have a status.
    ``min_confidence``: its confidence threshold.
    """

    dataset: Dataset
    classes: tuple[Label, ...]
    matches: tuple[Match, ...]
    rows: NDArray[np.void]
    failed: tuple[FailedPicture, ...]
    answers: tuple[str, ...]
    has_answers: bool
    min_confidence: float

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def targets(self) -> NDArray[np.int64]:
        """The right classes, (N,)."""
        return self.rows["target"].astype(np.int64)

    @property
    def best(self) -> NDArray[np.int64]:
        """The best classes, (N,)."""
        return self.rows["best"][:, 0].astype(np.int64)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether the best class is the right one, (N,)."""
        return self.right_among(1)

    @property
    def confidence(self) -> Floats:
        """The probability of the best class, (N,), 0..1."""
        return self.rows["scores"][:, 0].astype(np.float64)

    @property
    def weights(self) -> Floats:
        """The weight of each picture, (N,)."""
        return np.ascontiguousarray(self.rows["weight"])

    def right_among(self, k: int) -> NDArray[np.bool_]:
        """Whether the right class is among the ``k`` best, (N,); ``k`` in 1..``TOP``."""
        hits = self.rows["best"][:, :k] == self.rows["target"][:, np.newaxis]
        return np.asarray(hits.any(axis=1))

    def pictures(self, rows: NDArray[np.int64]) -> tuple[PictureOutcome, ...]:
        """What the model said of the pictures of some rows (M,)."""
        return tuple(self._picture(row) for row in self.rows[rows])

    def _picture(self, row: np.void) -> PictureOutcome:
        picture, target, best = int(row["picture"]), int(row["target"]), int(row["best"][0])
        return PictureOutcome(
            picture=picture,
            file=self.dataset.files[picture],
            label=self.classes[target].name,
            best_class=self.classes[best].name,
            score=float(row["scores"][0]),
            right=target == best,
            answer=None if row["answer"] == NONE else self.answers[row["answer"]],
            answer_right=bool(row["answer_right"][0]) if self.has_answers else None,
        )


def collect(
    classifier: Classifier,
    dataset: Dataset,
    matches: Sequence[Match],
    watch: Callable[[Result], None] = lambda result: None,
) -> Outcomes:
    """Classify every picture whose label has a class.

    ``matches`` are those of ``dataset.labels``; ``watch`` receives every result. Raises
    ``RuntimeFailedError`` when the model fails, and ``UsageError`` when no picture with a weight
    above 0 could be read.
    """
    rows = np.zeros(len(dataset), ROW)
    rows["picture"] = np.arange(len(dataset))
    rows["target"] = class_indices(matches)[dataset.label_of]
    rows["answer"] = NONE
    rows["weight"] = 1 if dataset.weights is None else dataset.weights
    scorer, labels = classifier.scorer, classifier.spec.labels
    read, failed, answers = list[int](), list[FailedPicture](), dict[str, int]()
    pictures = np.flatnonzero(rows["target"] != NONE)
    for picture, result in classify_pictures(classifier, dataset, pictures, watch, top_k=TOP):
        if result.error is not None:
            error = result.error
            failed.append(FailedPicture(dataset.files[picture], error.code, error.message))
        elif result.probabilities is not None:
            # A row of a structured array is a view: writing to it writes to the array.
            _put_classes(rows[picture], result, result.probabilities)
            if scorer.judges:
                _put_answers(rows[picture], result, result.probabilities, answers, scorer.tree)
            read.append(picture)
    rows = rows[read]
    check_read(dataset, rows["weight"])
    return Outcomes(
        dataset, labels, tuple(matches), rows, tuple(failed), tuple(answers),
        scorer.judges, scorer.min_confidence,
    )  # fmt: skip


def class_indices(matches: Sequence[Match]) -> NDArray[np.int32]:
    """The class index of each label, ``NONE`` for unmatched ones."""
    return np.array(
        [NONE if one.class_index is None else one.class_index for one in matches], np.int32
    )


def check_read(dataset: Dataset, weights: Floats) -> None:
    """Raise ``UsageError`` unless a picture that was read has a weight (N,) above 0."""
    if not len(weights):
        raise UsageError(f"{dataset.name}: none of the pictures could be read")
    if not weights.any():
        raise UsageError(f"{dataset.name}: every picture that can be evaluated has weight 0")


def classify_pictures(
    classifier: Classifier,
    dataset: Dataset,
    pictures: NDArray[np.int64],
    watch: Callable[[Result], None],
    top_k: int,
) -> Iterator[tuple[int, Result]]:
    """Yield the number and the result, with all probabilities, of some pictures of the dataset.

    Raises ``RuntimeFailedError`` when the model fails.
    """
    numbers = pictures.tolist()
    sources = (Source(str(path), path) for path in map(dataset.path, numbers))
    results = classifier.stream(sources, top_k=top_k, probabilities=True)
    for picture, result in zip(numbers, results, strict=True):
        watch(result)
        if isinstance(result.error, RuntimeFailedError):
            raise result.error
        yield picture, result


def _put_classes(row: np.void, result: Result, probabilities: Floats) -> None:
    best = result.predictions
    row["best"] = [*(one.class_index for one in best), *[NONE] * (TOP - len(best))]
    row["scores"][: len(best)] = [one.score for one in best]
    row["target_score"] = probabilities[row["target"]]
    row["sum_of_squares"] = (probabilities**2).sum()
    row["latency_ms"] = 0.0 if result.timings is None else result.timings.total_ms


def _put_answers(
    row: np.void, result: Result, probabilities: Floats, answers: dict[str, int], taxonomy: Taxonomy
) -> None:
    covered: list[Sequence[int]] = [()] * ANSWERS
    if result.answer is not None and result.status is Status.SURE:
        row["answer"] = answers.setdefault(result.answer.name, len(answers))
        covered[0] = result.answer.classes
    # An unknown picture has no answer at any threshold.
    if result.status not in {None, Status.UNKNOWN}:
        of_nodes = node_probabilities(taxonomy, probabilities[np.newaxis])
        nodes = [int(back_off(taxonomy, of_nodes, threshold)[0]) for threshold in CONFIDENCE_GRID]
        covered[1:] = [
            () if node == taxonomy.root else taxonomy.classes_below(node).tolist() for node in nodes
        ]
    row["answer_size"] = [len(classes) for classes in covered]
    row["answer_right"] = [row["target"] in classes for classes in covered]
