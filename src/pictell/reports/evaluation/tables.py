"""Tables of a model's statuses, thresholds and classes, for the text and the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pictell.evaluation.summary import Summary
from pictell.options import MIN_CONFIDENCE
from pictell.reports.evaluation.figures import percent, score_threshold, with_interval


class Table(NamedTuple):
    """A table; ``note`` explains it on the page.

    ``align`` has a character for each column: ``<`` for text, ``>`` for numbers.
    """

    title: str
    note: str
    align: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def tables(summary: Summary) -> Iterator[Table]:
    """The tables of a model that have rows."""
    made = (
        _statuses(summary), _answers(summary), _thresholds(summary),
        _classes(summary), _not_shown(summary), _confusions(summary),
    )  # fmt: skip
    return (table for table in made if table.rows)


def _statuses(summary: Summary) -> Table:
    return Table(
        "results by status",
        "Right answers: the right label or a broader one. With exact scores, their share is equal "
        "to the mean score of the answers; it is higher if answers are more specific than the "
        "labels of the data.",
        "<>>>",
        ("status", "pictures", "right answers", "mean score"),
        [
            (one.status, percent(one.share), with_interval(one.right), percent(one.mean_score))
            for one in summary.statuses
        ],
    )


def _answers(summary: Summary) -> Table:
    return Table(
        f"sure answers by confidence threshold (--min-confidence, default {MIN_CONFIDENCE:g})",
        "With a higher threshold more sure answers are right, but they name broader labels, and "
        "fewer pictures get one. Sure: share of the pictures with a sure answer. Bits: the "
        "information of these answers (above).",
        ">>>>",
        ("threshold", "right answers", "sure", "bits"),
        [
            (
                f"{one.min_confidence:.2f}",
                with_interval(one.right),
                percent(one.answered),
                f"{one.information:.2f}",
            )
            for one in summary.answers_at
        ],
    )


def _thresholds(summary: Summary) -> Table:
    return Table(
        "best classes by score (--flat)",
        "For programs that read the scores of classes. Measured on the same pictures that the "
        "thresholds were chosen on: on others accuracy is a little lower.",
        ">>>",
        ("right", "score from", "pictures"),
        [
            (f"{100 * one.accuracy:g} %", score_threshold(one.score), percent(one.coverage))
            for one in summary.thresholds
        ],
    )


def _classes(summary: Summary) -> Table:
    return Table(
        "classes with the most errors",
        "Recall: share of the class's pictures with this best class. Predicted: pictures with this "
        "best class. Precision: share of those that show it.",
        "<>>>>",
        ("class", "pictures", "recall", "predicted", "precision"),
        [
            (
                one.label,
                str(one.pictures),
                percent(one.recall),
                str(one.predicted),
                percent(one.precision),
            )
            for one in summary.classes
            if one.pictures and one.errors
        ],
    )


def _not_shown(summary: Summary) -> Table:
    found = sorted(summary.classes, key=lambda one: -one.predicted)
    return Table(
        "best classes without an evaluated picture",
        "With the number of pictures that have this best class.",
        "<>",
        ("best class", "pictures"),
        [(one.label, str(one.predicted)) for one in found if not one.pictures],
    )


def _confusions(summary: Summary) -> Table:
    share = "share" if summary.outcomes.dataset.weights is None else "share by weight"
    return Table(
        "most confused classes",
        "The pictures of a class that have a certain wrong best class.",
        "<<>>",
        ("class", "best class", "pictures", share),
        [
            (
                one.label,
                one.best_class,
                f"{one.pictures} of {one.class_pictures}",
                percent(one.share),
            )
            for one in summary.confusions
        ],
    )
