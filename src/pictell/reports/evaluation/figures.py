"""The figures of a model with their names, values and meanings, for the text and the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import floor
from typing import NamedTuple

from pictell.evaluation.intervals import Interval
from pictell.evaluation.metrics import BINS
from pictell.evaluation.outcomes import TOP
from pictell.evaluation.summary import Share, Summary
from pictell.results import Status

NOT_GIVEN = "—"
UNWEIGHTED = "the same with weight 1 for every picture"


class Figure(NamedTuple):
    """A figure of a model: its name, its meaning in one short line, and how to compute it.

    ``value`` is ``NOT_GIVEN`` for a model without it; ``range`` is an interval, or a value to
    compare with.
    """

    name: str
    meaning: str
    details: str
    value: Callable[[Summary], str]
    range: Callable[[Summary], str] = lambda summary: ""


def percent(share: Share | float | None) -> str:
    """A share as ``75.8 %``."""
    value = share.value if isinstance(share, Share) else share
    return NOT_GIVEN if value is None else f"{100 * value:.1f} %"


def interval(share: Share | None) -> str:
    """The interval of a share in percent: ``72.1 to 79.7``."""
    if share is None:
        return ""
    return f"{100 * share.interval.low:.1f} to {100 * share.interval.high:.1f}"


def with_interval(share: Share | None) -> str:
    """A share with its interval: ``75.8 % (72.1 to 79.7)``."""
    return NOT_GIVEN if share is None else f"{percent(share)} ({interval(share)})"


def by_chance(error: Interval) -> str:
    """Where the calibration error of exact scores would lie."""
    return f"{error.low:.3f} to {error.high:.3f} by chance"


def score_threshold(score: float | None) -> str:
    """A threshold with three digits, rounded down: rounded up, fewer pictures would reach it."""
    return "not reached" if score is None else f"{floor(1000 * score) / 1000:.3f}"


def count(number: int, noun: str) -> str:
    """``1 picture``, ``2 pictures``, ``3 classes``."""
    ending = "es" if noun.endswith("s") else "s"
    return f"{number} {noun}{'' if number == 1 else ending}"


def _share(name: str, meaning: str, share: Callable[[Summary], Share | None]) -> Figure:
    value, ends = lambda model: percent(share(model)), lambda model: interval(share(model))
    return Figure(name, meaning, "95 % interval (Wilson).", value, ends)


def _has_other_classes(summary: Summary) -> bool:
    """Whether there are more classes than the best five, one of which is always right else."""
    return summary.outcomes.tree.root > TOP


def _milliseconds(latency: float | None) -> str:
    return NOT_GIVEN if latency is None else f"{latency:.1f} ms"


def _abstained(summary: Summary) -> float | None:
    answered = [one.share for one in summary.statuses if one.status in {Status.SURE, Status.LIKELY}]
    # Rounding may lift the sum above 1.
    return max(0.0, 1 - sum(answered)) if answered else None


FIGURES = (
    _share(
        "right answers",
        "sure answers that are the right label or a broader one",
        lambda model: model.answers.right if model.answers else None,
    ),
    Figure(
        "sure answers",
        "pictures with a sure answer",
        "A label reaches the confidence threshold.",
        lambda model: percent(model.answers.answered if model.answers else None),
    ),
    Figure(
        "abstained",
        "pictures without any answer, neither sure nor likely",
        "No label is more likely right than wrong, or the picture is unlike anything known.",
        lambda model: percent(_abstained(model)),
    ),
    Figure(
        "information",
        "one bit for each time an answer, sure or likely, halves the number of classes, 0 if wrong",
        "Mean of log2(classes / classes of the answer). A broader label tells less than a class.",
        lambda model: NOT_GIVEN if model.information is None else f"{model.information:.2f} bits",
        lambda model: (
            f"best class alone: {model.best_class_information:.2f}" if model.answers else ""
        ),
    ),
    _share("top-1 accuracy", "pictures whose best class is right", lambda model: model.top1),
    _share(
        "top-5 accuracy",
        "pictures with a right class among the best five",
        lambda model: model.top5 if _has_other_classes(model) else None,
    ),
    _share("top-1 accuracy, unweighted", UNWEIGHTED, lambda model: model.top1_unweighted),
    _share(
        "top-5 accuracy, unweighted",
        UNWEIGHTED,
        lambda model: model.top5_unweighted if _has_other_classes(model) else None,
    ),
    Figure(
        "calibration error",
        "mean gap between the best class's score and its accuracy; 0 is best",
        "At 0.05, some 75 or 85 % of the best classes with scores around 80 % are right. By "
        "chance: the error of exact scores on as many pictures. Expected calibration error (ECE), "
        f"{BINS} bins. A best class below a broader label of the data has that label's score.",
        lambda model: f"{model.calibration_error:.3f}",
        lambda model: by_chance(model.calibration_error_by_chance),
    ),
    Figure(
        "log loss",
        "mean negative log of the right label's score; 0 is best",
        "0.69 means a score of 50 %. Confident mistakes cost most (NLL).",
        lambda model: f"{model.negative_log_likelihood:.3f}",
    ),
    Figure(
        "Brier score",
        "mean squared error of all scores; 0 is best, 2 is worst",
        "Sum over the classes, mean over the pictures. Only if all labels are classes.",
        lambda model: NOT_GIVEN if model.brier_score is None else f"{model.brier_score:.3f}",
    ),
    Figure(
        "risk-coverage area",
        "error rate among the highest scores, mean over all coverages; 0 is best",
        "Area under the risk-coverage curve (AURC).",
        lambda model: f"{model.risk_coverage_area:.3f}",
        lambda model: f"{1 - model.top1.value:.3f} for random scores",
    ),
    Figure(
        "latency",
        "median per picture, from reading to the model's output, all cores busy",
        "",
        lambda model: _milliseconds(model.median_latency_ms),
        lambda model: (
            f"99 % within {_milliseconds(model.p99_latency_ms)}" if model.p99_latency_ms else ""
        ),
    ),
)


def shown_figures(summaries: Sequence[Summary]) -> list[Figure]:
    """The figures that at least one of the models has."""
    return [one for one in FIGURES if any(one.value(model) != NOT_GIVEN for model in summaries)]
