"""What a trained model says of pictures that it was not fitted on: its accuracy, wrong labels.

They are held-out pictures of the data, in cross-validation, or a validation set of the caller's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pictell.errors import UsageError
from pictell.evaluation.collect import fill
from pictell.evaluation.dataset import Dataset
from pictell.evaluation.intervals import Interval, wilson
from pictell.evaluation.matching import MAX_SHOWN, Match, listed, target_nodes
from pictell.evaluation.outcomes import TOP, FailedPicture, WarnedPicture
from pictell.evaluation.summary import Summary, summarise
from pictell.index.copies import find_groups
from pictell.models.labels import folded
from pictell.models.scorer import build_scorer
from pictell.options import MIN_CONFIDENCE
from pictell.results import Result
from pictell.scoring.calibration import Calibration, evidence, to_logits
from pictell.scoring.decision import Scorer
from pictell.scoring.postprocess import to_probabilities
from pictell.training.embed import Embedded, Labelled
from pictell.training.familiarity import Scores, Targets
from pictell.training.head import Has, Head, HeldOut
from pictell.training.samples import Samples, targets_of
from pictell.types import Activation, Label, ModelSpec, PictureWarning

# A label whose score is less than this share of the best one's may be wrong (benchmarks/train.md).
SUSPECT = 0.2
ROWS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Copy:
    """A ``file`` of the validation set that is a copy of a file ``of`` the training data.

    It is ``None`` for a picture that an earlier training read.
    """

    file: str
    of: str | None


@dataclass(frozen=True, slots=True)
class Measured:
    """What heads say of M pictures that they were not fitted on.

    ``pictures`` (M,) are numbers in ``dataset``, ``targets`` (M, C) whether each has a class: one,
    or with ``several`` one or more. ``logits`` (M, C) float64, ``familiarity`` (M,). ``failed``
    could not be read. ``validation``: the pictures are a validation set; ``copies`` were left out
    of it. Something is wrong with the ``warned`` ones.
    """

    dataset: Dataset
    pictures: Targets
    targets: Has
    several: bool
    logits: Scores
    familiarity: Scores
    failed: tuple[FailedPicture, ...]
    validation: bool = False
    copies: tuple[Copy, ...] = ()
    warned: tuple[WarnedPicture, ...] = ()


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The share of measured pictures that are right, 0..1, with its 95 % interval.

    A picture is right if its best class is, or if it may have several classes, if each of them has
    a score above 0.5 and no other. ``of_class`` (C): the share of the pictures of each class that
    are given it, ``None`` where no picture was measured.
    """

    value: float
    interval: Interval
    pictures: int
    of_class: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Suspect:
    """A picture whose ``label`` may be wrong: heads that were not fitted on it say ``better``.

    ``picture`` is its number in the dataset. ``score`` and ``better_score`` are the probabilities
    of the two labels, 0..1. ``warnings`` say what is wrong with the picture itself.
    """

    picture: int
    file: str
    label: str
    better: str
    score: float
    better_score: float
    warnings: tuple[PictureWarning, ...] = ()


def measure_accuracy(logits: Scores, targets: Has, several: bool) -> Accuracy:
    """The accuracy of logits (M, C) of pictures with the classes ``targets`` (M, C)."""
    if several:
        said = logits > 0
    else:
        said = np.arange(logits.shape[1]) == logits.argmax(axis=1)[:, np.newaxis]
    right = (said == targets).all(axis=1)
    share = float(right.mean())
    of_class = [column[has] for column, has in zip(said.T, targets.T, strict=True)]
    return Accuracy(
        share,
        wilson(share, len(right)),
        len(right),
        tuple(float(one.mean()) if len(one) else None for one in of_class),
    )


def find_suspects(
    measured: Measured, calibration: Calibration, labels: Sequence[Label]
) -> tuple[Suspect, ...]:
    """The pictures with a label that may be wrong, the likeliest first."""
    activation: Activation = "sigmoid" if measured.several else "softmax"
    logits = to_logits(evidence(measured.logits, activation), calibration)
    probabilities = to_probabilities(logits, activation)
    own = np.where(measured.targets, probabilities, np.inf)
    other = np.where(measured.targets, -np.inf, probabilities)
    scores, best = own.min(axis=1), other.max(axis=1)
    order = np.argsort(scores, kind="stable")
    warnings = {one.file: one.warnings for one in measured.warned}
    return tuple(
        Suspect(
            picture,
            measured.dataset.files[picture],
            labels[own[row].argmin()].name,
            labels[other[row].argmax()].name,
            float(scores[row]),
            float(best[row]),
            warnings.get(measured.dataset.files[picture], ()),
        )
        for row in order[(scores < SUSPECT * best)[order]].tolist()
        for picture in measured.pictures[[row]].tolist()
    )


def to_summary(measured: Measured, spec: ModelSpec) -> Summary:
    """The figures of ``pictell evaluate``, with the scores, the limits and the labels of a model.

    Without latencies: the pictures were not classified one by one. Raises ``UsageError`` for
    several labels a picture.
    """
    if measured.several:
        raise UsageError("there is no report of pictures with several labels: leave out --report")
    if not len(measured.pictures):
        raise UsageError(f"{measured.dataset.name}: no picture could be tested for the report")
    scorer = build_scorer(spec, MIN_CONFIDENCE)
    matches = match_classes(measured.dataset, [label.name for label in spec.labels])
    outcomes = fill(scorer, measured.dataset, matches, _results(measured, scorer, spec.name))
    outcomes = replace(outcomes, failed=measured.failed, warned=measured.warned)
    return summarise(spec.name, outcomes)


def cross_validated(data: Labelled, samples: Samples, held_out: HeldOut) -> Measured:
    """The held-out pictures of the data; ``held_out`` are numbers in ``samples``."""
    pictures = samples.pictures[held_out.pictures]
    here = pictures >= 0
    return Measured(
        data.dataset,
        pictures[here],
        samples.targets[held_out.pictures[here]],
        samples.several,
        held_out.logits[here],
        held_out.familiarity[here],
        data.embedded.failed,
        warned=data.embedded.warned,
    )


def validate(
    head: Head, validation: Labelled, samples: Samples, files: Sequence[str] = ()
) -> Measured:
    """Test a head, which was fitted on ``samples``, on a validation set without copies of these.

    ``files`` are those of the dataset of the samples. Raises ``UsageError`` for labels that are no
    classes of the samples, and if all pictures are copies.
    """
    dataset, embedded = validation
    check_validation(dataset, samples.classes, several=samples.several)
    copy_of = _copies(samples, embedded)
    new = copy_of < 0
    if not new.any():
        raise UsageError(
            f"{dataset.name}: all pictures that could be read are copies of pictures that the "
            "model is trained on: give others"
        )
    pictures = embedded.pictures[new]
    logits, familiarity = head.outputs(embedded.vectors[new])
    class_of_label = target_nodes(match_classes(dataset, samples.classes))
    return Measured(
        dataset,
        pictures,
        targets_of(dataset, pictures, class_of_label, len(samples.classes)),
        samples.several,
        logits,
        familiarity,
        embedded.failed,
        validation=True,
        copies=tuple(
            Copy(dataset.files[picture], None if number < 0 else files[number])
            for picture, number in zip(
                embedded.pictures[~new], samples.pictures[copy_of[~new]], strict=True
            )
        ),
        warned=embedded.warned,
    )


def check_validation(validation: Dataset, classes: Sequence[str], *, several: bool) -> None:
    """Raise ``UsageError`` for labels of a validation set that a model cannot give.

    They are not among its classes, or there are several for a picture where the model gives one.
    """
    if validation.labels_of is not None and not several:
        raise UsageError(
            f"{validation.name}: a list with several labels a picture, but the model gives one: "
            "give a list with a column label"
        )
    unknown = [repr(one.label) for one in match_classes(validation, classes) if one.node is None]
    if unknown:
        raise UsageError(
            f"{validation.name}: {len(unknown)} of {len(validation.labels)} labels are no classes "
            f"of the model: {listed(unknown, MAX_SHOWN)}: rename or remove them"
        )


def match_classes(dataset: Dataset, classes: Sequence[str]) -> tuple[Match, ...]:
    """Match the labels of a dataset to classes of the same name, without regard to case."""
    numbers = {folded(name): number for number, name in enumerate(classes)}
    found = [(label, numbers.get(folded(label))) for label in dataset.labels]
    return tuple(
        Match(label) if number is None else Match(label, number, "name") for label, number in found
    )


def _copies(samples: Samples, validation: Embedded) -> Targets:
    """For each picture of a validation set the first sample that it is a copy of, (N,).

    -1 for a picture that is no copy.
    """
    groups = find_groups(
        samples.digests + validation.digests, np.concatenate([samples.hashes, validation.hashes])
    )
    # The group is the number of its first picture, and the samples come first.
    first = groups[len(samples) :]
    return np.where(first < len(samples), first, -1)


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
