"""Evaluate a model on labelled pictures. All reports are written from the ``Summary``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isnan

import numpy as np

from pictell.classifier import Classifier
from pictell.evaluation import metrics
from pictell.evaluation.collect import collect
from pictell.evaluation.dataset import Dataset
from pictell.evaluation.intervals import Interval, under_calibration, wilson
from pictell.evaluation.matching import check_matches, match_dataset
from pictell.evaluation.outcomes import CONFIDENCE_GRID, Outcomes, PictureOutcome
from pictell.results import Result, Status
from pictell.scoring.calibration import effective_pictures

ACCURACIES = (0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Share:
    """A share in 0..1 with its 95 % interval (``intervals.wilson``)."""

    value: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Answers:
    """The quality of the sure answers with the confidence threshold ``min_confidence``, 0..1.

    ``right``: the share of these answers that are right (``Outcomes.are_right``), ``None`` without
    any; ``answered``: the share of pictures with a sure answer; ``information``: the mean
    information of a sure answer in bits, 0 for a missing or wrong one (``Outcomes.information``).
    """

    min_confidence: float
    right: Share | None
    answered: float
    information: float


@dataclass(frozen=True, slots=True)
class StatusFigures:
    """The pictures whose result has a ``status``: their ``share`` of all pictures, 0..1.

    ``right``: the share of their answers that are right; ``mean_score``, 0..1: the mean score of
    these answers, which is equal to ``right`` for exact scores. Both are ``None`` without answers.
    """

    status: Status
    share: float
    right: Share | None
    mean_score: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of one model on a dataset; the fields are those of the JSON report.

    Figures are weighted where the dataset has weights; those that are ``unweighted`` are ``None``
    without weights. ``effective_pictures``: the number of equally weighted pictures with the same
    information. ``statuses``: one for each ``Status``, empty for a model without. ``answers`` are
    the sure ones with the model's own threshold, ``answers_at`` those with the thresholds of
    ``CONFIDENCE_GRID``. ``information``: the mean information of all answers, sure or likely, in
    bits, 0 for a missing or wrong one; ``best_class_information`` that of always the best class.
    All other figures are about the best class. ``calibration_error`` is the ECE;
    ``calibration_error_by_chance``: where that of a perfectly calibrated model would lie on these
    pictures. Both, and ``reliability``, are about the group of the best class
    (``matching.group_classes``): a broader label does not tell whether the class itself is right.
    For the same reason ``brier_score`` is ``None`` if the target of a picture is a broader label.
    ``wrong``: the pictures with a wrong best class, highest score first. Latencies: the median and
    the 99th percentile, ``None`` where they were not measured.
    """

    model: str
    outcomes: Outcomes
    effective_pictures: float
    statuses: tuple[StatusFigures, ...]
    answers: Answers | None
    answers_at: tuple[Answers, ...]
    information: float | None
    best_class_information: float
    top1: Share
    top5: Share
    top1_unweighted: Share | None
    top5_unweighted: Share | None
    calibration_error: float
    calibration_error_by_chance: Interval
    reliability: tuple[metrics.ReliabilityBin, ...]
    negative_log_likelihood: float
    brier_score: float | None
    risk_coverage_area: float
    risk_coverage: tuple[metrics.RiskPoint, ...]
    thresholds: tuple[metrics.Threshold, ...]
    median_latency_ms: float | None
    p99_latency_ms: float | None
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

    Raises ``UsageError`` for labels that match no label of the model, with ``skip_unmatched`` only
    if none does, and if no picture with a weight above 0 could be read.
    """
    matches = match_dataset(dataset, classifier.scorer.tree)
    if not skip_unmatched or all(one.node is None for one in matches):
        check_matches(dataset, matches, name, ", or skip them: --skip-unmatched")
    return summarise(name, collect(classifier, dataset, matches, watch))


def summarise(model: str, outcomes: Outcomes) -> Summary:
    """The figures of a model; ``model`` is what reports call it."""
    weights, confidence, right = outcomes.weights, outcomes.confidence, outcomes.right
    equal, weighted = np.ones_like(weights), outcomes.dataset.weights is not None
    target_score = outcomes.rows["target_score"].astype(np.float64)
    in_group, group_score = outcomes.groups
    error = metrics.calibration_error(group_score, weights)
    curve = metrics.risk_coverage(right, confidence, weights)
    answers = tuple(_answers(outcomes))
    wrong = np.flatnonzero(~right)
    median, slow = _latencies(outcomes)
    pairs = (outcomes.targets, outcomes.best_groups, weights, outcomes.tree.labels)
    return Summary(
        model=model,
        outcomes=outcomes,
        effective_pictures=effective_pictures(weights),
        statuses=tuple(_statuses(outcomes)),
        answers=answers[0] if answers else None,
        answers_at=answers[1:],
        information=_information(outcomes),
        best_class_information=metrics.mean(outcomes.information(outcomes.best), weights),
        top1=_share(right, weights),
        top5=_share(outcomes.top5, weights),
        top1_unweighted=_share(right, equal) if weighted else None,
        top5_unweighted=_share(outcomes.top5, equal) if weighted else None,
        calibration_error=error(in_group),
        calibration_error_by_chance=under_calibration(error, group_score),
        reliability=metrics.reliability(in_group, group_score, weights),
        negative_log_likelihood=metrics.negative_log_likelihood(target_score, weights),
        brier_score=_brier_score(outcomes, target_score),
        risk_coverage_area=metrics.risk_coverage_area(curve),
        risk_coverage=metrics.risk_points(curve),
        thresholds=tuple(metrics.threshold_for(curve, one) for one in ACCURACIES),
        median_latency_ms=median,
        p99_latency_ms=slow,
        classes=metrics.per_class(*pairs),
        confusions=metrics.confusions(*pairs),
        wrong=outcomes.pictures(wrong[np.argsort(-confidence[wrong], kind="stable")]),
    )


def _latencies(outcomes: Outcomes) -> tuple[float | None, float | None]:
    median, slow = np.quantile(outcomes.rows["latency_ms"], (0.5, 0.99)).tolist()
    return (None, None) if isnan(median) else (median, slow)


def _information(outcomes: Outcomes) -> float | None:
    bits = outcomes.information(outcomes.rows["answer"])
    return metrics.mean(bits, outcomes.weights) if outcomes.has_answers else None


def _share(right: metrics.Bools, weights: metrics.Floats) -> Share:
    share = metrics.mean(right, weights)
    return Share(share, wilson(share, effective_pictures(weights)))


def _share_of(chosen: metrics.Bools, right: metrics.Bools, weights: metrics.Floats) -> Share | None:
    """The share of the chosen pictures that are right; ``None`` if they have no weight."""
    return _share(right[chosen], weights[chosen]) if weights[chosen].any() else None


def _brier_score(outcomes: Outcomes, target_score: metrics.Floats) -> float | None:
    # It compares the scores of all classes with the truth, which a broader label does not tell.
    if outcomes.has_broader_labels:
        return None
    squares = outcomes.rows["sum_of_squares"].astype(np.float64)
    return metrics.brier_score(target_score, squares, outcomes.weights)


def _statuses(outcomes: Outcomes) -> Iterator[StatusFigures]:
    """One for each status; none for a model without."""
    rows, weights = outcomes.rows, outcomes.weights
    right, score = outcomes.are_right(rows["answer"]), rows["answer_score"]
    for status in Status if outcomes.has_answers else ():
        chosen = outcomes.in_status(status)
        answered = chosen & (rows["answer"] != outcomes.tree.root)
        of_answers = _share_of(answered, right, weights)
        yield StatusFigures(
            status,
            share=metrics.mean(chosen, weights),
            right=of_answers,
            mean_score=metrics.mean(score[answered], weights[answered]) if of_answers else None,
        )


def _answers(outcomes: Outcomes) -> Iterator[Answers]:
    """With the model's own threshold, then with each of the grid; none without answers."""
    if not outcomes.has_answers:
        return
    rows, weights, root = outcomes.rows, outcomes.weights, outcomes.tree.root
    own = np.where(outcomes.in_status(Status.SURE), rows["answer"], root)
    thresholds = (outcomes.min_confidence, *CONFIDENCE_GRID)
    for min_confidence, nodes in zip(thresholds, (own, *rows["answers_at"].T), strict=True):
        given = nodes != root
        yield Answers(
            min_confidence,
            right=_share_of(given, outcomes.are_right(nodes), weights),
            answered=metrics.mean(given, weights),
            information=metrics.mean(outcomes.information(nodes), weights),
        )
