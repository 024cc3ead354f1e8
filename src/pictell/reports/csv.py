"""CSV (RFC 4180): one row a prediction, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from pictell.reports.escape import visible
from pictell.reports.record import MS_DIGITS, SCORE_DIGITS
from pictell.reports.style import STEP, Style
from pictell.types import Answer, Result

HEADER = (
    "source",
    "rank",
    "label",
    "score",
    "class_index",
    "synset",
    "model",
    "width",
    "height",
    "total_ms",
    "error",
    "message",
    "answer",
    "answer_score",
    "answer_synset",
    "answer_path",
    "sure",
    "known",
    "guess",
    "guess_score",
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")

Cell = str | int | float | None


def render(results: Iterable[Result], style: Style) -> Iterator[str]:
    """The header, then each result's rows; a failed one is a single row with error and message."""
    yield _lines([HEADER])
    for result in results:
        yield _lines(_rows(result))


def _rows(result: Result) -> Iterator[tuple[Cell, ...]]:
    source, model = _text(result.source), _text(result.model)
    if result.error is not None:
        empty = (None,) * 5
        facts = (model, None, None, None, result.error.code, _text(str(result.error)))
        yield (source, *empty, *facts, *_answer(result))
    total_ms = None if result.timings is None else round(result.timings.total_ms, MS_DIGITS)
    for rank, prediction in enumerate(result.predictions, 1):
        named = (
            _text(prediction.label),
            _score(prediction.score),
            prediction.class_index,
            _text(prediction.synset or ""),
        )
        size = (result.width, result.height)
        yield (source, rank, *named, model, *size, total_ms, None, None, *_answer(result))


def _answer(result: Result) -> tuple[Cell, ...]:
    if result.error is not None:
        return (None,) * 8
    answer = result.answer
    above = (
        (None, None)
        if answer is None
        else (_text(answer.synset or ""), _text(STEP.join(answer.path)))
    )
    judged = map(_truth, (result.sure, result.known))
    return (*_name(answer), *above, *judged, *_name(result.guess))


def _name(answer: Answer | None) -> tuple[Cell, Cell]:
    return (None, None) if answer is None else (_text(answer.name), _score(answer.score))


def _truth(value: bool | None) -> Cell:
    return None if value is None else str(value).lower()


def _score(score: float) -> float:
    return round(score, SCORE_DIGITS)


def _text(text: str) -> str:
    """A text cell no spreadsheet takes for a formula; line breaks stay, a quoted cell holds them.

    The rule of OWASP's page 'CSV Injection'.
    """
    safe = "\n".join(map(visible, text.split("\n")))
    return f"'{safe}" if text.startswith(FORMULA) else safe


def _lines(rows: Iterable[tuple[Cell, ...]]) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()
