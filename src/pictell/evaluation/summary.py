"""The figures of one model on labelled pictures. All reports are written from this record.

To add a figure, add a formula to ``metrics``, a field here and a line in ``summarise``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pictell.evaluation import metrics
from pictell.evaluation.dataset import Dataset
from pictell.evaluation.intervals import Interval, under_calibration, wilson
from pictell.evaluation.matching import Match, Unmatched
from pictell.evaluation.outcomes import CONFIDENCE_GRID, NO_ANSWER, TOP, Outcomes
from pictell.scoring.calibration import effective_pictures
from pictell.types import Label

ACCURACIES = (0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Share:
    """A share in 0..1 with its 95 % interval (``intervals.wilson``)."""

    value: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Threshold:
    """The lowest ``score`` above which a share ``accuracy`` of the best classes is right.

    ``coverage``: the share of pictures with that score or more. Both are ``None`` where no score
    reaches the accuracy. Measured on the pictures that the threshold was chosen on.
    """

    accuracy: float
    score: float | None = None
    coverage: float | None = None


@dataclass(frozen=True, slots=True)
class AnswersAt:
    """The quality of the answers with the confidence threshold ``min_confidence``, 0..1.

    ``right``: the share of answers that are right, ``None`` without answers; ``answered``: the
    share of pictures with an answer; ``information`` as in ``Hierarchy``.
    """

    min_confidence: float
    right: Share | None
    answered: float
    information: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """How far confidence is from accuracy: ``error`` is the ECE over ``metrics.BINS`` bins.

    ``by_chance``: where the error of a perfectly calibrated model would lie on these pictures.
    """

    error: float
    by_chance: Interval
    bins: tuple[metrics.ReliabilityBin, ...]


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """The quality of the answers, which may be categories above the classes.

    ``right``: the share of answers that cover the right class, ``None`` without answers.
    ``information``: the mean information of an answer in bits, 0 for a missing or wrong one (see
    ``pictell.scoring.taxonomy``); ``flat_information``: the same for always the best class.
    """

    right: Share | None
    information: float
    flat_information: float


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
class Summary:
    """The figures of one model on a dataset.

    Figures are weighted where the dataset has weights; ``plain_top1`` and ``plain_top5`` are not,
    and are ``None`` without weights. ``effective_pictures``: the number of equally weighted
    pictures with the same information. ``abstained``: the share of pictures whose status is not
    ``sure``. ``hierarchy`` and ``answers_at`` are about answers. For a model without answers these
    are ``None`` or empty. All other figures are about the best class. ``wrong``: the rows of
    ``outcomes`` with a wrong best class, highest score first. ``latency_ms``: median and 99th
    percentile.
    """

    model: str
    classes: tuple[Label, ...]
    dataset: Dataset
    matches: tuple[Match | Unmatched, ...]
    outcomes: Outcomes
    effective_pictures: float
    top1: Share
    top5: Share
    plain_top1: Share | None
    plain_top5: Share | None
    abstained: float | None
    hierarchy: Hierarchy | None
    answers_at: tuple[AnswersAt, ...]
    reliability: Reliability
    negative_log_likelihood: float
    brier_score: float
    risk_coverage: metrics.RiskCoverage
    thresholds: tuple[Threshold, ...]
    latency_ms: tuple[float, float]
    per_class: tuple[metrics.ClassFigures, ...]
    confusions: tuple[metrics.Confusion, ...]
    wrong: NDArray[np.int64]

    def outcome(self, row: int) -> PictureOutcome:
        """The picture of one row of ``outcomes``."""
        found = self.outcomes.rows[row]
        picture, target, best = int(found["picture"]), int(found["target"]), int(found["best"][0])
        answer = int(found["answer"])
        return PictureOutcome(
            picture=picture,
            file=self.dataset.files[picture],
            label=self.classes[target].name,
            best_class=self.classes[best].name,
            score=float(found["scores"][0]),
            right=target == best,
            answer=None if answer == NO_ANSWER else self.outcomes.answers[answer],
            answer_right=bool(found["answer_right"]) if self.outcomes.has_answers else None,
        )


def summarise(
    model: str,
    classes: Sequence[Label],
    dataset: Dataset,
    matches: Sequence[Match | Unmatched],
    outcomes: Outcomes,
) -> Summary:
    """Compute all figures of a model; ``model`` is the name that reports show."""
    weights, confidence = outcomes.weights, outcomes.confidence
    right, target_score = outcomes.right, outcomes.rows["target_score"].astype(np.float64)
    squares = outcomes.rows["sum_of_squares"].astype(np.float64)
    curve = metrics.risk_coverage(right, confidence, weights)
    weighted = dataset.weights is not None
    median, slow = np.quantile(outcomes.rows["latency_ms"], (0.5, 0.99))
    return Summary(
        model=model,
        classes=tuple(classes),
        dataset=dataset,
        matches=tuple(matches),
        outcomes=outcomes,
        effective_pictures=effective_pictures(weights),
        top1=_share(right, weights),
        top5=_share(outcomes.right_among(TOP), weights),
        plain_top1=_share(right, np.ones_like(weights)) if weighted else None,
        plain_top5=_share(outcomes.right_among(TOP), np.ones_like(weights)) if weighted else None,
        abstained=_abstained(outcomes),
        hierarchy=_hierarchy(outcomes, len(classes)),
        answers_at=_answers_at(outcomes, len(classes)),
        reliability=_reliability(right, confidence, weights),
        negative_log_likelihood=metrics.negative_log_likelihood(target_score, weights),
        brier_score=metrics.brier_score(target_score, squares, weights),
        risk_coverage=curve,
        thresholds=_thresholds(curve),
        latency_ms=(float(median), float(slow)),
        per_class=metrics.per_class(outcomes.targets, outcomes.best, weights, len(classes)),
        confusions=metrics.confusions(outcomes.targets, outcomes.best, weights),
        wrong=_wrong(right, confidence),
    )


def _share(right: metrics.Bools, weights: metrics.Floats) -> Share:
    share = metrics.mean(right, weights)
    return Share(share, wilson(share, effective_pictures(weights)))


def _abstained(outcomes: Outcomes) -> float | None:
    if not outcomes.has_answers:
        return None
    return metrics.mean(outcomes.rows["abstained"], outcomes.weights)


def _hierarchy(outcomes: Outcomes, classes: int) -> Hierarchy | None:
    if not outcomes.has_answers:
        return None
    rows, weights = outcomes.rows, outcomes.weights
    right, _, information = _answers(rows["answer_size"], rows["answer_right"], weights, classes)
    of_best = float(np.log2(classes)) * metrics.mean(outcomes.right, weights)
    return Hierarchy(right, information, of_best)


def _answers_at(outcomes: Outcomes, classes: int) -> tuple[AnswersAt, ...]:
    if not outcomes.has_answers:
        return ()
    sizes, right = outcomes.rows["size_at"].T, outcomes.rows["right_at"].T
    return tuple(
        AnswersAt(min_confidence, *_answers(size, hits, outcomes.weights, classes))
        for min_confidence, size, hits in zip(CONFIDENCE_GRID, sizes, right, strict=True)
    )


def _answers(
    size: NDArray[np.int32],
    right: metrics.Bools,
    weights: metrics.Floats,
    classes: int,
) -> tuple[Share | None, float, float]:
    """The share of right answers, the share of pictures with an answer, the mean information."""
    answered = size > 0
    if not weights[answered].any():
        return None, 0.0, 0.0
    bits = np.where(right, np.log2(classes / np.maximum(size, 1)), 0.0)
    return (
        _share(right[answered], weights[answered]),
        metrics.mean(answered, weights),
        metrics.mean(bits, weights),
    )


def _reliability(
    right: metrics.Bools, confidence: metrics.Floats, weights: metrics.Floats
) -> Reliability:
    error = metrics.calibration_error(confidence, weights)
    return Reliability(
        error=error(right),
        by_chance=under_calibration(error, confidence),
        bins=metrics.reliability(right, confidence, weights),
    )


def _thresholds(curve: metrics.RiskCoverage) -> tuple[Threshold, ...]:
    return tuple(Threshold(accuracy, *(curve.widest(accuracy) or ())) for accuracy in ACCURACIES)


def _wrong(right: metrics.Bools, confidence: metrics.Floats) -> NDArray[np.int64]:
    rows = np.flatnonzero(~right)
    return rows[np.argsort(-confidence[rows], kind="stable")]
