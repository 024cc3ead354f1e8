"""The figures of an evaluation in words and numbers, alike in the text and on the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pictell.evaluation.comparison import Comparison, Evaluation
from pictell.evaluation.intervals import Interval
from pictell.evaluation.matching import Match, Unmatched, describe, folded
from pictell.evaluation.metrics import BINS
from pictell.evaluation.summary import Share, Summary
from pictell.reports.escape import visible

NOT_GIVEN = "—"
LISTED = 20


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: what it is, its value, how sure it is, and how to read it."""

    name: str
    value: str
    range: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A picture with its right class and a model's first answer, ``score`` in 0..1."""

    picture: int
    file: str
    truth: str
    answer: str
    score: float
    right: bool


def percent(share: float | None) -> str:
    """A share as ``75.8 %``."""
    return NOT_GIVEN if share is None else f"{100 * share:.1f} %"


def count(number: int, noun: str) -> str:
    """``1 picture``, ``2 pictures``, ``3 classes``."""
    ending = "es" if noun.endswith("s") else "s"
    return f"{number} {noun}{'' if number == 1 else ending}"


def figures(summary: Summary) -> list[Figure]:
    """What is told first of one model."""
    median, slow = summary.latency_ms
    calibration = summary.calibration
    return [
        *_accuracies(summary),
        *_hierarchy(summary),
        Figure(
            "calibration error",
            f"{calibration.error:.3f}",
            f"{_numbers(calibration.by_chance)} by chance",
            f"How far scores are from the share that is right: ECE over {BINS} bins, 0 is perfect; "
            "beside it, what a perfectly calibrated model would show on so few pictures.",
        ),
        Figure(
            "log loss",
            f"{summary.negative_log_likelihood:.3f}",
            "",
            "Mean of −log of the right class's score (NLL), 0 is perfect.",
        ),
        Figure(
            "Brier score",
            f"{summary.brier_score:.3f}",
            "",
            "Mean squared distance of all scores from the truth: 0 is perfect, 2 the worst.",
        ),
        Figure(
            "risk-coverage area",
            f"{summary.risk_coverage.area:.3f}",
            "",
            "How often it errs, averaged over all thresholds (AURC): 0 is perfect; without any "
            "use in the scores it would be the share that is wrong.",
        ),
        Figure(
            "time a picture",
            f"{median:.1f} ms",
            f"99 % within {slow:.1f} ms",
            "Median from reading to answer, with all processors busy.",
        ),
    ]


def rows(summaries: Sequence[Summary]) -> list[list[Figure]]:
    """The same figures of every model, a row each; a dash where a model does not have one."""
    columns = [{figure.name: figure for figure in figures(summary)} for summary in summaries]
    # In the order of the model that has the most: not all have names above their classes.
    names = max(columns, key=len)
    return [[column.get(name, Figure(name, "–", "", "")) for column in columns] for name in names]


def _accuracies(summary: Summary) -> Iterator[Figure]:
    first, five = "The first answer is right.", "The right one is among the first five."
    yield _accuracy("top-1", summary.top1, first)
    yield _accuracy("top-5", summary.top5, five)
    if summary.plain_top1 is not None and summary.plain_top5 is not None:
        yield _accuracy("top-1, unweighted", summary.plain_top1, first)
        yield _accuracy("top-5, unweighted", summary.plain_top5, five)


def _hierarchy(summary: Summary) -> Iterator[Figure]:
    found = summary.hierarchy
    if found is None:
        return
    yield _accuracy("right answers", found.right, "Of answers, be they classes or kinds of things.")
    yield Figure(
        "not sure",
        percent(found.not_sure),
        "",
        "Pictures without an answer: like nothing the model knows, or no name is sure enough.",
    )
    yield Figure(
        "information",
        f"{found.information:.2f} bits",
        f"always a class: {found.flat_information:.2f}",
        "What an answer tells: log2 of how many times fewer classes it leaves; 0 if it is wrong.",
    )


def _accuracy(name: str, share: Share, meaning: str) -> Figure:
    low, high = 100 * share.interval.low, 100 * share.interval.high
    sure = f"95 % interval ({share.method})."
    return Figure(name, percent(share.value), f"{low:.1f} to {high:.1f}", f"{meaning} {sure}")


def _numbers(interval: Interval) -> str:
    return f"{interval.low:.3f} to {interval.high:.3f}"


def thresholds(summary: Summary) -> list[tuple[str, str, str]]:
    """(share right, least score, share answered) for each threshold of the summary."""
    return [
        (f"{100 * one.accuracy:g} %", f"{one.score:.3f}", percent(one.coverage))
        for one in summary.thresholds
    ]


def data_notes(evaluation: Evaluation) -> Iterator[str]:
    """What is to be known of the data: how much there is, what is missing, what was left out."""
    data = evaluation.summaries[0].dataset
    words = f"{count(len(data), 'picture')} of {count(len(data.labels), 'class')}"
    if data.weights is not None:
        effective = evaluation.summaries[0].effective_pictures
        words += f", weighted: as telling as {effective:.0f} pictures of equal weight"
    yield words
    if data.empty_classes:
        yield f"classes without pictures: {_listed(data.empty_classes)}"
    if data.skipped:
        yield f"{count(data.skipped, 'file')} skipped: no pictures, or in no class folder"


def model_notes(summary: Summary) -> Iterator[str]:
    """What is to be known of the labels and pictures that one model met."""
    failed = len(summary.outcomes.failed)
    if failed:
        yield f"{count(failed, 'picture')} could not be read"
    unmatched = [found for found in summary.matches if isinstance(found, Unmatched)]
    if unmatched:
        left_out = len(summary.dataset) - failed - len(summary.outcomes)
        more = ", …" if len(unmatched) > LISTED else ""
        yield (
            f"{count(left_out, 'picture')} left out, of {count(len(unmatched), 'label')} that "
            f"this model has not: {describe(unmatched[:LISTED])}{more}"
        )
    otherwise = [
        f"{found.label} is {summary.classes[found.class_index].name}"
        for found in summary.matches
        if isinstance(found, Match)
        and found.way in {"number", "synonym"}
        and folded(found.label) != folded(summary.classes[found.class_index].name)
    ]
    if otherwise:
        yield f"labels found by another name: {_listed(otherwise)}"


def comparison_notes(comparison: Comparison) -> Iterator[str]:
    """Who is better, and how sure that is."""
    first, second = comparison.first.model, comparison.second.model
    yield (
        f"{count(comparison.pictures, 'picture')}: both right {comparison.both_right}, "
        f"only {first} {comparison.only_first}, only {second} {comparison.only_second}, "
        f"both wrong {comparison.both_wrong}"
    )
    low, high = _points(comparison.interval.low), _points(comparison.interval.high)
    yield (
        f"top-1 of {second} less that of {first}: {_points(comparison.difference)} points "
        f"({low} to {high}, 95 % bootstrap)"
    )
    weights = " (without weights)" if comparison.first.dataset.weights is not None else ""
    yield f"McNemar's exact test{weights}: p = {comparison.p_value:.2g}"


def answer(summary: Summary, row: int) -> Answer:
    """What the model said to the picture of one row of its outcomes."""
    found = summary.outcomes.rows[row]
    picture, target, first = int(found["picture"]), int(found["target"]), int(found["answers"][0])
    return Answer(
        picture=picture,
        file=summary.dataset.files[picture],
        truth=summary.classes[target].name,
        answer=summary.classes[first].name,
        score=float(found["scores"][0]),
        right=target == first,
    )


def _points(difference: float) -> str:
    return f"{100 * difference:+.1f}".replace("-", "−")


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(map(visible, names[:LISTED])) + (", …" if len(names) > LISTED else "")
