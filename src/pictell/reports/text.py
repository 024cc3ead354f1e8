"""Text for people: the picture's name, then what it shows, with bars and percentages."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pictell.reports.escape import visible
from pictell.reports.style import STEP, Style
from pictell.types import Result

BAR_CELLS = 20
# What a line has beside label, bar and path: spaces and the score.
OTHER_CELLS = 12
# Of an answer's path, so many names at its end are shown.
STEPS = 2
# And of its classes those that are not 0.0 %.
MIN_SHOWN = 0.0005
FULL = "█"
# An eighth to seven eighths of a cell.
PARTS = " ▏▎▍▌▋▊▉"
BOLD, CYAN, RESET = "\x1b[1m", "\x1b[36m", "\x1b[0m"


class _Row(NamedTuple):
    """A name that can be shown, its score in 0..1, and where it is in the tree."""

    label: str
    score: float
    path: str = ""


def render(results: Iterable[Result], style: Style) -> Iterator[str]:
    """One paragraph for each named picture. Failed ones are not data: the shell reports them."""
    before = ""
    for result in results:
        if result.error is None:
            yield before + _paragraph(result, style)
            before = "\n"


def _paragraph(result: Result, style: Style) -> str:
    lines = [_painted(visible(result.source), BOLD, style)]
    if result.sure is False:
        return "\n".join([*lines, f"  {_not_sure(result)}\n"])
    rows = _rows(result)
    width = max(display_width(row.label) for row in rows)
    return "\n".join([*lines, *(_line(row, width, style) for row in rows)]) + "\n"


def _not_sure(result: Result) -> str:
    best, guess = result.predictions[0], result.guess
    name, score = (best.label, best.score) if guess is None else (guess.name, guess.score)
    reason = ": like nothing it knows" if result.known is False else ""
    return f"not sure (best guess: {visible(name)} {100 * score:.0f} %){reason}"


def _rows(result: Result) -> list[_Row]:
    """The answer with its place in the tree, then its classes; without an answer all classes."""
    answer, found = result.answer, result.predictions
    if answer is None:
        return [_Row(visible(one.label), one.score) for one in found]
    path = STEP.join(map(visible, answer.path[-STEPS:])) if len(answer.path) > 1 else ""
    head = _Row(visible(answer.name), answer.score, path)
    classes = [one for one in found if one.class_index in answer.classes and one.score >= MIN_SHOWN]
    if len(answer.classes) == 1:
        return [head]
    return [head, *(_Row(f"  {visible(one.label)}", one.score) for one in classes)]


def _line(row: _Row, width: int, style: Style) -> str:
    """The label, padded to ``width``, bar and score; the path where there is room for it."""
    room = math.inf if style.columns is None else style.columns - width - OTHER_CELLS
    cells = int(max(0, min(BAR_CELLS, room)))
    padding = " " * (width - display_width(row.label))
    drawn = _painted(bar(row.score, cells), CYAN, style)
    path = f"  {row.path}" if row.path and display_width(row.path) + 2 <= room - cells else ""
    return f"  {row.label}{padding}  {drawn} {100 * row.score:5.1f} %{path}"


def bar(score: float, cells: int = BAR_CELLS) -> str:
    """A bar of so many characters, filled to the eighth of a cell; ``score`` in 0..1."""
    full, eighths = divmod(round(score * cells * 8), 8)
    drawn = FULL * full + (PARTS[eighths] if eighths else "")
    return drawn.ljust(cells)


def display_width(text: str) -> int:
    """Terminal columns: two for wide characters (Unicode TR 11), none for marks and controls."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def _painted(text: str, code: str, style: Style) -> str:
    return f"{code}{text}{RESET}" if style.colour else text
