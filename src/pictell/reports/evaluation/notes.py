"""Sentences about the data, the models and their comparison, for the text and the page."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pictell.evaluation.comparison import Comparison, Evaluation
from pictell.evaluation.matching import NONE, listed, target_nodes
from pictell.evaluation.outcomes import Outcomes, PictureOutcome
from pictell.evaluation.summary import Summary
from pictell.models.labels import folded
from pictell.reports.escape import visible
from pictell.reports.evaluation.figures import count, percent
from pictell.results import Status

MAX_LISTED = 20
# Smaller p-values are not shown as a number.
MIN_P = 1e-6


def data_notes(evaluation: Evaluation) -> Iterator[str]:
    """How many pictures there are, and what is missing or unusual."""
    first, *others = evaluation.summaries
    data = first.outcomes.dataset
    yield f"{count(len(data), 'picture')} of {count(len(data.labels), 'class')}"
    if data.weights is not None:
        effective = count(round(first.effective_pictures), "picture")
        yield f"shares are weighted: intervals are those of {effective} of equal weight"
    if data.empty_classes:
        yield f"classes without pictures: {listed(map(visible, data.empty_classes), MAX_LISTED)}"
    if data.skipped_files:
        files = count(data.skipped_files, "file")
        yield f"{files} skipped: not a picture, or not in a class folder"
    if data.repeated:
        yield f"{count(data.repeated, 'row')} with a picture that was listed before: counted again"
    pictures = first.outcomes.rows["picture"]
    if not all(np.array_equal(pictures, other.outcomes.rows["picture"]) for other in others):
        yield "the models were evaluated on different pictures: do not compare their figures"


def model_notes(summary: Summary) -> Iterator[str]:
    """Which pictures were not evaluated, and how labels were matched."""
    outcomes = summary.outcomes
    failed = len(outcomes.failed)
    if failed:
        yield f"{count(failed, 'picture')} could not be read"
    if outcomes.warned:
        files = listed((visible(one.file) for one in outcomes.warned), MAX_LISTED)
        are = "is" if len(outcomes.warned) == 1 else "are"
        pictures = count(len(outcomes.warned), "picture")
        yield f"{pictures} {are} damaged or truncated, and used nevertheless: {files}"
    unmatched = [str(one) for one in outcomes.matches if one.node is None]
    if unmatched:
        labels = outcomes.dataset.label_of
        left_out = int((target_nodes(outcomes.matches)[labels] == NONE).sum())
        yield (
            f"{count(left_out, 'picture')} left out: {count(len(unmatched), 'label')} unknown to "
            f"this model: {listed(unmatched, MAX_LISTED)}"
        )
    yield from _matched(summary.outcomes)


def _matched(outcomes: Outcomes) -> Iterator[str]:
    """The labels that are broader labels, or that were matched by something else than a name."""
    tree = outcomes.tree
    # Several labels may mean the same node, such as cat and cats.
    nodes = dict.fromkeys(one.node for one in outcomes.matches if one.matched_by == "broader")
    broader = [
        f"{visible(tree.labels[node].name)} ({count(len(tree.classes_below(node)), 'class')})"
        for node in nodes
        if node is not None
    ]
    if broader:
        yield (
            f"broader labels in the data: {listed(broader, MAX_LISTED)}; for their pictures each "
            "label below is right, too"
        )
    rules = [("another name", {"number", "synonym", "broader"})]
    if not outcomes.dataset.by_index:
        rules.append(("class index", {"index"}))
    for words, rule in rules:
        matched = [
            f"{visible(one.label)} is {visible(name)}"
            for one in outcomes.matches
            if one.node is not None and one.matched_by in rule
            if folded(one.label) != folded(name := tree.labels[one.node].name)
        ]
        if matched:
            yield f"labels matched by {words}: {listed(matched, MAX_LISTED)}"


def wrong_title(summary: Summary) -> str:
    """The title of the pictures with a wrong best class."""
    pictures = count(len(summary.wrong), "picture")
    return f"{pictures} with a wrong best class, highest score first"


def wrong_notes(summary: Summary) -> Iterator[str]:
    """What became of the pictures with a wrong best class, if the model gives answers."""
    if summary.answers:
        right = sum(bool(one.answer_right) for one in summary.wrong)
        abstained = sum(one.answer is None for one in summary.wrong)
        yield (
            f"Their answer is right for {right} and wrong for "
            f"{len(summary.wrong) - right - abstained}; the model abstained for {abstained}."
        )


def answer_of(one: PictureOutcome) -> str:
    """The answer in words: ``cat``, ``probably cat``, or ``abstained``."""
    if one.answer is None:
        return "abstained"
    return f"probably {one.answer}" if one.status is Status.LIKELY else one.answer


def model_names(comparison: Comparison) -> tuple[str, str]:
    """The names of the two models, made different if they are the same."""
    first, second = comparison.first.model, comparison.second.model
    return (first, second) if first != second else (f"{first} (first)", f"{second} (second)")


def verdict(comparison: Comparison) -> str:
    """Which model is better, or that the difference may be chance; then their answers."""
    first, second = model_names(comparison)
    change = f"{_points(comparison.top1_difference)} points top-1 accuracy"
    if not comparison.changed:
        words = f"{first} and {second} have the same best class for every picture."
    elif comparison.clear:
        better = "better" if comparison.top1_difference > 0 else "worse"
        words = f"{second} is {better} than {first}: {change} (p {_p(comparison)})."
    else:
        words = f"The difference may be chance: {second} has {change} (p {_p(comparison)})."
    return f"{words}{_answers(comparison)}"


def comparison_notes(comparison: Comparison) -> Iterator[str]:
    """The counts and the test behind the verdict."""
    first, second = model_names(comparison)
    yield (
        f"{count(comparison.pictures, 'picture')}; best class right in both: "
        f"{comparison.both_right}, only in {first}: {comparison.only_first_right}, only in "
        f"{second}: {comparison.only_second_right}, in neither: {comparison.both_wrong}"
    )
    if comparison.changed:
        interval = comparison.top1_difference_interval
        weighted = comparison.first.outcomes.dataset.weights is not None
        yield (
            f"top-1 accuracy of {second} minus {first}: {_points(comparison.top1_difference)} "
            f"points, 95 % interval {_points(interval.low)} to {_points(interval.high)} (bootstrap)"
        )
        yield f"McNemar's exact test{', unweighted' if weighted else ''}: p {_p(comparison)}"


def _answers(comparison: Comparison) -> str:
    first, second = comparison.first.answers, comparison.second.answers
    if not (first and first.right and second and second.right):
        return ""
    return (
        f" Sure answers: {percent(first.answered)} and {percent(second.answered)} of the pictures, "
        f"of these right: {percent(first.right)} and {percent(second.right)}."
    )


def _points(difference: float) -> str:
    points = f"{100 * difference:+.1f}"
    if difference and not float(points):
        points = f"{100 * difference:+.1g}"
    return points.replace("-", "−")


def _p(comparison: Comparison) -> str:
    p = comparison.mcnemar_exact_p
    return f"< {MIN_P:f}" if p < MIN_P else f"= {p:.2g}"
