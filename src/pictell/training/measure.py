"""What a trained model says of pictures that it was not fitted on: its accuracy, wrong labels.

They are held-out pictures of the data, in cross-validation, or a validation set of the caller's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from pictell.errors import UsageError
from pictell.evaluation.collect import fill
from pictell.evaluation.dataset import Dataset
from pictell.evaluation.intervals import Interval, wilson
from pictell.evaluation.matching import MAX_SHOWN, Match, listed, target_nodes
from pictell.evaluation.outcomes import TOP, FailedPicture
from pictell.evaluation.summary import Summary, summarise
from pictell.models.labels import folded
from pictell.models.scorer import build_scorer
from pictell.options import MIN_CONFIDENCE
from pictell.results import Result
from pictell.scoring.calibration import Calibration, evidence
from pictell.scoring.calibration import to_logits as to_calibrated_logits
from pictell.scoring.decision import Scorer
from pictell.scoring.postprocess import to_probabilities
from pictell.training.duplicates import find_groups
from pictell.training.embed import Embedded
from pictell.training.head import HeldOut, Scores, Targets, to_familiarity, to_logits
from pictell.training.recipe import Floats, Head
from pictell.types import Label, ModelSpec

# A label whose score is less than this share of the best one's may be wrong (benchmarks/train.md).
SUSPECT = 0.1
ROWS_AT_ONCE = 256


class Labelled(NamedTuple):
    """Labelled pictures with their embeddings."""

    dataset: Dataset
    embedded: Embedded


@dataclass(frozen=True, slots=True)
class Copy:
    """A ``file`` of the validation set that is a copy of a file ``of`` the training data."""

    file: str
    of: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What heads say of M pictures that they were not fitted on.

    ``pictures`` (M,) are numbers in ``dataset``, ``targets`` (M,) their classes, ``logits`` (M, C)
    float64, ``familiarity`` (M,) the similarity to the nearest class. ``failed`` could not be read.
    ``validation``: the pictures are a validation set; ``copies`` were left out of it.
    """

    dataset: Dataset
    pictures: Targets
    targets: Targets
    logits: Scores
    familiarity: Scores
    failed: tuple[FailedPicture, ...]
    validation: bool = False
    copies: tuple[Copy, ...] = ()


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The share of measured pictures whose best class is right, 0..1, with its 95 % interval.

    ``of_class`` (C): the same share of each class, ``None`` where no picture was measured.
    """

    value: float
    interval: Interval
    pictures: int
    of_class: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Suspect:
    """A picture whose ``label`` may be wrong: heads that were not fitted on it say ``better``.

    ``picture`` is its number in the dataset. ``score`` and ``better_score`` are the probabilities
    of the two labels, 0..1.
    """

    picture: int
    file: str
    label: str
    better: str
    score: float
    better_score: float


def measure_accuracy(measured: Measured) -> Accuracy:
    """The accuracy on measured pictures."""
    right = measured.logits.argmax(axis=1) == measured.targets
    share = float(right.mean())
    of_class = [right[measured.targets == one] for one in range(measured.logits.shape[1])]
    return Accuracy(
        share,
        wilson(share, len(right)),
        len(right),
        tuple(float(one.mean()) if len(one) else None for one in of_class),
    )


def find_suspects(
    measured: Measured, calibration: Calibration, labels: Sequence[Label]
) -> tuple[Suspect, ...]:
    """The pictures whose label may be wrong, the likeliest first."""
    logits = to_calibrated_logits(evidence(measured.logits, "softmax"), calibration)
    probabilities = to_probabilities(logits, "softmax")
    own, best = measured.targets, probabilities.argmax(axis=1)
    scores, highest = probabilities[np.arange(len(own)), own], probabilities.max(axis=1)
    suspect = (best != own) & (scores < SUSPECT * highest)
    order = np.argsort(scores, kind="stable")
    return tuple(
        Suspect(
            picture,
            measured.dataset.files[picture],
            labels[own[row]].name,
            labels[best[row]].name,
            float(scores[row]),
            float(highest[row]),
        )
        for row in order[suspect[order]].tolist()
        for picture in measured.pictures[[row]].tolist()
    )


def to_summary(measured: Measured, spec: ModelSpec) -> Summary:
    """The figures of ``pictell evaluate``, with the scores, the limits and the labels of a model.

    Without latencies: the pictures were not classified one by one.
    """
    scorer = build_scorer(spec, MIN_CONFIDENCE)
    matches = match_classes(measured.dataset, [label.name for label in spec.labels])
    outcomes = fill(scorer, measured.dataset, matches, _results(measured, scorer, spec.name))
    return summarise(spec.name, replace(outcomes, failed=measured.failed))


def cross_validated(data: Labelled, targets: Targets, held_out: HeldOut) -> Measured:
    """The held-out pictures of the data; ``targets`` (N,) are those of all that could be read."""
    return Measured(
        data.dataset,
        data.embedded.pictures[held_out.pictures],
        targets[held_out.pictures],
        held_out.logits,
        held_out.familiarity,
        data.embedded.failed,
    )


def validate(
    head: Head, features: Floats, validation: Labelled, data: Labelled, classes: Sequence[str]
) -> Measured:
    """Test a head, which was fitted on ``data``, on a validation set without copies of that.

    ``features`` (N, D) are those of the pictures of ``validation`` that could be read. Raises
    ``UsageError`` for labels that are not among the ``classes``, and if all pictures are copies.
    """
    dataset, embedded = validation
    check_validation(dataset, data.dataset, classes)
    copy_of = _copies(data.embedded, embedded)
    new = copy_of < 0
    if not new.any():
        raise UsageError(
            f"{dataset.name}: all pictures that could be read are copies of pictures in "
            f"{data.dataset.name}: give others"
        )
    pictures = embedded.pictures[new]
    nodes = target_nodes(match_classes(dataset, classes))
    return Measured(
        dataset,
        pictures,
        nodes[dataset.label_of[pictures]],
        to_logits(head, features[new]),
        to_familiarity(head, features[new]),
        embedded.failed,
        validation=True,
        copies=tuple(
            Copy(
                dataset.files[embedded.pictures[place]],
                data.dataset.files[data.embedded.pictures[copy_of[place]]],
            )
            for place in np.flatnonzero(~new)
        ),
    )


def check_validation(validation: Dataset, data: Dataset, classes: Sequence[str]) -> None:
    """Raise ``UsageError`` for labels of a validation set that are not among the classes."""
    unknown = [repr(one.label) for one in match_classes(validation, classes) if one.node is None]
    if unknown:
        raise UsageError(
            f"{validation.name}: {len(unknown)} of {len(validation.labels)} labels are no classes "
            f"of {data.name}: {listed(unknown, MAX_SHOWN)}: rename or remove them"
        )


def match_classes(dataset: Dataset, classes: Sequence[str]) -> tuple[Match, ...]:
    """Match the labels of a dataset to classes of the same name, without regard to case."""
    numbers = {folded(name): number for number, name in enumerate(classes)}
    found = [(label, numbers.get(folded(label))) for label in dataset.labels]
    return tuple(
        Match(label) if number is None else Match(label, number, "name") for label, number in found
    )


def _copies(data: Embedded, validation: Embedded) -> Targets:
    """For each picture of a validation set the first one of the data that it is a copy of, (N,).

    Both are places in the arrays of ``Embedded``; -1 for a picture that is no copy.
    """
    groups = find_groups(
        data.digests + validation.digests, np.concatenate([data.hashes, validation.hashes])
    )
    # The group is the number of its first picture, and the data comes first.
    first = groups[len(data.digests) :]
    return np.where(first < len(data.digests), first, -1)


def _results(measured: Measured, scorer: Scorer, model: str) -> Iterator[tuple[int, Result]]:
    """The number and the result of each measured picture."""
    for start in range(0, len(measured.pictures), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        numbers = measured.pictures[rows].tolist()
        decisions = scorer.score(measured.logits[rows], TOP, measured.familiarity[rows])
        for picture, decision in zip(numbers, decisions, strict=True):
            yield (
                picture,
                Result(
                    measured.dataset.files[picture],
                    model,
                    status=decision.status,
                    answer=decision.answer,
                    predictions=decision.predictions,
                    probabilities=decision.probabilities,
                ),
            )
