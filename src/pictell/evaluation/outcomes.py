"""What a model says of labelled pictures, kept in 123 bytes a picture.

The *best class* is the one with the highest score; the *answer* is the name that a taxonomy gives,
be it a class or a kind of thing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pictell.classifier import Classifier
from pictell.errors import PictellError, RuntimeFailedError, UsageError
from pictell.evaluation.dataset import Dataset
from pictell.scoring.taxonomy import Taxonomy, back_off, node_probabilities
from pictell.types import Result, Source

Floats = NDArray[np.float64]

TOP = 5
LEFT_OUT = -1
NO_ANSWER = -1
# How sure an answer must be: of each of these it is told how good the answers would be.
CONFIDENCE_GRID = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99)

ROW = np.dtype(
    [
        ("picture", np.int32),
        ("target", np.int32),
        ("best", np.int32, TOP),
        ("scores", np.float32, TOP),
        ("target_score", np.float32),
        ("sum_of_squares", np.float32),
        ("answer", np.int32),
        ("unsure", np.bool_),
        ("named", np.int32),
        ("named_right", np.bool_),
        ("named_at", np.int32, len(CONFIDENCE_GRID)),
        ("right_at", np.bool_, len(CONFIDENCE_GRID)),
        ("weight", np.float64),
        ("latency_ms", np.float32),
    ]
)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What a model said, one row for each picture that could be read, in the data's order.

    ``rows`` (N,) of dtype ``ROW``: the picture's number in the data, its class index, the ``TOP``
    best classes with their probabilities (-1 and 0 where there are fewer), the probability of the
    right class, the sum of all squared probabilities; of the answer which of ``names`` it is
    (``NO_ANSWER`` where there is none), whether the model says that it is not sure, of how many
    classes it is the name (0 for none) and whether the right one is among them, and these two
    again for each of ``CONFIDENCE_GRID``; the weight (1 without), and the time from reading to the
    model's output in ms, while all processors are busy. ``failed``: the pictures that could not be
    read, with the reason. ``has_taxonomy``: whether the model has names above its classes; without
    there are no answers. ``may_be_unsure``: whether it would ever say that it is not sure.
    """

    rows: NDArray[np.void]
    failed: tuple[tuple[int, PictellError], ...] = ()
    has_taxonomy: bool = False
    names: tuple[str, ...] = ()
    may_be_unsure: bool = False

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


def collect(
    classifier: Classifier,
    dataset: Dataset,
    targets: Sequence[int],
    watch: Callable[[Result], None] = lambda result: None,
) -> Outcomes:
    """Name every picture whose label has a class.

    ``targets``: the class index of each of ``dataset.labels``, ``LEFT_OUT`` for those whose
    pictures are left out. ``watch`` sees every result as it comes. Pictures that cannot be read
    are counted; a model that fails ends it. Raises ``RuntimeFailedError``, or ``UsageError`` when
    no picture of any weight could be read.
    """
    target_of = np.array(targets, np.int32)[dataset.label_of]
    pictures = np.flatnonzero(target_of != LEFT_OUT)
    scorer = classifier.scorer
    rows, taxonomy = np.zeros(len(pictures), ROW), scorer.taxonomy
    read, failed, names = list[int](), [], dict[str, int]()
    named = name_pictures(classifier, dataset, pictures, watch, top_k=TOP)
    for place, (picture, result) in enumerate(named):
        if result.error is not None:
            failed.append((picture, result.error))
        if result.probabilities is None:
            continue
        row = rows[place]
        row["picture"], row["target"] = picture, target_of[picture]
        _put_classes(row, result, result.probabilities)
        _put_answer(row, result, names)
        if taxonomy is not None and _may_be_answered(result):
            _put_answers_at(row, taxonomy, node_probabilities(taxonomy, result.probabilities))
        read.append(place)
    rows = rows[read]
    rows["weight"] = 1 if dataset.weights is None else dataset.weights[rows["picture"]]
    check_read(dataset, rows["weight"])
    return Outcomes(
        rows,
        tuple(failed),
        has_taxonomy=taxonomy is not None,
        names=tuple(names),
        may_be_unsure=taxonomy is not None or scorer.abstention is not None,
    )


def check_read(dataset: Dataset, weights: Floats) -> None:
    """Raises ``UsageError`` unless one of the pictures that were read, (N,), has any weight."""
    if not len(weights):
        raise UsageError(f"{dataset.name}: none of the pictures could be read")
    if not weights.any():
        raise UsageError(f"{dataset.name}: none of the pictures with any weight could be read")


def name_pictures(
    classifier: Classifier,
    dataset: Dataset,
    pictures: NDArray[np.int64],
    watch: Callable[[Result], None],
    top_k: int,
) -> Iterator[tuple[int, Result]]:
    """Some pictures of the data by number, with what the model says, all probabilities included.

    Raises ``RuntimeFailedError`` when it is the model that fails, not a picture.
    """
    numbers = pictures.tolist()
    sources = (Source(str(path), path) for path in map(dataset.path, numbers))
    results = classifier.stream(sources, top_k=top_k, probabilities=True)
    for picture, result in zip(numbers, results, strict=True):
        watch(result)
        if isinstance(result.error, RuntimeFailedError):
            raise result.error
        yield picture, result


# Rows of a structured array are views: what is put into them is in the array.


def _put_classes(row: np.void, result: Result, probabilities: Floats) -> None:
    best = result.predictions
    row["best"] = [*(one.class_index for one in best), *[-1] * (TOP - len(best))]
    row["scores"][: len(best)] = [one.score for one in best]
    row["target_score"] = probabilities[row["target"]]
    row["sum_of_squares"] = (probabilities**2).sum()
    row["latency_ms"] = 0.0 if result.timings is None else result.timings.total_ms


def _put_answer(row: np.void, result: Result, names: dict[str, int]) -> None:
    row["answer"], row["unsure"] = NO_ANSWER, result.sure is False
    if result.answer is not None:
        row["answer"] = names.setdefault(result.answer.name, len(names))
        row["named"] = len(result.answer.classes)
        row["named_right"] = row["target"] in result.answer.classes


def _may_be_answered(result: Result) -> bool:
    """Whether there is an answer at some threshold.

    There is none where the picture is like nothing the model knows, and none, though nothing is
    said to be unsure, where scores add to something else than 1.
    """
    return result.answer is not None or (result.sure is False and result.known is not False)


def _put_answers_at(row: np.void, taxonomy: Taxonomy, nodes: Floats) -> None:
    for place, min_confidence in enumerate(CONFIDENCE_GRID):
        node = back_off(taxonomy, nodes, min_confidence)
        if node != taxonomy.root:
            classes = taxonomy.classes_below(node)
            row["named_at"][place] = len(classes)
            row["right_at"][place] = row["target"] in classes
