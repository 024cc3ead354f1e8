"""Evaluate a model on labelled pictures. All reports are written from the ``Summary``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from pictell.classifier import Classifier
from pictell.evaluation import metrics
from pictell.evaluation.dataset import Dataset
from pictell.evaluation.intervals import Interval, under_calibration, wilson
from pictell.evaluation.matching import check_matches, match_dataset
from pictell.evaluation.outcomes import CONFIDENCE_GRID, TOP, Outcomes, PictureOutcome, collect
from pictell.results import Result
from pictell.scoring.calibration import effective_pictures

ACCURACIES = (0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Share:
    """A share in 0..1 with its 95 % interval (``intervals.wilson``)."""

    value: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Answers:
    """The quality of the answers with the confidence threshold ``min_confidence``, 0..1.

    ``right``: the share of answers that cover the right class, ``None`` without answers;
    ``answered``: the share of pictures with an answer; ``information``: the mean information of an
    answer in bits, 0 for a missing or wrong one (see ``pictell.scoring.taxonomy``).
    """

    min_confidence: float
    right: Share | None
    answered: float
    information: float


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of one model on a dataset; the fields are those of the JSON report.

    Figures are weighted where the dataset has weights; those that are ``unweighted`` are ``None``
    without weights. ``effective_pictures``: the number of equally weighted pictures with the same
    information. ``answers`` are those with the model's own threshold, ``answers_at`` those with the
    thresholds of ``CONFIDENCE_GRID``; ``best_class_information`` is the information of always the
    best class. All other figures are about the best class. ``calibration_error`` is the ECE;
    ``calibration_error_by_chance``: where that of a perfectly calibrated model would lie on these
    pictures. ``wrong``: the pictures with a wrong best class, highest score first. Latencies: the
    median and the 99th percentile.
    """

    model: str
    outcomes: Outcomes
    effective_pictures: float
    answers: Answers | None
    answers_at: tuple[Answers, ...]
    best_class_information: float
    top1: Share
    top5: Share
    top1_unweighted: Share | None
    top5_unweighted: Share | None
    calibration_error: float
    calibration_error_by_chance: Interval
    reliability: tuple[metrics.ReliabilityBin, ...]
    negative_log_likelihood: float
    brier_score: float
    risk_coverage_area: float
    risk_coverage: tuple[metrics.RiskPoint, ...]
    thresholds: tuple[metrics.Threshold, ...]
    median_latency_ms: float
    p99_latency_ms: float
    classes: tuple[metrics.ClassFigures, ...]
    confusions: tuple[metrics.Confusion, ...]
    wrong: tuple[PictureOutcome, ...]


def evaluate(
    classifier: Classifier,
    dataset: Dataset,
    name: str,
    *,
    skip_unmatched: bool = False,
    watch: Callable[[Result], None] = lambda result: None,
) -> Summary:
    """Evaluate a model; ``name`` is what reports call it, ``watch`` receives every result.

    Raises ``UsageError`` for labels that match no class of the model, with ``skip_unmatched`` only
    if none does, and if no picture with a weight above 0 could be read.
    """
    matches = match_dataset(dataset, classifier.spec)
    if not skip_unmatched or all(one.class_index is None for one in matches):
        check_matches(dataset, matches, name, ", or skip them: --skip-unmatched")
    return _summarise(name, collect(classifier, dataset, matches, watch))


def _summarise(model: str, outcomes: Outcomes) -> Summary:
    rows, weights, confidence = outcomes.rows, outcomes.weights, outcomes.confidence
    right, top5, equal = outcomes.right, outcomes.right_among(TOP), np.ones_like(weights)
    target_score, squares = (
        rows[name].astype(np.float64) for name in ("target_score", "sum_of_squares")
    )
    error = metrics.calibration_error(confidence, weights)
    curve = metrics.risk_coverage(right, confidence, weights)
    weighted = outcomes.dataset.weights is not None
    answers = tuple(_answers(outcomes))
    wrong = np.flatnonzero(~right)
    median, slow = np.quantile(rows["latency_ms"], (0.5, 0.99)).tolist()
    classes = (outcomes.targets, outcomes.best, weights, outcomes.classes)
    return Summary(
        model=model,
        outcomes=outcomes,
        effective_pictures=effective_pictures(weights),
        answers=answers[0] if answers else None,
        answers_at=answers[1:],
        best_class_information=float(np.log2(len(outcomes.classes))) * metrics.mean(right, weights),
        top1=_share(right, weights),
        top5=_share(top5, weights),
        top1_unweighted=_share(right, equal) if weighted else None,
        top5_unweighted=_share(top5, equal) if weighted else None,
        calibration_error=error(right),
        calibration_error_by_chance=under_calibration(error, confidence),
        reliability=metrics.reliability(right, confidence, weights),
        negative_log_likelihood=metrics.negative_log_likelihood(target_score, weights),
        brier_score=metrics.brier_score(target_score, squares, weights),
        risk_coverage_area=metrics.risk_coverage_area(curve),
        risk_coverage=metrics.risk_points(curve),
        thresholds=tuple(metrics.threshold_for(curve, one) for one in ACCURACIES),
        median_latency_ms=median,
        p99_latency_ms=slow,
        classes=metrics.per_class(*classes),
        confusions=metrics.confusions(*classes),
        wrong=outcomes.pictures(wrong[np.argsort(-confidence[wrong], kind="stable")]),
    )


def _share(right: metrics.Bools, weights: metrics.Floats) -> Share:
    share = metrics.mean(right, weights)
    return Share(share, wilson(share, effective_pictures(weights)))


def _answers(outcomes: Outcomes) -> Iterator[Answers]:
    """With the model's own threshold, then with each of the grid; none without answers."""
    thresholds = (outcomes.min_confidence, *CONFIDENCE_GRID) if outcomes.has_answers else ()
    rows, weights, classes = outcomes.rows, outcomes.weights, len(outcomes.classes)
    for place, min_confidence in enumerate(thresholds):
        size, right = rows["answer_size"][:, place], rows["answer_right"][:, place]
        given = size > 0
        bits = np.where(right, np.log2(classes / np.maximum(size, 1)), 0.0)
        yield Answers(
            min_confidence,
            right=_share(right[given], weights[given]) if weights[given].any() else None,
            answered=metrics.mean(given, weights),
            information=metrics.mean(bits, weights),
        )
