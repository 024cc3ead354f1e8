"""Text for people: aligned tables of the figures, the worst classes, the surest mistakes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pictell.evaluation.comparison import Comparison, Evaluation
from pictell.evaluation.summary import Summary
from pictell.reports.escape import visible
from pictell.reports.evaluation.figures import (
    answer,
    comparison_notes,
    data_notes,
    model_notes,
    percent,
    thresholds,
)
from pictell.reports.evaluation.figures import rows as figure_rows
from pictell.reports.text import display_width

# Of each list; the page shows more, and JSON all.
ROWS = 10

Cells = Sequence[str]


def render(evaluation: Evaluation) -> Iterator[str]:
    """The data, the figures of all models side by side, then each model and comparison."""
    yield f"{visible(evaluation.summaries[0].dataset.name)}\n"
    yield from _lines(data_notes(evaluation))
    for summary in evaluation.summaries:
        yield from _lines(f"{summary.model}: {note}" for note in model_notes(summary))
    yield "\n"
    yield from aligned(_figures(evaluation.summaries))
    for summary in evaluation.summaries:
        yield from _model(summary)
    for comparison in evaluation.comparisons:
        yield from _comparison(comparison)


def aligned(rows: Sequence[Cells], numbers: str = "") -> Iterator[str]:
    """Lines of a table, two spaces before and between columns.

    ``numbers``: one character a column, ``>`` for those that stand to the right.
    """
    shown = [[visible(cell) for cell in row] for row in rows]
    widths = [max(map(display_width, column)) for column in zip(*shown, strict=True)]
    sides = numbers.ljust(len(widths))
    for row in shown:
        cells = []
        for cell, width, side in zip(row, widths, sides, strict=True):
            padding = " " * (width - display_width(cell))
            cells.append(padding + cell if side == ">" else cell + padding)
        yield f"  {'  '.join(cells)}".rstrip() + "\n"


def _figures(summaries: Sequence[Summary]) -> list[list[str]]:
    head = ["", *(name for summary in summaries for name in (summary.model, ""))]
    return [
        head,
        *(
            [row[0].name, *(cell for figure in row for cell in (figure.value, figure.range))]
            for row in figure_rows(summaries)
        ),
    ]


def _model(summary: Summary) -> Iterator[str]:
    model, classes = visible(summary.model), summary.classes
    if summary.thresholds:
        yield f"\n{model}: how often answers of at least a score are right on these pictures\n"
        yield from aligned([("right", "score", "answered"), *thresholds(summary)], ">>>")
    worst = [one for one in summary.per_class if one.errors][:ROWS]
    if worst:
        yield f"\n{model}: classes with the most errors\n"
        head = ("class", "pictures", "answers", "recall", "precision")
        rows = [
            (
                classes[one.class_index].name,
                str(one.pictures),
                str(one.answers),
                percent(one.recall),
                percent(one.precision),
            )
            for one in worst
        ]
        yield from aligned([head, *rows], " >>>>")
    yield from _confusions(summary)
    yield from _mistakes(summary)


def _confusions(summary: Summary) -> Iterator[str]:
    if not summary.confusions:
        return
    yield f"\n{visible(summary.model)}: most confused\n"
    rows = [
        (
            summary.classes[one.target].name,
            summary.classes[one.answer].name,
            str(one.pictures),
            percent(one.share),
        )
        for one in summary.confusions[:ROWS]
    ]
    yield from aligned([("class", "named", "pictures", "of the class"), *rows], "  >>")


def _mistakes(summary: Summary) -> Iterator[str]:
    if not len(summary.wrong):
        return
    yield f"\n{visible(summary.model)}: {len(summary.wrong)} wrong, the surest first\n"
    found = [answer(summary, int(row)) for row in summary.wrong[:ROWS]]
    rows = [(one.file, one.truth, one.answer, percent(one.score)) for one in found]
    yield from aligned([("picture", "class", "named", "score"), *rows], "   >")


def _comparison(comparison: Comparison) -> Iterator[str]:
    first, second = comparison.first, comparison.second
    yield f"\n{visible(first.model)} and {visible(second.model)}\n"
    yield from _lines(comparison_notes(comparison))
    if not len(comparison.changed):
        yield "  no answer changed\n"
        return
    rows = []
    for row, other_row in comparison.changed:
        one, other = answer(first, int(row)), answer(second, int(other_row))
        named = [f"{'✓' if a.right else '✗'} {a.answer} {percent(a.score)}" for a in (one, other)]
        rows.append((one.file, one.truth, *named))
    yield f"\n  {len(rows)} changed answers\n"
    yield from aligned([("picture", "class", first.model, second.model), *rows])


def _lines(notes: Iterator[str]) -> Iterator[str]:
    for note in notes:
        yield f"  {visible(note)}\n"
