"""The comparison of two models in words: first who is better, then how that is known."""

from __future__ import annotations

from collections.abc import Iterator
from math import floor, log10

from pictell.evaluation.comparison import Comparison
from pictell.reports.evaluation.figures import count, percent

# What is less probable is not counted out.
RARE = 1e-6


def names(comparison: Comparison) -> tuple[str, str]:
    """What to call the two models, told apart even where one stands for both."""
    first, second = comparison.first.model, comparison.second.model
    return (first, second) if first != second else (f"{first} (first)", f"{second} (second)")


def verdict(comparison: Comparison) -> str:
    """In plain words: which model is better, or that none is for certain; then their answers."""
    return f"{_of_best_classes(comparison)}{_of_answers(comparison)}"


def _of_best_classes(comparison: Comparison) -> str:
    first, second = names(comparison)
    if not len(comparison.changed):
        return f"No difference in the best class: {first} and {second} agree on every picture."
    amount = _amount(comparison.difference)
    if comparison.clear:
        better = "better" if comparison.difference > 0 else "worse"
        return f"{second} is {better}: {amount}; chance alone makes so much in {_odds(comparison)}."
    return f"The difference may be chance: {second} has {amount}."


def _of_answers(comparison: Comparison) -> str:
    """What became of the answers, where both models give some."""
    both = (comparison.first, comparison.second)
    found = [one.hierarchy.right for one in both if one.hierarchy and one.hierarchy.right]
    unsure = [one.not_sure for one in both if one.not_sure is not None]
    if len(found) < len(both) or len(unsure) < len(both):
        return ""
    right, not_sure = (
        f"{percent(before)} against {percent(after)}"
        for before, after in ([share.value for share in found], unsure)
    )
    return f" Right answers: {right}; not sure: {not_sure}."


def notes(comparison: Comparison) -> Iterator[str]:
    """How the verdict is known: counts, difference and test."""
    first, second = names(comparison)
    if not len(comparison.changed):
        yield f"{count(comparison.pictures, 'picture')}, right in {comparison.both_right} of them"
        return
    yield (
        f"{count(comparison.pictures, 'picture')}; best class right in both: "
        f"{comparison.both_right}, in {first} alone: {comparison.only_first}, in {second} alone: "
        f"{comparison.only_second}, in neither: {comparison.both_wrong}"
    )
    low, high = _points(comparison.interval.low), _points(comparison.interval.high)
    yield (
        f"{second} less {first}: {_points(comparison.difference)} points, probably {low} to {high} "
        "(difference of top-1 accuracy, 95 % bootstrap)"
    )
    weights = ", without weights" if comparison.first.dataset.weights is not None else ""
    yield (
        f"if both were equally good, a split as uneven as {comparison.only_first} to "
        f"{comparison.only_second} would come up in {_odds(comparison)} (McNemar's exact "
        f"test{weights}: p = {comparison.p_value:.2g})"
    )


def _amount(difference: float) -> str:
    """``6.3 points fewer best classes right``."""
    points = f"{abs(100 * difference):.1f}"
    if not float(points):
        # Of very many pictures so little may still be clear.
        points = f"{abs(100 * difference):.1g}"
    if not float(points):
        return "as many best classes right"
    more = "more" if difference > 0 else "fewer"
    return f"{points} points {more} best classes right"


def _odds(comparison: Comparison) -> str:
    """A probability as people say it: ``1 of 40 000 such samples``, to one digit."""
    p = comparison.p_value
    if p < RARE:
        return "less than 1 of 1 000 000 such samples"
    if p >= 0.01:
        return f"{100 * p:.0f} of 100 such samples"
    draws = 1 / p
    unit = 10 ** floor(log10(draws))
    return f"1 of {_grouped(round(draws / unit) * unit)} such samples"


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _points(difference: float) -> str:
    return f"{100 * difference:+.1f}".replace("-", "−")
