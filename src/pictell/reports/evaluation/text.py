"""The text report: tables of the figures, the worst classes, the most confident mistakes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pictell.evaluation.comparison import Comparison, Evaluation
from pictell.evaluation.outcomes import PictureOutcome
from pictell.evaluation.summary import Summary
from pictell.reports.columns import aligned
from pictell.reports.escape import visible
from pictell.reports.evaluation import notes
from pictell.reports.evaluation.figures import count, percent, shown_figures
from pictell.reports.evaluation.tables import tables
from pictell.results import warning_mark

# Of each table; the page shows more, JSON all.
MAX_ROWS = 10

Cells = Sequence[str]


def render(evaluation: Evaluation) -> Iterator[str]:
    """The data, the verdict, all figures side by side, then each model and comparison."""
    yield f"{visible(evaluation.summaries[0].outcomes.dataset.name)}\n"
    yield from _lines(notes.data_notes(evaluation))
    for summary in evaluation.summaries:
        yield from _lines(f"{summary.model}: {note}" for note in notes.model_notes(summary))
    yield from _lines(map(notes.verdict, evaluation.comparisons))
    yield "\n"
    yield from _figures(evaluation.summaries)
    for summary in evaluation.summaries:
        yield from _model(summary)
    for comparison in evaluation.comparisons:
        yield from _comparison(comparison)


def _figures(summaries: tuple[Summary, ...]) -> Iterator[str]:
    shown = shown_figures(summaries)
    head = ["", *(name for summary in summaries for name in (summary.model, ""))]
    rows = [
        [
            one.name,
            *(cell for model in summaries for cell in (one.value(model), one.range(model))),
        ]
        for one in shown
    ]
    yield from aligned([head, *rows])
    yield "\nwhat the figures mean\n"
    yield from aligned([(one.name, one.meaning) for one in shown])
    yield "  ranges are 95 % intervals\n"


def _model(summary: Summary) -> Iterator[str]:
    model = visible(summary.model)
    for table in tables(summary):
        yield f"\n{model}: {table.title}\n"
        yield from _table(table.head, table.rows, table.align)
    if not summary.wrong:
        return
    yield f"\n{model}: {notes.wrong_title(summary)}\n"
    yield from _lines(notes.wrong_notes(summary))
    rows = [
        (_file(one), one.label, one.best_class, percent(one.score), _answer(one))
        for one in summary.wrong
    ]
    answer = "answer" if summary.answers else ""
    yield from _table(("picture", "class", "best class", "score", answer), rows, "<<<><")


def _file(one: PictureOutcome) -> str:
    return f"{one.file}{warning_mark(one.warnings)}"


def _answer(one: PictureOutcome) -> str:
    if one.answer_right is None:
        return ""
    answer = notes.answer_of(one)
    return answer if one.answer is None else f"{_mark(one.answer_right)} {answer}"


def _comparison(comparison: Comparison) -> Iterator[str]:
    first, second = notes.model_names(comparison)
    yield f"\n{visible(first)} and {visible(second)}\n"
    yield from _lines(notes.comparison_notes(comparison))
    if not comparison.changed:
        return
    rows = [
        (
            _file(one),
            one.label,
            *(f"{_mark(it.right)} {it.best_class} {percent(it.score)}" for it in (one, other)),
        )
        for one, other in comparison.changed
    ]
    pictures = count(len(rows), "picture")
    yield f"\n  {pictures} with another best class, first where only {visible(first)} is right\n"
    yield from _table(("picture", "class", first, second), rows, "<<<<")


def _table(head: Cells, rows: Sequence[Cells], align: str) -> Iterator[str]:
    yield from aligned([head, *rows[:MAX_ROWS]], align)
    if len(rows) > MAX_ROWS:
        yield f"  and {len(rows) - MAX_ROWS} more (all: --format json)\n"


def _mark(right: bool) -> str:
    return "✓" if right else "✗"


def _lines(sentences: Iterable[str]) -> Iterator[str]:
    for sentence in sentences:
        yield f"  {visible(sentence)}\n"
