"""Sentences about the data, the models and their comparison, for the text and the page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from pictell.evaluation.comparison import Comparison, Evaluation
from pictell.evaluation.matching import Match, Unmatched, describe, folded
from pictell.evaluation.summary import Summary
from pictell.reports.escape import visible
from pictell.reports.evaluation.figures import count, percent

MAX_LISTED = 20
# Smaller p-values are not shown as a number.
MIN_P = 1e-6


def data_notes(evaluation: Evaluation) -> Iterator[str]:
    """How many pictures there are, and what is missing or unusual."""
    first, *others = evaluation.summaries
    data = first.dataset
    yield f"{count(len(data), 'picture')} of {count(len(data.labels), 'class')}"
    if data.weights is not None:
        effective = count(round(first.effective_pictures), "picture")
        yield f"shares are weighted: intervals are those of {effective} of equal weight"
    if data.empty_classes:
        yield f"classes without pictures: {_listed(data.empty_classes)}"
    if data.skipped:
        yield f"{count(data.skipped, 'file')} skipped: not a picture, or not in a class folder"
    if data.repeated:
        yield f"{count(data.repeated, 'row')} with a picture that was listed before: counted again"
    pictures = first.outcomes.rows["picture"]
    if not all(np.array_equal(pictures, other.outcomes.rows["picture"]) for other in others):
        yield "the models were evaluated on different pictures: do not compare their figures"


def model_notes(summary: Summary) -> Iterator[str]:
    """Which pictures were not evaluated, and how labels were matched to classes."""
    failed = len(summary.outcomes.failed)
    if failed:
        yield f"{count(failed, 'picture')} could not be read"
    unmatched = [found for found in summary.matches if isinstance(found, Unmatched)]
    if unmatched:
        left_out = len(summary.dataset) - failed - len(summary.outcomes)
        more = ", …" if len(unmatched) > MAX_LISTED else ""
        yield (
            f"{count(left_out, 'picture')} left out: {count(len(unmatched), 'label')} without a "
            f"class in this model: {describe(unmatched[:MAX_LISTED])}{more}"
        )
    matches = [found for found in summary.matches if isinstance(found, Match)]
    names = [(one, summary.classes[one.class_index].name) for one in matches]
    by_name = [
        f"{one.label} is {name}"
        for one, name in names
        if one.matched_by in {"number", "synonym"} and folded(one.label) != folded(name)
    ]
    if by_name:
        yield f"labels matched by another name: {_listed(by_name)}"
    by_index = [f"{one.label} is {name}" for one, name in names if one.matched_by == "index"]
    if by_index and not summary.dataset.by_index:
        yield f"labels matched by class index: {_listed(by_index)}"


def wrong_notes(summary: Summary) -> str | None:
    """What became of the pictures with a wrong best class, if the model gives answers."""
    if not summary.outcomes.has_answers or not len(summary.wrong):
        return None
    rows = summary.outcomes.rows[summary.wrong]
    right, given = int(rows["answer_right"].sum()), int((rows["answer_size"] > 0).sum())
    return (
        f"Their answer is right for {right} and wrong for {given - right}; "
        f"the model abstained for {len(rows) - given}."
    )


def wrong_only_classes(summary: Summary) -> list[str]:
    """The best classes that no picture shows, with their number: ``espresso (2)``."""
    wrong = [one for one in summary.per_class if not one.pictures]
    wrong.sort(key=lambda one: -one.predicted)
    return [f"{summary.classes[one.class_index].name} ({one.predicted})" for one in wrong]


def model_names(comparison: Comparison) -> tuple[str, str]:
    """The names of the two models, made different if they are the same."""
    first, second = comparison.first.model, comparison.second.model
    return (first, second) if first != second else (f"{first} (first)", f"{second} (second)")


def verdict(comparison: Comparison) -> str:
    """Which model is better, or that the difference may be chance; then their answers."""
    first, second = model_names(comparison)
    change = f"{_points(comparison.difference)} points top-1 accuracy"
    if not len(comparison.changed):
        words = f"{first} and {second} have the same best class for every picture."
    elif comparison.clear:
        better = "better" if comparison.difference > 0 else "worse"
        words = f"{second} is {better} than {first}: {change} (p {_p(comparison)})."
    else:
        words = f"The difference may be chance: {second} has {change} (p {_p(comparison)})."
    return f"{words}{_answers(comparison)}"


def comparison_notes(comparison: Comparison) -> Iterator[str]:
    """The counts and the test behind the verdict."""
    first, second = model_names(comparison)
    yield (
        f"{count(comparison.pictures, 'picture')}; best class right in both: "
        f"{comparison.both_right}, only in {first}: {comparison.only_first}, only in {second}: "
        f"{comparison.only_second}, in neither: {comparison.both_wrong}"
    )
    if len(comparison.changed):
        low, high = _points(comparison.interval.low), _points(comparison.interval.high)
        weights = ", unweighted" if comparison.first.dataset.weights is not None else ""
        yield (
            f"top-1 accuracy of {second} minus {first}: {_points(comparison.difference)} points, "
            f"95 % interval {low} to {high} (bootstrap)"
        )
        yield f"McNemar's exact test{weights}: p {_p(comparison)}"


def _answers(comparison: Comparison) -> str:
    both = (comparison.first, comparison.second)
    right = [one.hierarchy.right for one in both if one.hierarchy is not None]
    if len(right) < len(both) or None in right:
        return ""
    before, after = map(percent, right)
    abstained, then = (percent(one.abstained) for one in both)
    return f" Right answers: {before} and {after}; abstained: {abstained} and {then}."


def _points(difference: float) -> str:
    points = f"{100 * difference:+.1f}"
    if difference and not float(points):
        points = f"{100 * difference:+.1g}"
    return points.replace("-", "−")


def _p(comparison: Comparison) -> str:
    p = comparison.p_value
    return f"< {MIN_P:f}" if p < MIN_P else f"= {p:.2g}"


def _listed(names: Iterable[str]) -> str:
    shown = [*map(visible, names)]
    return ", ".join(shown[:MAX_LISTED]) + (", …" if len(shown) > MAX_LISTED else "")
