"""The text report: tables of the figures, the worst classes, the most confident mistakes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from pictell.evaluation.comparison import Comparison, Evaluation
from pictell.evaluation.summary import PictureOutcome, Summary
from pictell.reports.escape import visible
from pictell.reports.evaluation import notes
from pictell.reports.evaluation.figures import (
    count,
    interval,
    percent,
    score_threshold,
    side_by_side,
)
from pictell.reports.text import display_width
from pictell.scoring.taxonomy import MIN_CONFIDENCE

# Of each list; the page shows more, JSON all.
MAX_ROWS = 10
WIDTH = 96

Cells = Sequence[str]


def render(evaluation: Evaluation) -> Iterator[str]:
    """The data, the verdict, all figures side by side, then each model and comparison."""
    yield f"{visible(evaluation.summaries[0].dataset.name)}\n"
    yield from _lines(notes.data_notes(evaluation))
    for summary in evaluation.summaries:
        yield from _lines(f"{summary.model}: {note}" for note in notes.model_notes(summary))
    yield from _lines(map(notes.verdict, evaluation.comparisons))
    yield "\n"
    yield from _figures(evaluation.summaries)
    for summary in evaluation.summaries:
        yield from _answers(summary)
        yield from _thresholds(summary)
        yield from _classes(summary)
        yield from _confusions(summary)
        yield from _wrong(summary)
    for comparison in evaluation.comparisons:
        yield from _comparison(comparison)


def aligned(rows: Sequence[Cells], numbers: str = "") -> Iterator[str]:
    """The lines of a table; ``numbers`` has a ``>`` for each column aligned to the right."""
    shown = [[visible(cell) for cell in row] for row in rows]
    widths = [max(map(display_width, column)) for column in zip(*shown, strict=True)]
    sides = numbers.ljust(len(widths))
    for row in shown:
        cells = []
        for cell, width, side in zip(row, widths, sides, strict=True):
            padding = " " * (width - display_width(cell))
            cells.append(padding + cell if side == ">" else cell + padding)
        yield f"  {'  '.join(cells)}".rstrip() + "\n"


def _figures(summaries: Sequence[Summary]) -> Iterator[str]:
    table = side_by_side(summaries)
    head = ["", *(name for summary in summaries for name in (summary.model, ""))]
    cells = [[row[0].name, *(cell for one in row for cell in (one.value, one.range))]
             for row in table]  # fmt: skip
    yield from aligned([head, *cells])
    yield "\nwhat the figures mean\n"
    yield from aligned([(row[0].name, row[0].meaning.text) for row in table])
    yield "  ranges are 95 % intervals\n"


def _answers(summary: Summary) -> Iterator[str]:
    if not summary.answers_at:
        return
    yield _heading(summary, "answers by confidence threshold (--min-confidence)")
    rows = [
        (
            f"{one.min_confidence:.2f}",
            percent(one.right),
            interval(one.right),
            percent(one.answered),
            f"{one.information:.2f}",
            "default" if one.min_confidence == MIN_CONFIDENCE else "",
        )
        for one in summary.answers_at
    ]
    head = ("threshold", "right answers", "", "answered", "bits", "")
    yield from aligned([head, *rows], ">> >> ")


def _thresholds(summary: Summary) -> Iterator[str]:
    yield _heading(summary, "best classes by score (--flat)")
    rows = [
        (f"{100 * one.accuracy:g} %", score_threshold(one.score), percent(one.coverage))
        for one in summary.thresholds
    ]
    yield from aligned([("right", "score from", "pictures"), *rows], ">>>")


def _classes(summary: Summary) -> Iterator[str]:
    worst = [one for one in summary.per_class if one.pictures and one.errors]
    if worst:
        yield _heading(summary, "classes with the most errors")
        rows = [
            (
                summary.classes[one.class_index].name,
                str(one.pictures),
                percent(one.recall),
                str(one.predicted),
                percent(one.precision),
            )
            for one in worst[:MAX_ROWS]
        ]
        head = ("class", "pictures", "recall", "predicted", "precision")
        yield from aligned([head, *rows], " >>>>")
        yield from _more(len(worst))
    wrong = notes.wrong_only_classes(summary)
    if wrong:
        yield _heading(summary, "best classes that no picture shows")
        words = visible(", ".join(wrong[:MAX_ROWS]))
        lines = textwrap.wrap(words, WIDTH, break_long_words=False, break_on_hyphens=False)
        yield from (f"  {line}\n" for line in lines)
        yield from _more(len(wrong))


def _confusions(summary: Summary) -> Iterator[str]:
    if not summary.confusions:
        return
    yield _heading(summary, "most confused")
    pictures = {one.class_index: one.pictures for one in summary.per_class}
    rows = [
        (
            summary.classes[one.target].name,
            summary.classes[one.best].name,
            f"{one.pictures} of {pictures[one.target]}",
            percent(one.share),
        )
        for one in summary.confusions[:MAX_ROWS]
    ]
    share = "share" if summary.dataset.weights is None else "share by weight"
    yield from aligned([("class", "best class", "pictures", share), *rows], "  >>")
    yield from _more(len(summary.confusions))


def _wrong(summary: Summary) -> Iterator[str]:
    number = len(summary.wrong)
    if not number:
        return
    pictures = count(number, "picture")
    yield _heading(summary, f"{pictures} with a wrong best class, highest score first")
    yield from _lines(filter(None, [notes.wrong_notes(summary)]))
    rows = [_wrong_row(summary.outcome(int(row))) for row in summary.wrong[:MAX_ROWS]]
    head = ("picture", "class", "best class", "score", "answer")
    yield from aligned([head[: len(rows[0])], *rows], "   >")
    yield from _more(number)


def _wrong_row(one: PictureOutcome) -> Cells:
    cells = (one.file, one.label, one.best_class, percent(one.score))
    if one.answer_right is None:
        return cells
    return (
        *cells,
        "abstained" if one.answer is None else f"{_mark(one.answer_right)} {one.answer}",
    )


def _comparison(comparison: Comparison) -> Iterator[str]:
    first, second = notes.model_names(comparison)
    yield f"\n{visible(first)} and {visible(second)}\n"
    yield from _lines(notes.comparison_notes(comparison))
    changed = len(comparison.changed)
    if not changed:
        return
    rows = []
    for pair in comparison.changed_outcomes(MAX_ROWS):
        best = [f"{_mark(one.right)} {one.best_class} {percent(one.score)}" for one in pair]
        rows.append((pair[0].file, pair[0].label, *best))
    pictures = count(changed, "picture")
    yield f"\n  {pictures} with another best class, first where only {visible(first)} is right\n"
    yield from aligned([("picture", "class", first, second), *rows])
    yield from _more(changed)


def _mark(right: bool) -> str:
    return "✓" if right else "✗"


def _heading(summary: Summary, words: str) -> str:
    return f"\n{visible(summary.model)}: {words}\n"


def _more(rows: int) -> Iterator[str]:
    if rows > MAX_ROWS:
        yield f"  and {rows - MAX_ROWS} more (all: --format json)\n"


def _lines(notes: Iterable[str]) -> Iterator[str]:
    for note in notes:
        yield f"  {visible(note)}\n"
