"""Tables of text that fit a terminal. Words are never broken."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from pictell.reports.escape import visible
from pictell.reports.text import display_width

MAX_COLUMNS = 80
INDENT, GAP = "  ", "  "
# Narrower columns of words are hard to read.
MIN_WIDTH = 8


def aligned(rows: Sequence[Sequence[str]], align: str = "", indent: str = INDENT) -> Iterator[str]:
    """The lines of a table: text is wrapped where the table would be wider than ``MAX_COLUMNS``.

    ``align`` has a character for each column: ``<`` for text, also where it has none, ``>`` for
    numbers.
    """
    shown = [[visible(cell) for cell in row] for row in rows]
    sides = align.ljust(len(shown[0]), "<")
    columns = list(zip(*shown, strict=True))
    widths = _fitting(columns, sides, MAX_COLUMNS - len(indent))
    for row in shown:
        wrapped = [wrap(cell, width) for cell, width in zip(row, widths, strict=True)]
        for line in zip_longest(*wrapped, fillvalue=""):
            cells = map(_padded, line, widths, sides)
            yield f"{indent}{GAP.join(cells)}".rstrip() + "\n"


def wrap(text: str, width: int) -> list[str]:
    """The text in lines of at most ``width`` characters, or of one longer word."""
    if display_width(text) <= width:
        return [text]
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return lines or [""]


def _fitting(columns: Sequence[Sequence[str]], sides: str, limit: int) -> list[int]:
    """The widths of the columns: the widest columns of text shrink until all fit."""
    widths = [max(map(display_width, column)) for column in columns]
    least = [
        max(MIN_WIDTH, *(display_width(word) for cell in column for word in cell.split() or [""]))
        for column in columns
    ]
    limit -= len(GAP) * (len(columns) - 1)
    while sum(widths) > limit:
        spare = [n for n, side in enumerate(sides) if side == "<" and widths[n] > least[n]]
        if not spare:
            break
        widths[max(spare, key=widths.__getitem__)] -= 1
    return widths


def _padded(cell: str, width: int, side: str) -> str:
    padding = " " * (width - display_width(cell))
    return padding + cell if side == ">" else cell + padding
