"""Text for people: the picture's name, then its labels with bars and percentages."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

from pictell.reports.escape import visible
from pictell.reports.style import Style
from pictell.types import Prediction, Result

BAR_CELLS = 20
FULL = "█"
# An eighth to seven eighths of a cell.
PARTS = " ▏▎▍▌▋▊▉"
BOLD, CYAN, RESET = "\x1b[1m", "\x1b[36m", "\x1b[0m"


def render(results: Iterable[Result], style: Style) -> Iterator[str]:
    """One paragraph for each named picture. Failed ones are not data: the shell reports them."""
    before = ""
    for result in results:
        if result.error is None:
            yield before + _paragraph(result, style)
            before = "\n"


def _paragraph(result: Result, style: Style) -> str:
    rows = [(visible(prediction.label), prediction) for prediction in result.predictions]
    width = max(display_width(label) for label, _ in rows)
    lines = [_painted(visible(result.source), BOLD, style)]
    lines += [_row(label, prediction, width, style) for label, prediction in rows]
    return "\n".join(lines) + "\n"


def _row(label: str, prediction: Prediction, width: int, style: Style) -> str:
    padding = " " * (width - display_width(label))
    drawn = _painted(bar(prediction.score), CYAN, style)
    return f"  {label}{padding}  {drawn} {100 * prediction.score:5.1f} %"


def bar(score: float) -> str:
    """A bar of ``BAR_CELLS`` characters, filled to the eighth of a cell; ``score`` in 0..1."""
    full, eighths = divmod(round(score * BAR_CELLS * 8), 8)
    drawn = FULL * full + (PARTS[eighths] if eighths else "")
    return drawn.ljust(BAR_CELLS)


def display_width(text: str) -> int:
    """Terminal columns: two for wide characters (Unicode TR 11), none for marks and controls."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def _painted(text: str, code: str, style: Style) -> str:
    return f"{code}{text}{RESET}" if style.colour else text
