"""CSV and TSV: with quotes, with a heading, with the index in any column; names in one row."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from pictell.models.label_forms.lines import by_index
from pictell.models.label_forms.numbers import are_dense, check_only_index, problem
from pictell.models.label_forms.values import (
    INTEGER,
    MACHINE_ID,
    NAME_KEYS,
    NUMBER_KEYS,
    SYNSET,
    FormError,
    Row,
    normalised,
)

DELIMITERS = "\t;,"
# What spreadsheets write before the table to name its delimiter.
SEPARATOR_LINE = re.compile(r"sep=[,;\t]\n")
QUOTED_CELL = re.compile(r'(?:^|[,;\t]) *"', re.MULTILINE)
SINGLE_QUOTED = re.compile(r"(?:'[^'\n]*' *[,;\t] *'[^'\n]*'(?:\n|\Z))+")
NAMES = [*NAME_KEYS, *"names labels classes signname species commonname category breed".split()]
NUMBERS = [*NUMBER_KEYS, *"no nr number labelid classnumber".split()]
COUNTS = "count counts images samples support frequency total size".split()
IDS = "wnid synset mid labelname key".split()
MAX_COLUMNS = 64
FORM = "a table"


def recognise(text: str) -> list[Row] | None:
    """The names and their numbers in a table that has quotes or a heading, else ``None``.

    Raises ``FormError`` if it is not clear which column has the names.
    """
    text = SEPARATOR_LINE.sub("", text, count=1) if text.startswith("sep=") else text
    double = QUOTED_CELL.search(text) is not None
    quoted = double or SINGLE_QUOTED.fullmatch(text) is not None
    quote = '"' if double or not quoted else "'"
    tables = [table for one in DELIMITERS if (table := _rows(text, one, quote, quoted))]
    for rows in tables:
        if len(rows) == 1 and len(rows[0]) > 2 - quoted and _are_names(rows[0]):
            return [Row(None, cell) for cell in rows[0]]
        heading = _heading(rows)
        if len(rows[0]) > 1 and (quoted or heading):
            return _read(rows[1:] if heading else rows, heading)
    if quoted and tables:
        return [Row(None, name) for name in by_index([row[0] for row in tables[0]])]
    return None


def _rows(text: str, delimiter: str, quote: str, quoted: bool) -> list[list[str]] | None:
    """The cells of each row; ``None`` if this is not how the text is made."""
    if not quoted and delimiter not in text.partition("\n")[0]:
        return None
    lines = io.StringIO(text, newline="")
    reader = csv.reader(
        lines, delimiter=delimiter, quotechar=quote, skipinitialspace=True, strict=True
    )
    try:
        rows = [[cell.strip() for cell in row] for row in reader]
    except csv.Error:
        return None
    width = len(rows[0]) if rows else 0
    if width == 2 and not quoted:
        rows = [_two_cells(row, delimiter) for row in rows]
    same = width <= MAX_COLUMNS and all(len(row) == width for row in rows)
    return rows if rows and same and all(map(any, rows)) else None


def _two_cells(row: list[str], delimiter: str) -> list[str]:
    """A number and a name that has the delimiter in it, or the other way round."""
    if len(row) > 2 and INTEGER.fullmatch(row[0]):
        return [row[0], f"{delimiter} ".join(row[1:])]
    if len(row) > 2 and INTEGER.fullmatch(row[-1]):
        return [f"{delimiter} ".join(row[:-1]), row[-1]]
    return row


def _are_names(row: Sequence[str]) -> bool:
    """Whether a single row is all names: no number, no id, no code of a program."""
    return not any(
        not cell or INTEGER.fullmatch(cell) or SYNSET.match(cell) or re.search(r"[\[\]{}=]", cell)
        for cell in row
    )


def _heading(rows: Sequence[Sequence[str]]) -> list[str] | None:
    """The words of the first row if it is a heading: known words, or text above numbers."""
    first, *rest = rows
    if len(first) < 2 or not rest:
        return None
    words = [normalised(cell) for cell in first]
    if all(word in {*NAMES, *NUMBERS, *IDS} for word in words):
        return words
    if any(map(INTEGER.fullmatch, first)):
        return None
    names = any(word in NAMES for word in words)
    for column in _columns(rest):
        if all(map(INTEGER.fullmatch, column)) and (names or _is_index(column)):
            return words
    return None


def _columns(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[row[column] for row in rows] for column in range(len(rows[0]))]


def _is_index(cells: Sequence[str]) -> bool:
    return all(map(INTEGER.fullmatch, cells)) and problem([*map(int, cells)]) is None


def _read(rows: Sequence[Sequence[str]], heading: Sequence[str] | None) -> list[Row]:
    """The names, with WordNet ids before them, and the numbers."""
    columns = _columns(rows)
    left = dict(enumerate(columns))
    index = left.pop(_index_column(columns, heading), None)
    synsets = None
    for column, cells in enumerate(columns):
        if len(left) > 1 and all(map(MACHINE_ID.fullmatch, cells)):
            del left[column]
        elif len(left) > 1 and all(map(SYNSET.fullmatch, cells)):
            synsets = left.pop(column)
    names = left[_name_column(left, heading, len(columns))]
    if synsets:
        names = [f"{synset} {name}" for synset, name in zip(synsets, names, strict=True)]
    if index and not heading:
        check_only_index([*map(int, index)], names)
    if index is None:
        return [Row(None, name) for name in names]
    return [Row(*pair) for pair in zip(index, names, strict=True)]


def _index_column(columns: Sequence[Sequence[str]], heading: Sequence[str] | None) -> int:
    """The column of the index, or -1: by its heading, or because its numbers look like one."""
    numeric = [n for n, cells in enumerate(columns) if all(map(INTEGER.fullmatch, cells))]
    complete = [n for n in numeric if _is_index(columns[n])]
    if heading:
        called = {heading[n]: n for n in [*numeric, *complete]}
        known = [called[word] for word in NUMBERS if word in called]
        others = [n for n in complete if heading[n] not in COUNTS]
        return next(iter([*(n for n in known if n in complete), *known, *others]), -1)
    dense = [n for n in numeric if are_dense([*map(int, columns[n])])]
    return next(iter([*complete, *dense]), -1)


def _name_column(left: dict[int, list[str]], heading: Sequence[str] | None, width: int) -> int:
    if len(left) == 1:
        return next(iter(left))
    named = {heading[column]: column for column in reversed(left)} if heading else {}
    for word in NAMES:
        if word in named:
            return named[word]
    columns = f"the columns {', '.join(heading)}" if heading else f"{width} columns"
    raise FormError(f"{FORM} with {columns:.200}: keep the index and the names")
