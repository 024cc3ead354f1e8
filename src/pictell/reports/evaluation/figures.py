"""The figures of a model with their names, values and meanings, for the text and the page."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import NamedTuple

from pictell.evaluation.metrics import BINS
from pictell.evaluation.summary import Share, Summary

NOT_GIVEN = "—"


class Figure(NamedTuple):
    """A figure of a model: its value, and its interval or a reference value."""

    name: str
    value: str
    range: str = ""

    @property
    def meaning(self) -> Meaning:
        """What the figure means."""
        return MEANINGS[self.name]


class Meaning(NamedTuple):
    """What a figure means, in one short line; ``details``: how to read and compute it."""

    group: str
    text: str
    details: str = ""


_ONCE = Meaning("Best class", "the same with weight 1 for every picture", "95 % interval (Wilson).")
MEANINGS = {
    "right answers": Meaning(
        "Answers",
        "answers that name the right class or a category above it",
        "Share of the pictures with an answer (hierarchical accuracy), 95 % interval (Wilson).",
    ),
    "abstained": Meaning(
        "Answers",
        "pictures without a sure answer",
        "No label reaches the confidence threshold, or the picture is unlike anything known.",
    ),
    "information": Meaning(
        "Answers",
        "one bit for each time the answer halves the number of classes, 0 if wrong",
        "Mean of log2(classes / classes of the answer). A category tells less than a class.",
    ),
    "top-1 accuracy": Meaning(
        "Best class", "pictures whose best class is the right one", "95 % interval (Wilson)."
    ),
    "top-5 accuracy": Meaning(
        "Best class",
        "pictures with the right class among the best five",
        "95 % interval (Wilson).",
    ),
    "top-1 accuracy, unweighted": _ONCE,
    "top-5 accuracy, unweighted": _ONCE,
    "calibration error": Meaning(
        "Scores",
        "mean gap between the best class's score and its accuracy; 0 is best",
        "At 0.05, some 75 or 85 % of the best classes with scores around 80 % are right. By "
        "chance: the error of exact scores on as many pictures. Expected calibration error (ECE), "
        f"{BINS} bins.",
    ),
    "log loss": Meaning(
        "Scores",
        "mean negative log of the right class's score; 0 is best",
        "0.69 means a score of 50 %. Confident mistakes cost most (NLL).",
    ),
    "Brier score": Meaning(
        "Scores",
        "mean squared error of all scores; 0 is best, 2 is worst",
        "Sum over the classes, mean over the pictures.",
    ),
    "risk-coverage area": Meaning(
        "Scores",
        "error rate among the highest scores, mean over all coverages; 0 is best",
        "Area under the risk-coverage curve (AURC).",
    ),
    "latency": Meaning(
        "Speed", "median per picture, from reading to the model's output, all cores busy"
    ),
}


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
    return [[column.get(name, Figure(name, NOT_GIVEN)) for column in columns] for name in longest]


def figures(summary: Summary) -> list[Figure]:
    """The figures of a model in the order of the reports."""
    by_chance = summary.reliability.by_chance
    median, slow = summary.latency_ms
    return [
        *_answers(summary),
        _share("top-1 accuracy", summary.top1),
        _share("top-5 accuracy", summary.top5),
        *_unweighted(summary),
        Figure(
            "calibration error",
            f"{summary.reliability.error:.3f}",
            f"{by_chance.low:.3f} to {by_chance.high:.3f} by chance",
        ),
        Figure("log loss", f"{summary.negative_log_likelihood:.3f}"),
        Figure("Brier score", f"{summary.brier_score:.3f}"),
        Figure(
            "risk-coverage area",
            f"{summary.risk_coverage.area:.3f}",
            f"{1 - summary.top1.value:.3f} for random scores",
        ),
        Figure("latency", f"{median:.1f} ms", f"99 % within {slow:.1f} ms"),
    ]


def _answers(summary: Summary) -> list[Figure]:
    found = summary.hierarchy
    if found is None:
        return []
    flat = f"best class alone: {found.flat_information:.2f}"
    return [
        _share("right answers", found.right),
        Figure("abstained", percent(summary.abstained)),
        Figure("information", f"{found.information:.2f} bits", flat),
    ]


def _unweighted(summary: Summary) -> list[Figure]:
    if summary.plain_top1 is None:
        return []
    return [
        _share("top-1 accuracy, unweighted", summary.plain_top1),
        _share("top-5 accuracy, unweighted", summary.plain_top5),
    ]


def _share(name: str, share: Share | None) -> Figure:
    return Figure(name, percent(share), interval(share))
