"""The tables of an evaluation as rows of text, alike in the text and on the page."""

from __future__ import annotations

from math import floor
from typing import NamedTuple

from pictell.evaluation.metrics import ClassFigures
from pictell.evaluation.summary import Summary
from pictell.reports.evaluation.figures import NOT_GIVEN, percent, range_of
from pictell.scoring.taxonomy import MIN_CONFIDENCE


class AtLeast(NamedTuple):
    """How good answers are that must be ``min_confidence`` so sure."""

    min_confidence: str
    right: str
    range: str
    answered: str
    bits: str
    mark: str


class Score(NamedTuple):
    """The best classes of at least ``score`` are right as often as ``right`` says."""

    right: str
    score: str
    pictures: str


class Confused(NamedTuple):
    """Pictures of a class whose best class is another one."""

    truth: str
    best_class: str
    pictures: str
    share: str


def min_confidence(summary: Summary) -> list[AtLeast]:
    """A row for each threshold; none of a model that gives no answers."""
    return [
        AtLeast(
            f"{one.min_confidence:.2f}",
            NOT_GIVEN if one.right is None else percent(one.right.value),
            "" if one.right is None else range_of(one.right),
            percent(one.answered),
            f"{one.information:.2f}",
            "the default" if one.min_confidence == MIN_CONFIDENCE else "",
        )
        for one in summary.answers_at
    ]


def scores(summary: Summary) -> list[Score]:
    """A row for each share that shall be right, reached or not."""
    return [
        Score(
            f"{100 * one.accuracy:g} %",
            "no score reaches it" if one.score is None else _rounded_down(one.score),
            percent(one.coverage),
        )
        for one in summary.thresholds
    ]


def _rounded_down(score: float) -> str:
    """Rounded up, it would be a threshold that fewer reach."""
    return f"{floor(1000 * score) / 1000:.3f}"


def confused(summary: Summary, rows: int) -> list[Confused]:
    """The heaviest pairs of a class and a wrong best class, ``rows`` at most."""
    pictures = {one.class_index: one.pictures for one in summary.per_class}
    return [
        Confused(
            summary.classes[one.target].name,
            summary.classes[one.answer].name,
            f"{one.pictures} of {pictures[one.target]}",
            percent(one.share),
        )
        for one in summary.confusions[:rows]
    ]


def share_head(summary: Summary) -> str:
    """The head of a column with shares of a class."""
    return "of the class" if summary.dataset.weights is None else "of the class, by weight"


def shown_classes(summary: Summary) -> list[ClassFigures]:
    """The classes that the data has pictures of, those with the most errors first."""
    return [one for one in summary.per_class if one.pictures]


def false_names(summary: Summary) -> list[str]:
    """The best classes that no picture shows, with how often each was: ``espresso (2)``."""
    false = (one for one in summary.per_class if not one.pictures)
    ordered = sorted(false, key=lambda one: -one.answers)
    return [f"{summary.classes[one.class_index].name} ({one.answers})" for one in ordered]
