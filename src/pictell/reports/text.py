"""Text for people: a line for each picture, or a paragraph with its classes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pictell.reports.escape import visible
from pictell.reports.style import STEP, Style
from pictell.results import Prediction, Result, Status, percent, warning_mark

BAR_CELLS = 20
# The spaces and the score of a line with a bar; label and bar come on top.
OTHER_CELLS = 13
# How many names of an answer's path are shown: the last ones.
MAX_STEPS = 2
# Classes with a lower score would read 0.0 % and are not shown.
MIN_SCORE = 0.0005
# A line of several: the words take this many columns, the score those after them.
WORDS_COLUMNS, SCORE_COLUMNS = 42, 7
MIN_SOURCE_COLUMNS = 8
FULL = "█"
# From one eighth to seven eighths of a cell.
PARTS = " ▏▎▍▌▋▊▉"
GAP, ELLIPSIS = "  ", "…"
BOLD, CYAN, RESET = "\x1b[1m", "\x1b[36m", "\x1b[0m"
GREEN, YELLOW, DIM = "\x1b[32m", "\x1b[33m", "\x1b[2m"
COLOURS = {
    Status.SURE: GREEN,
    Status.LIKELY: YELLOW,
    Status.UNSURE: DIM,
    Status.UNKNOWN: DIM,
    None: "",
}


class _Widths(NamedTuple):
    """The columns of the parts of a line."""

    source: int
    words: int


def render(results: Iterable[Result], style: Style) -> Iterator[bytes]:
    """Lines or paragraphs in UTF-8. The shell reports pictures that failed, on stderr."""
    read = (result for result in results if result.error is None)
    if style.details:
        for number, result in enumerate(read):
            yield ("\n" * (number > 0) + _paragraph(result, style)).encode()
        return
    longest = max((display_width(visible(name)) for name in style.names), default=0)
    for result in read:
        longest = max(longest, display_width(visible(result.source)))
        yield f"{_line(result, _widths(longest, style.columns), style)}\n".encode()


def _widths(longest: int, columns: int | None) -> _Widths:
    """How a line is shared out: the words get what they need first, then the source."""
    if columns is None:
        return _Widths(longest, WORDS_COLUMNS)
    room = max(columns - len(GAP) - SCORE_COLUMNS, 2)
    source = min(longest, max(room - WORDS_COLUMNS, MIN_SOURCE_COLUMNS, room // 3))
    return _Widths(source, min(max(room - source, 1), WORDS_COLUMNS))


def _line(result: Result, widths: _Widths, style: Style) -> str:
    """The source, the words and the score, each in its column."""
    words, score = result.in_words()
    source, words = visible(result.source), visible(words)
    mark = visible(warning_mark(result.warnings))
    if style.columns is None:
        words += mark
    else:
        source = elided(source, widths.source)
        room = widths.words + (SCORE_COLUMNS if score is None else 0)
        # The end of the words is left out before the mark is.
        words = cut(cut(words, max(room - display_width(mark), room // 2, 1)) + mark, room)
    if score is not None:
        words = f"{_padded(words, widths.words)}{GAP}{percent(score):>5}"
    return f"{_padded(source, widths.source)}{GAP}{_painted(words, result.status, style)}"


def _paragraph(result: Result, style: Style) -> str:
    """The source, the words, and the classes with their bars."""
    source = f"{BOLD}{visible(result.source)}{RESET}" if style.colour else visible(result.source)
    lines, indent = [source], GAP
    if result.warnings:
        lines.append(_warning(result, style))
    if result.status is not None:
        lines.append(_head(result, style))
        indent += GAP
    classes = _classes(result)
    width = max((display_width(visible(one.label)) for one in classes), default=0)
    lines += [_bar_line(one, indent, width, style) for one in classes]
    return "\n".join([*lines, ""])


def _head(result: Result, style: Style) -> str:
    """The words and the score; the path of the answer if there is room for it."""
    answer = result.answer
    words, score = result.in_words(best_class=False)
    head = GAP.join([visible(words), *([] if score is None else [percent(score)])])
    path = ""
    if answer is not None and len(answer.path) > 1:
        path = GAP + STEP.join(map(visible, answer.path[-MAX_STEPS:]))
    if style.columns is not None and display_width(GAP + head + path) > style.columns:
        path = ""
    return f"{GAP}{_painted(head, result.status, style)}{path}"


def _warning(result: Result, style: Style) -> str:
    """What is wrong with the picture, as a line of a paragraph."""
    text = visible(f"the picture is {' and '.join(result.warnings)}: the answer may be wrong")
    if style.columns is not None:
        text = cut(text, max(style.columns - len(GAP), 1))
    return f"{GAP}{YELLOW}{text}{RESET}" if style.colour else f"{GAP}{text}"


def _classes(result: Result) -> list[Prediction]:
    """The predictions to show: all if nothing judges them, none of an unknown picture or a sure
    class; only those of a sure broader answer.
    """
    if result.status is None:
        return [*result.predictions]
    shown = [one for one in result.predictions if one.score >= MIN_SCORE]
    if result.status is Status.UNKNOWN:
        return []
    if result.answer is None or result.status is Status.LIKELY:
        return shown
    if len(result.answer.classes) == 1:
        return []
    return [one for one in shown if one.class_index in result.answer.classes]


def _bar_line(one: Prediction, indent: str, width: int, style: Style) -> str:
    """The padded label, a bar if there is room for it, and the score."""
    room = BAR_CELLS
    if style.columns is not None:
        room = max(0, min(room, style.columns - width - OTHER_CELLS))
    drawn = bar(one.score, room)
    drawn = f"{CYAN}{drawn}{RESET}" if style.colour else drawn
    return f"{indent}{_padded(visible(one.label), width)}{GAP}{drawn} {100 * one.score:5.1f} %"


def bar(score: float, cells: int = BAR_CELLS) -> str:
    """A bar of ``cells`` characters, filled to an eighth of a character; ``score`` in 0..1."""
    full, eighths = divmod(round(score * cells * 8), 8)
    drawn = FULL * full + (PARTS[eighths] if eighths else "")
    return drawn.ljust(cells)


def elided(text: str, columns: int) -> str:
    """The text in at most ``columns`` (1 or more), without its middle if it is longer.

    The end gets two thirds: it tells pictures apart.
    """
    if display_width(text) <= columns:
        return text
    room = columns - len(ELLIPSIS)
    end = _first(text[::-1], room - room // 3)[::-1]
    # A mark at the start would stand on the ellipsis.
    while end and not display_width(end[0]):
        end = end[1:]
    return _first(text, room - display_width(end)) + ELLIPSIS + end


def cut(text: str, columns: int) -> str:
    """The text in at most ``columns`` (1 or more), without its end if it is longer."""
    if display_width(text) <= columns:
        return text
    return _first(text, columns - len(ELLIPSIS)) + ELLIPSIS


def _first(text: str, columns: int) -> str:
    """The start of a text, as much as fits into ``columns``."""
    taken = 0
    for place, character in enumerate(text):
        taken += display_width(character)
        if taken > columns:
            return text[:place]
    return text


def display_width(text: str) -> int:
    """The text's columns on a terminal: wide characters take two (Unicode TR 11), marks none."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def _padded(text: str, columns: int) -> str:
    return text + " " * (columns - display_width(text))


def _painted(text: str, status: Status | None, style: Style) -> str:
    colour = COLOURS[status]
    return f"{colour}{text}{RESET}" if style.colour and colour else text
