"""What a model answers to labelled pictures, kept in 73 bytes a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pictell.classifier import Classifier
from pictell.errors import PictellError, RuntimeFailedError, UsageError
from pictell.evaluation.dataset import Dataset
from pictell.types import Prediction, Result, Source

TOP = 5
LEFT_OUT = -1

ROW = np.dtype(
    [
        ("picture", np.int32),
        ("target", np.int32),
        ("answers", np.int32, TOP),
        ("scores", np.float32, TOP),
        ("target_score", np.float32),
        ("sum_of_squares", np.float32),
        ("named", np.int32),
        ("named_right", np.bool_),
        ("weight", np.float64),
        ("latency_ms", np.float32),
    ]
)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """A model's answers, one row for each picture that could be read, in the data's order.

    ``rows`` (N,) of dtype ``ROW``: the picture's number in the data, its class index, the ``TOP``
    best classes with their probabilities (-1 and 0 where there are fewer), the probability of the
    right class, the sum of all squared probabilities, of how many classes the answer is the name
    (0 where the model is not sure) and whether the right one is among them, the weight (1 without),
    and the time from reading to answer in milliseconds, while all processors are busy. ``failed``:
    the pictures that could not be read, with the reason. ``has_taxonomy``: whether the model could
    back off to names above its classes.
    """

    rows: NDArray[np.void]
    failed: tuple[tuple[int, PictellError], ...] = ()
    has_taxonomy: bool = False

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def targets(self) -> NDArray[np.int64]:
        """The right classes, (N,)."""
        return self.rows["target"].astype(np.int64)

    @property
    def answers(self) -> NDArray[np.int64]:
        """The first answers, (N,)."""
        return self.rows["answers"][:, 0].astype(np.int64)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether the first answer is right, (N,)."""
        return self.right_among(1)

    @property
    def confidence(self) -> NDArray[np.float64]:
        """The probability of the first answer, (N,), 0..1."""
        return self.rows["scores"][:, 0].astype(np.float64)

    @property
    def weights(self) -> NDArray[np.float64]:
        """The weight of each picture, (N,)."""
        return np.ascontiguousarray(self.rows["weight"])

    def right_among(self, k: int) -> NDArray[np.bool_]:
        """Whether the right class is among the ``k`` best, (N,); ``k`` in 1..``TOP``."""
        hits = self.rows["answers"][:, :k] == self.rows["target"][:, np.newaxis]
        return np.asarray(hits.any(axis=1))


def collect(
    classifier: Classifier,
    dataset: Dataset,
    targets: Sequence[int],
    watch: Callable[[Result], None] = lambda result: None,
) -> Outcomes:
    """Answer every picture whose label has a class.

    ``targets``: the class index of each of ``dataset.labels``, ``LEFT_OUT`` for those whose
    pictures are left out. ``watch`` sees every result as it comes. Pictures that cannot be read
    are counted; a model that fails ends it. Raises ``RuntimeFailedError``, or ``UsageError`` when
    no picture of any weight could be read.
    """
    target_of = np.array(targets, np.int32)[dataset.label_of]
    pictures = np.flatnonzero(target_of != LEFT_OUT)
    rows, count = np.zeros(len(pictures), ROW), 0
    failed = []
    sources = _sources(dataset, pictures)
    results = classifier.stream(sources, top_k=len(classifier.spec.labels))
    for picture, result in zip(pictures, results, strict=True):
        watch(result)
        if isinstance(result.error, RuntimeFailedError):
            raise result.error
        if result.error is not None:
            failed.append((int(picture), result.error))
            continue
        rows[count] = _row(int(picture), int(target_of[picture]), result)
        count += 1
    rows = rows[:count]
    rows["weight"] = 1 if dataset.weights is None else dataset.weights[rows["picture"]]
    if not rows["weight"].any():
        raise UsageError(f"{dataset.name}: none of {len(pictures)} pictures could be read")
    return Outcomes(rows, tuple(failed), classifier.naming.taxonomy is not None)


def _sources(dataset: Dataset, pictures: NDArray[np.int64]) -> Iterator[Source]:
    for picture in pictures:
        path = dataset.path(int(picture))
        yield Source(str(path), path)


def _row(picture: int, target: int, result: Result) -> tuple[object, ...]:
    predictions = result.predictions
    named = () if result.answer is None else result.answer.classes
    best = predictions[:TOP]
    missing = TOP - len(best)
    return (
        picture,
        target,
        (*(prediction.class_index for prediction in best), *[-1] * missing),
        (*(prediction.score for prediction in best), *[0.0] * missing),
        _score_of(target, predictions),
        sum(prediction.score * prediction.score for prediction in predictions),
        len(named),
        target in named,
        0.0,
        0.0 if result.timings is None else result.timings.total_ms,
    )


def _score_of(target: int, predictions: Sequence[Prediction]) -> float:
    return next(p.score for p in predictions if p.class_index == target)
