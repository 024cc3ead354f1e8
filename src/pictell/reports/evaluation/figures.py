"""The figures of an evaluation in words and numbers, alike in the text and on the page.

A meaning is for everybody; the term after it is for those who want to know how it is computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pictell.evaluation.comparison import Evaluation
from pictell.evaluation.intervals import Interval
from pictell.evaluation.matching import Match, Unmatched, describe, folded
from pictell.evaluation.metrics import BINS
from pictell.evaluation.summary import Share, Summary
from pictell.reports.escape import visible

NOT_GIVEN = "—"
LISTED = 20


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: what it is, its value, how sure it is, how to read it, and its formula."""

    name: str
    value: str
    range: str = ""
    meaning: str = ""
    term: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Figures about the same thing, and what that is."""

    title: str
    about: str
    figures: tuple[Figure, ...]


def percent(share: float | None) -> str:
    """A share as ``75.8 %``."""
    return NOT_GIVEN if share is None else f"{100 * share:.1f} %"


def count(number: int, noun: str) -> str:
    """``1 picture``, ``2 pictures``, ``3 classes``."""
    ending = "es" if noun.endswith("s") else "s"
    return f"{number} {noun}{'' if number == 1 else ending}"


def range_of(share: Share) -> str:
    """The interval of a share in percent: ``72.1 to 79.7``."""
    return f"{100 * share.interval.low:.1f} to {100 * share.interval.high:.1f}"


def groups(summary: Summary) -> list[Group]:
    """What is told first of one model."""
    best = Group(
        "Best class",
        "The class with the highest score, as --flat puts it first.",
        tuple(_best_class(summary)),
    )
    scores = Group("Scores", "What scores are worth, of all classes.", tuple(_scores(summary)))
    median, slow = summary.latency_ms
    time = Figure(
        "time a picture",
        f"{median:.1f} ms",
        f"99 of 100 within {slow:.1f} ms",
        "Half of the pictures take less, from reading to the model's output, with all processors "
        "busy.",
        "Median; 99th percentile.",
    )
    answers = Group(
        "Answers",
        "What pictell says: a class, or a kind of thing where it is not sure of the class.",
        tuple(_answers(summary)),
    )
    speed = Group("Speed", "", (time,))
    return [group for group in (answers, best, scores, speed) if group.figures]


def figures(summary: Summary) -> list[Figure]:
    """The figures of all groups."""
    return [figure for group in groups(summary) for figure in group.figures]


def rows(summaries: Sequence[Summary]) -> list[list[Figure]]:
    """The same figures of every model, a row each; a dash where a model does not have one."""
    columns = [{figure.name: figure for figure in figures(summary)} for summary in summaries]
    # In the order of the model that has the most: not all have names above their classes.
    most = max(columns, key=len)
    return [[column.get(name, Figure(name, NOT_GIVEN)) for column in columns] for name in most]


def meanings(summaries: Sequence[Summary]) -> list[Figure]:
    """A figure for each row, for what it means."""
    return max((figures(summary) for summary in summaries), key=len)


def _answers(summary: Summary) -> Iterator[Figure]:
    found = summary.hierarchy
    if found is not None:
        yield _share(
            "right answers",
            found.right,
            "Of the answers given, so many are right: the picture shows what they name, or a kind "
            "of it.",
            "Hierarchical accuracy of the answered pictures",
        )
    if summary.not_sure is not None:
        yield Figure(
            "not sure",
            percent(summary.not_sure),
            "",
            "Pictures of which the model says so: like nothing it knows, or no name sure enough.",
        )
    if found is None:
        return
    yield Figure(
        "information",
        f"{found.information:.2f} bits",
        f"the best class alone: {found.flat_information:.2f}",
        "How much an answer narrows down what it is: a bit for each halving of the model's "
        "classes, nothing if it is wrong. A kind of thing tells less than a class, the price of "
        "being right more often.",
        "Mean of log2(all classes / classes of that name), 0 for wrong and missing answers.",
    )


def _best_class(summary: Summary) -> Iterator[Figure]:
    first = "The class with the highest score is the right one in so many pictures."
    five = "The right class is among the five with the highest scores in so many pictures."
    yield _share("best class right", summary.top1, first, "Top-1 accuracy")
    yield _share("right among best five", summary.top5, five, "Top-5 accuracy")
    if summary.plain_top1 is not None and summary.plain_top5 is not None:
        once = "The same if every picture counted as one, whatever its weight."
        yield _share("best class right, unweighted", summary.plain_top1, once, "Top-1 accuracy")
        yield _share(
            "right among best five, unweighted", summary.plain_top5, once, "Top-5 accuracy"
        )


def _share(name: str, share: Share | None, meaning: str, term: str) -> Figure:
    term = f"{term}; 95 % interval (Wilson)."
    if share is None:
        return Figure(name, NOT_GIVEN, "", meaning, term)
    return Figure(name, percent(share.value), range_of(share), meaning, term)


def _scores(summary: Summary) -> Iterator[Figure]:
    reliability = summary.reliability
    yield Figure(
        "calibration error",
        f"{reliability.error:.3f}",
        f"{_numbers(reliability.by_chance)} by chance",
        "By how much the best class's score misses: 0.05 says that of scores around 80 % some 75 "
        "or 85 % are right. Beside it, what perfect scores would show on so few pictures.",
        f"Expected calibration error (ECE), {BINS} bins.",
    )
    yield Figure(
        "log loss",
        f"{summary.negative_log_likelihood:.3f}",
        "",
        "How much the truth surprises the scores: 0 is perfect, 0.69 is as much as a right class "
        "at 50 % does, and to be sure of a wrong one costs most.",
        "Mean of −ln of the right class's score (negative log-likelihood, NLL).",
    )
    yield Figure(
        "Brier score",
        f"{summary.brier_score:.3f}",
        "",
        "How far all scores together are from the truth: 0 is perfect, 2 is sure of a wrong class "
        "every time.",
        "Mean over pictures of the sum of squared differences.",
    )
    yield Figure(
        "risk-coverage area",
        f"{summary.risk_coverage.area:.3f}",
        f"{1 - summary.top1.value:.3f} if scores told nothing",
        "How many best classes are wrong if the surest pictures alone are taken, averaged over how "
        "many are taken. 0 is perfect.",
        "Area under the risk-coverage curve (AURC).",
    )


def _numbers(interval: Interval) -> str:
    return f"{interval.low:.3f} to {interval.high:.3f}"


def data_notes(evaluation: Evaluation) -> Iterator[str]:
    """What is to be known of the data: how much there is, what is missing, what was left out."""
    data = evaluation.summaries[0].dataset
    words = f"{count(len(data), 'picture')} of {count(len(data.labels), 'class')}"
    if data.weights is not None:
        effective = evaluation.summaries[0].effective_pictures
        words += f", weighted: as telling as {count(round(effective), 'picture')} of equal weight"
    yield words
    if data.weights is not None:
        yield "shares are weighted: a picture of weight 2 counts as two"
    if data.empty_classes:
        yield f"classes without pictures: {_listed(data.empty_classes)}"
    if data.skipped:
        yield f"{count(data.skipped, 'file')} skipped: no pictures, or in no class folder"
    if data.repeated:
        yield f"{count(data.repeated, 'line')} with a picture named before: counted again"
    first, *others = (one.outcomes.rows["picture"] for one in evaluation.summaries)
    if not all(np.array_equal(first, other) for other in others):
        yield "the models were judged on different pictures: their figures are not of the same data"
    yield "the range beside a share: where 19 times of 20 the true one lies; more data narrow it"


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
    otherwise, by_index = list[str](), list[str]()
    for found in summary.matches:
        if not isinstance(found, Match):
            continue
        name = summary.classes[found.class_index].name
        if found.way == "index":
            by_index.append(f"{found.label} is {name}")
        elif found.way in {"number", "synonym"} and folded(found.label) != folded(name):
            otherwise.append(f"{found.label} is {name}")
    if otherwise:
        yield f"labels found by another name: {_listed(otherwise)}"
    # Of indices that the data itself calls so there is nothing to be said.
    if by_index and not summary.dataset.by_index:
        yield f"labels found by class index: {_listed(by_index)}"


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(map(visible, names[:LISTED])) + (", …" if len(names) > LISTED else "")
