"""Text for people: aligned tables of the figures, the worst classes, the surest mistakes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from pictell.evaluation.comparison import Comparison, Evaluation
from pictell.evaluation.summary import Summary
from pictell.reports.escape import visible
from pictell.reports.evaluation import tables, verdict
from pictell.reports.evaluation.figures import count, data_notes, meanings, model_notes, percent
from pictell.reports.evaluation.figures import rows as figure_rows
from pictell.reports.evaluation.said import Answered, Said, rescued, said, said_by_both
from pictell.reports.text import display_width

# Of each list; the page shows more, and JSON all.
ROWS = 10
WIDTH = 100
UNBROKEN = "\u00a0%"

Cells = Sequence[str]


def render(evaluation: Evaluation) -> Iterator[str]:
    """The data, who is better, all figures side by side, then each model and comparison."""
    yield f"{visible(evaluation.summaries[0].dataset.name)}\n"
    yield from _lines(data_notes(evaluation))
    for summary in evaluation.summaries:
        yield from _lines(f"{summary.model}: {note}" for note in model_notes(summary))
    yield from _lines(map(verdict.verdict, evaluation.comparisons))
    yield "\n"
    yield from aligned(_figures(evaluation.summaries))
    yield "\nwhat the figures mean\n"
    yield from _meanings(evaluation.summaries)
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


def _meanings(summaries: Sequence[Summary]) -> Iterator[str]:
    told = set[str]()
    for figure in meanings(summaries):
        if figure.meaning not in told:
            yield from _paragraph(f"{figure.name}: {figure.meaning} {figure.term}")
        told.add(figure.meaning)


def _model(summary: Summary) -> Iterator[str]:
    yield from _thresholds(summary)
    yield from _classes(summary)
    yield from _confusions(summary)
    yield from _mistakes(summary)


def _thresholds(summary: Summary) -> Iterator[str]:
    answers = tables.min_confidence(summary)
    if answers:
        yield _heading(summary, "how sure an answer must be (--min-confidence)")
        head = ("at least", "right answers", "", "answered", "bits", "")
        yield from aligned([head, *answers], ">> >> ")
    about = ", for --flat: this is not --min-confidence" if answers else ""
    yield _heading(summary, f"how often the best class is right, by its score{about}")
    yield from aligned([("right", "score", "pictures"), *tables.scores(summary)], ">>>")


def _classes(summary: Summary) -> Iterator[str]:
    worst = [one for one in tables.shown_classes(summary) if one.errors]
    if worst:
        yield _heading(summary, "classes with the most errors")
        yield from _paragraph(
            "found: pictures of the class whose best class it is (recall); named: pictures whose "
            "best class it is, rightly so many of them (precision)"
        )
        rows = [
            (
                summary.classes[one.class_index].name,
                str(one.pictures),
                percent(one.recall),
                str(one.answers),
                percent(one.precision),
            )
            for one in worst[:ROWS]
        ]
        head = ("class", "pictures", "found", "named", "rightly")
        yield from aligned([head, *rows], " >>>>")
        yield from _more(len(worst) - ROWS)
    false = tables.false_names(summary)
    if false:
        yield _heading(summary, "best classes that no picture shows")
        yield from _paragraph(", ".join(false[:ROWS]))
        yield from _more(len(false) - ROWS)


def _confusions(summary: Summary) -> Iterator[str]:
    if not summary.confusions:
        return
    yield _heading(summary, "most confused")
    head = ("class", "best class instead", "pictures", tables.share_head(summary))
    yield from aligned([head, *tables.confused(summary, ROWS)], "  >>")
    yield from _more(len(summary.confusions) - ROWS)


def _mistakes(summary: Summary) -> Iterator[str]:
    if not len(summary.wrong):
        return
    yield _heading(
        summary, f"{count(len(summary.wrong), 'picture')} with a wrong best class, the surest first"
    )
    yield from _lines(filter(None, [rescued(summary)]))
    rows = [_said(said(summary, int(row))) for row in summary.wrong[:ROWS]]
    head = ("picture", "class", "best class", "score", "answer")
    yield from aligned([head[: len(rows[0])], *rows], "   >")
    yield from _more(len(summary.wrong) - ROWS)


def _said(one: Said) -> Cells:
    cells = (one.file, one.truth, one.best_class, percent(one.score))
    return cells if one.answered is None else (*cells, _answer(one.answered))


def _answer(answered: Answered) -> str:
    if answered.name is None:
        return "  not sure"
    return f"{'✓' if answered.right else '✗'} {answered.name}"


def _comparison(comparison: Comparison) -> Iterator[str]:
    first, second = verdict.names(comparison)
    yield f"\n{visible(first)} and {visible(second)}\n"
    yield from _lines(verdict.notes(comparison))
    changed = len(comparison.changed)
    if not changed:
        return
    rows = []
    for one, other in said_by_both(comparison, ROWS):
        best = [
            f"{'✓' if a.right else '✗'} {a.best_class} {percent(a.score)}" for a in (one, other)
        ]
        rows.append((one.file, one.truth, *best))
    yield (
        f"\n  {count(changed, 'picture')} with another best class, first those that "
        f"{visible(first)} alone has right\n"
    )
    yield from aligned([("picture", "class", first, second), *rows])
    yield from _more(changed - ROWS, "--format json or --report")


def _heading(summary: Summary, words: str) -> str:
    return f"\n{visible(summary.model)}: {words}\n"


def _more(rows: int, where: str = "--format json") -> Iterator[str]:
    if rows > 0:
        yield f"  and {rows} more (all: {where})\n"


def _paragraph(words: str) -> Iterator[str]:
    # A number and its percent sign stay together.
    whole = visible(words).replace(" %", UNBROKEN)
    lines = textwrap.wrap(whole, WIDTH - 4, break_long_words=False, break_on_hyphens=False)
    for number, line in enumerate(lines):
        yield f"{'    ' if number else '  '}{line.replace(UNBROKEN, ' %')}\n"


def _lines(notes: Iterable[str]) -> Iterator[str]:
    for note in notes:
        yield f"  {visible(note)}\n"
