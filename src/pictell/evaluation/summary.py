"""One model's figures on labelled pictures: the record that every report is written from.

A new figure is a formula in ``metrics``, a field here and a line in ``summarise``.
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
from pictell.evaluation.outcomes import CONFIDENCE_GRID, TOP, Outcomes
from pictell.scoring.calibration import effective_pictures
from pictell.types import Label

ACCURACIES = (0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Share:
    """A share in 0..1 with the interval it is sure to (``intervals.wilson``)."""

    value: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Threshold:
    """Of best classes with ``score`` or more a share ``accuracy`` is right.

    ``coverage`` of the pictures have one, as many as possible; both are ``None`` where no score
    gets so far. Found on the pictures it is told of.
    """

    accuracy: float
    score: float | None = None
    coverage: float | None = None


@dataclass(frozen=True, slots=True)
class AnswersAt:
    """How good answers are that must be ``min_confidence`` so sure, 0..1.

    ``right``: the share of answers whose class is of their kind, ``None`` where there are none;
    ``answered``: the share of pictures that get one; ``information`` as in ``Hierarchy``.
    """

    min_confidence: float
    right: Share | None
    answered: float
    information: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """How far confidences are from what is right: ``error`` is the ECE over ``metrics.BINS`` bins.

    ``by_chance``: where the error of a perfectly calibrated model would lie on these pictures.
    """

    error: float
    by_chance: Interval
    bins: tuple[metrics.ReliabilityBin, ...]


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """How good the answers are of a model that may name a kind of thing instead of a class.

    ``right``: of the pictures that got an answer, the share whose class is of its kind, ``None``
    where none got one. ``information``: what an answer tells, in bits, 0 for none and for a wrong
    one (see ``pictell.scoring.taxonomy``); ``flat_information`` is that of always naming the best class.
    """

    right: Share | None
    information: float
    flat_information: float


@dataclass(frozen=True, slots=True)
class Summary:
    """What one model made of the data.

    All figures are weighted where the data has weights, except ``plain_top1`` and ``plain_top5``,
    which then stand beside them (else ``None``), and ``latency_ms`` (median, 99th percentile).
    ``effective_pictures`` says how many equally weighted pictures tell as much. ``not_sure`` is the
    share of pictures of which the model says that it is not; ``None`` where it never would.
    ``hierarchy`` and ``answers_at`` are about answers: ``None`` or empty of a model without a
    taxonomy. All else is about classes, the best one above all: ``wrong`` holds the rows of
    ``outcomes`` whose best class is wrong, the surest first.
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
    not_sure: float | None
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


def summarise(
    model: str,
    classes: Sequence[Label],
    dataset: Dataset,
    matches: Sequence[Match | Unmatched],
    outcomes: Outcomes,
) -> Summary:
    """All figures of one model. ``model`` is the name that reports show."""
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
        not_sure=_not_sure(outcomes),
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


def _not_sure(outcomes: Outcomes) -> float | None:
    if not outcomes.may_be_unsure:
        return None
    return metrics.mean(outcomes.rows["unsure"], outcomes.weights)


def _hierarchy(outcomes: Outcomes, classes: int) -> Hierarchy | None:
    if not outcomes.has_taxonomy:
        return None
    rows, weights = outcomes.rows, outcomes.weights
    right, _, information = _answers(rows["named"], rows["named_right"], weights, classes)
    of_best = float(np.log2(classes)) * metrics.mean(outcomes.right, weights)
    return Hierarchy(right, information, of_best)


def _answers_at(outcomes: Outcomes, classes: int) -> tuple[AnswersAt, ...]:
    if not outcomes.has_taxonomy:
        return ()
    named, right = outcomes.rows["named_at"].T, outcomes.rows["right_at"].T
    return tuple(
        AnswersAt(min_confidence, *_answers(counts, hits, outcomes.weights, classes))
        for min_confidence, counts, hits in zip(CONFIDENCE_GRID, named, right, strict=True)
    )


def _answers(
    named: NDArray[np.int32],
    right: metrics.Bools,
    weights: metrics.Floats,
    classes: int,
) -> tuple[Share | None, float, float]:
    """The share that is right, the share that is answered, and the bits that are told."""
    answered = named > 0
    if not weights[answered].any():
        return None, 0.0, 0.0
    bits = np.where(right, np.log2(classes / np.maximum(named, 1)), 0.0)
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
