"""The figures of a model with their names, values and meanings, for the text and the page."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import NamedTuple

from pictell.evaluation.metrics import BINS
from pictell.evaluation.summary import Share, Summary

NOT_GIVEN = "—"


class Figure(NamedTuple):
    """A figure: its value, its range or a reference value, and what it means.

    ``meaning`` is one short line; ``details`` say how to read and compute the figure.
    """

    group: str
    name: str
    value: str
    range: str = ""
    meaning: str = ""
    details: str = ""


def percent(share: Share | float | None) -> str:
    """A share as ``75.8 %``."""
    value = share.value if isinstance(share, Share) else share
    return NOT_GIVEN if value is None else f"{100 * value:.1f} %"


def interval(share: Share | None) -> str:
    """The interval of a share in percent: ``72.1 to 79.7``."""
    if share is None:
        return ""
    return f"{100 * share.interval.low:.1f} to {100 * share.interval.high:.1f}"


def score_threshold(score: float | None) -> str:
    """A threshold with three digits, rounded down: rounded up, fewer pictures would reach it."""
    return "not reached" if score is None else f"{floor(1000 * score) / 1000:.3f}"


def count(number: int, noun: str) -> str:
    """``1 picture``, ``2 pictures``, ``3 classes``."""
    ending = "es" if noun.endswith("s") else "s"
    return f"{number} {noun}{'' if number == 1 else ending}"


def side_by_side(summaries: Sequence[Summary]) -> list[list[Figure]]:
    """A row for each figure, with the value of each model; a dash where a model has none."""
    columns = [{figure.name: figure for figure in figures(summary)} for summary in summaries]
    longest = max(columns, key=len)
    return [
        [column.get(name, figure._replace(value=NOT_GIVEN, range="")) for column in columns]
        for name, figure in longest.items()
    ]


def figures(summary: Summary) -> list[Figure]:
    """The figures of a model in the order of the reports."""
    return [*_answers(summary), *_best_class(summary), *_scores(summary), _latency(summary)]


def _answers(summary: Summary) -> list[Figure]:
    found = summary.hierarchy
    if found is None:
        return []
    return [
        Figure(
            "Answers",
            "right answers",
            percent(found.right),
            interval(found.right),
            "answers that name the right class or a category above it",
            "Share of the pictures with an answer (hierarchical accuracy), 95 % interval (Wilson).",
        ),
        Figure(
            "Answers",
            "abstained",
            percent(summary.abstained),
            "",
            "pictures without a sure answer",
            "No label reaches the confidence threshold, or the picture is unlike anything the "
            "model knows.",
        ),
        Figure(
            "Answers",
            "information",
            f"{found.information:.2f} bits",
            f"best class alone: {found.flat_information:.2f}",
            "one bit for each time the answer halves the number of classes, 0 if wrong",
            "Mean of log2(number of classes / number of classes in the answer), 0 for a wrong or "
            "missing answer. A category tells less than a class.",
        ),
    ]


def _best_class(summary: Summary) -> list[Figure]:
    once, wilson = "the same with weight 1 for every picture", "95 % interval (Wilson)."
    rows: list[tuple[str, Share | None, str]] = [
        ("top-1 accuracy", summary.top1, "pictures whose best class is the right one"),
        ("top-5 accuracy", summary.top5, "pictures with the right class among the best five"),
    ]
    if summary.plain_top1 is not None:
        rows.append(("top-1 accuracy, unweighted", summary.plain_top1, once))
        rows.append(("top-5 accuracy, unweighted", summary.plain_top5, once))
    return [
        Figure("Best class", name, percent(share), interval(share), meaning, wilson)
        for name, share, meaning in rows
    ]


def _scores(summary: Summary) -> list[Figure]:
    by_chance = summary.reliability.by_chance
    return [
        Figure(
            "Scores",
            "calibration error",
            f"{summary.reliability.error:.3f}",
            f"{by_chance.low:.3f} to {by_chance.high:.3f} by chance",
            "mean gap between the best class's score and its accuracy; 0 is best",
            "At 0.05, some 75 or 85 % of the best classes with scores around 80 % are right. "
            "By chance: the error of exact scores on as many pictures. Expected calibration error "
            f"(ECE), {BINS} bins.",
        ),
        Figure(
            "Scores",
            "log loss",
            f"{summary.negative_log_likelihood:.3f}",
            "",
            "mean negative log of the right class's score; 0 is best",
            "0.69 means a score of 50 %. Confident mistakes cost most (negative log-likelihood, "
            "NLL).",
        ),
        Figure(
            "Scores",
            "Brier score",
            f"{summary.brier_score:.3f}",
            "",
            "mean squared error of all scores; 0 is best, 2 is worst",
            "Sum over the classes, mean over the pictures.",
        ),
        Figure(
            "Scores",
            "risk-coverage area",
            f"{summary.risk_coverage.area:.3f}",
            f"{1 - summary.top1.value:.3f} for random scores",
            "error rate among the highest scores, mean over all coverages; 0 is best",
            "Area under the risk-coverage curve (AURC).",
        ),
    ]


def _latency(summary: Summary) -> Figure:
    median, slow = summary.latency_ms
    return Figure(
        "Speed",
        "latency",
        f"{median:.1f} ms",
        f"99 % within {slow:.1f} ms",
        "median per picture, from reading to the model's output, all cores busy",
    )
