"""Text for people: the picture's name, then its labels with bars and percentages."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pictell.reports.escape import visible
from pictell.reports.style import STEP, Style
from pictell.results import Result, Status

BAR_CELLS = 20
# The spaces and the score of a line; label, bar and path come on top.
OTHER_CELLS = 12
# How many names of an answer's path are shown: the last ones.
MAX_STEPS = 2
# Classes of an answer that would read 0.0 % are not shown.
MIN_SHOWN = 0.0005
FULL = "█"
# From one eighth to seven eighths of a cell.
PARTS = " ▏▎▍▌▋▊▉"
BOLD, CYAN, RESET = "\x1b[1m", "\x1b[36m", "\x1b[0m"


class _Row(NamedTuple):
    """A label, its score in 0..1, and its path in the taxonomy."""

    label: str
    score: float
    path: str = ""


def render(results: Iterable[Result], style: Style) -> Iterator[bytes]:
    """A paragraph for each picture, in UTF-8. The shell reports those that failed, on stderr."""
    before = ""
    for result in results:
        if result.error is None:
            yield (before + _paragraph(result, style)).encode()
            before = "\n"


def _paragraph(result: Result, style: Style) -> str:
    lines = [_painted(visible(result.source), BOLD, style)]
    if result.status in {None, Status.SURE}:
        rows = _rows(result)
        width = max(display_width(row.label) for row in rows)
        lines += [_line(row, width, style) for row in rows]
    else:
        lines.append(f"  {_sentence(result)}")
    return "\n".join([*lines, ""])


def _sentence(result: Result) -> str:
    """A result that is not sure, in words."""
    if result.status is Status.UNKNOWN:
        return "not sure: unlike anything that this model knows"
    if result.answer is not None:
        return f"probably {visible(result.answer.name)}  {100 * result.answer.score:.0f} %"
    return f"not sure; perhaps {visible(result.top.label)}  {100 * result.top.score:.0f} %"


def _rows(result: Result) -> list[_Row]:
    """The answer and its classes; without an answer all predictions."""
    answer, found = result.answer, result.predictions
    if answer is None:
        return [_Row(visible(one.label), one.score) for one in found]
    path = STEP.join(map(visible, answer.path[-MAX_STEPS:])) if len(answer.path) > 1 else ""
    head = _Row(visible(answer.name), answer.score, path)
    classes = [one for one in found if one.class_index in answer.classes and one.score >= MIN_SHOWN]
    if len(answer.classes) == 1:
        return [head]
    return [head, *(_Row(f"  {visible(one.label)}", one.score) for one in classes)]


def _line(row: _Row, width: int, style: Style) -> str:
    """The padded label, a bar and the score; the path if there is room for it."""
    room = math.inf if style.columns is None else style.columns - width - OTHER_CELLS
    cells = int(max(0, min(BAR_CELLS, room)))
    padding = " " * (width - display_width(row.label))
    drawn = _painted(bar(row.score, cells), CYAN, style)
    path = f"  {row.path}" if row.path and display_width(row.path) + 2 <= room - cells else ""
    return f"  {row.label}{padding}  {drawn} {100 * row.score:5.1f} %{path}"


def bar(score: float, cells: int = BAR_CELLS) -> str:
    """A bar of ``cells`` characters, filled to an eighth of a character; ``score`` in 0..1."""
    full, eighths = divmod(round(score * cells * 8), 8)
    drawn = FULL * full + (PARTS[eighths] if eighths else "")
    return drawn.ljust(cells)


def display_width(text: str) -> int:
    """The text's columns on a terminal: wide characters take two (Unicode TR 11), marks none."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def _painted(text: str, code: str, style: Style) -> str:
    return f"{code}{text}{RESET}" if style.colour else text
