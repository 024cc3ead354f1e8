"""Classify labelled pictures and keep what a model says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pictell.classifier import Classifier
from pictell.errors import RuntimeFailedError, UsageError
from pictell.evaluation.dataset import Dataset
from pictell.evaluation.matching import NONE, Match, group_classes, target_nodes
from pictell.evaluation.outcomes import (
    CONFIDENCE_GRID,
    ROW,
    STATUSES,
    TOP,
    FailedPicture,
    Floats,
    Nodes,
    Outcomes,
    WarnedPicture,
)
from pictell.places import hide_credentials
from pictell.results import Result, Status
from pictell.scoring.decision import Scorer
from pictell.scoring.taxonomy import Taxonomy, back_off, choose, node_probabilities


def collect(
    classifier: Classifier,
    dataset: Dataset,
    matches: Sequence[Match],
    watch: Callable[[Result], None] = lambda result: None,
) -> Outcomes:
    """Classify every picture whose label is matched.

    ``matches`` are those of ``dataset.labels``; ``watch`` receives every result. Raises
    ``RuntimeFailedError`` when the model fails, and ``UsageError`` when no picture with a weight
    above 0 could be read.
    """
    pictures = np.flatnonzero(target_nodes(matches)[dataset.label_of] != NONE)
    results = classify_pictures(classifier, dataset, pictures, watch, top_k=TOP)
    return fill(classifier.scorer, dataset, matches, results)


def fill(
    scorer: Scorer,
    dataset: Dataset,
    matches: Sequence[Match],
    results: Iterable[tuple[int, Result]],
) -> Outcomes:
    """Keep what results say of pictures whose label is matched.

    ``results``: numbers of pictures, rising, each with its result of the scorer, which has the
    ``TOP`` best classes and all probabilities. Raises ``UsageError`` when no picture with a weight
    above 0 could be read.
    """
    rows = _empty_rows(dataset, matches, scorer.tree)
    group_of = group_classes(scorer.tree, matches)
    read, failed, warned = list[int](), list[FailedPicture](), list[WarnedPicture]()
    for picture, result in results:
        if result.error is not None:
            error = result.error
            failed.append(
                FailedPicture(hide_credentials(dataset.files[picture]), error.code, error.message)
            )
        elif result.probabilities is not None:
            nodes = node_probabilities(scorer.tree, result.probabilities[np.newaxis])
            # A row of a structured array is a view: writing to it writes to the array.
            _put_classes(rows[picture], result, nodes[0], group_of)
            rows[picture]["sum_of_squares"] = (result.probabilities**2).sum()
            _put_answers(rows[picture], result, nodes, scorer)
            read.append(picture)
            if result.warnings:
                warned.append(WarnedPicture(dataset.files[picture], result.warnings))
    rows = rows[read]
    check_read(dataset, rows["weight"])
    return Outcomes(
        dataset, scorer.tree, tuple(matches), rows, tuple(failed), scorer.judges,
        scorer.min_confidence, tuple(warned),
    )  # fmt: skip


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
    results = classifier.stream(map(dataset.source, numbers), top_k=top_k, probabilities=True)
    for picture, result in zip(numbers, results, strict=True):
        watch(result)
        if isinstance(result.error, RuntimeFailedError):
            raise result.error
        yield picture, result


def _empty_rows(dataset: Dataset, matches: Sequence[Match], tree: Taxonomy) -> NDArray[np.void]:
    """A row for each picture, without results. The target of an unmatched label is ``NONE``."""
    rows = np.zeros(len(dataset), ROW)
    rows["picture"] = np.arange(len(dataset))
    rows["target"] = target_nodes(matches)[dataset.label_of]
    for name in ("best", "answer", "answers_at"):
        rows[name] = tree.root
    rows["status"] = NONE
    rows["weight"] = 1 if dataset.weights is None else dataset.weights
    return rows


def _put_classes(row: np.void, result: Result, nodes: Floats, group_of: Nodes) -> None:
    """Write what the scores say; ``nodes`` (nodes,) are the probabilities of the nodes."""
    best = [one.class_index for one in result.predictions]
    row["best"][: len(best)] = best
    row["score"] = nodes[best[0]]
    row["group_score"] = nodes[group_of[best[0]]]
    row["target_score"] = nodes[row["target"]]
    row["latency_ms"] = np.nan if result.timings is None else result.timings.total_ms


def _put_answers(row: np.void, result: Result, nodes: Floats, scorer: Scorer) -> None:
    """Write what the status and the answers are; ``nodes`` has the shape (1, nodes)."""
    row["status"] = NONE if result.status is None else STATUSES.index(result.status)
    if result.answer is not None:
        row["answer"] = choose(scorer.tree, nodes, scorer.min_confidence)[0]
        row["answer_score"] = result.answer.score
    # An unknown picture has no answer at any threshold.
    if result.status not in {None, Status.UNKNOWN}:
        row["answers_at"] = [back_off(scorer.tree, nodes, one)[0] for one in CONFIDENCE_GRID]
