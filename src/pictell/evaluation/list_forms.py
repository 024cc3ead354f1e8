"""The forms of a list of labelled pictures: its text becomes rows of cells by column.

- JSON lines: each line is an object.
- A table with a header row; its cells are separated by commas, semicolons, tabs or ``|``.
- A table of two columns without a header row, a file and its label in either order.
- Lines of a file, a space and its label, as Caffe and TF-Slim write them.

The names of columns are compared in lower case, with ``_`` for spaces, ``-`` and ``.``.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import zip_longest
from pathlib import PurePosixPath

from pictell.errors import UsageError
from pictell.images.formats import SUFFIXES

JSON_SUFFIXES = (".jsonl", ".ndjson")
FILE_COLUMNS = (
    "file", "path", "filename", "file_name", "image", "filepath", "file_path", "image_path",
    "img_path", "image_name", "img", "picture", "photo",
)  # fmt: skip
LABEL = "label"
DELIMITERS = ",;\t|"
NAMED = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "|"}
# What spreadsheets write before the table to name its delimiter.
SEPARATOR_LINE = re.compile(r"sep=([,;\t|])\n")
JSON_LIST = re.compile(r"\s*\[\s*\{")
SUFFIX = "|".join(map(re.escape, sorted(SUFFIXES, key=len, reverse=True)))
# A file, whose name may have spaces if it has a suffix, and its label.
PAIR = re.compile(rf"\s*(.+?(?:{SUFFIX})|\S+(?=\s+\d+\s*$))\s+(\S.*?)\s*", re.IGNORECASE)
# The text of a cell, or a value of JSON, by the column.
Cells = dict[str, object]
Lines = Iterator[tuple[int, Cells]]


def cells_of(text: str, suffix: str) -> Lines:
    """The number of the last line of each row, and its cells by the folded names of the columns.

    ``suffix`` is that of the file's name. Raises ``UsageError``, ``csv.Error``.
    """
    if "\0" in text[:2]:
        raise UsageError("UTF-16 text without its mark: save it as UTF-8")
    if suffix.lower() in JSON_SUFFIXES or text.lstrip().startswith("{"):
        return _json_lines(text)
    if JSON_LIST.match(text):
        raise UsageError("a JSON list: write one object per line, in a file named .jsonl")
    found = SEPARATOR_LINE.match(text)
    skipped = 1 if found else 0
    text = text[found.end() :] if found else text
    first = next(filter(str.strip, StringIO(text)), "").rstrip("\n")
    delimiter = found[1] if found else _delimiter(first)
    if delimiter is None and _is_pair(first):
        return _pairs(text)
    return _table(text, delimiter or DELIMITERS[0], skipped)


def fold(name: str) -> str:
    """The name of a column as it is compared."""
    return re.sub(r"[\s.-]+", "_", name.strip().lower())


def _json_lines(text: str) -> Lines:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise UsageError(f"line {number}: not a JSON object")
        check_names(row)
        yield number, {fold(name): value for name, value in row.items()}


def check_names(names: Sequence[str] | Cells) -> None:
    """Raise ``UsageError`` if two columns have the same name."""
    for name, count in Counter(map(fold, names)).items():
        if count > 1 and name:
            raise UsageError(f"{count} columns are called {name}: rename all but one")


def _delimiter(first: str) -> str | None:
    """What separates the cells of the first line, ``None`` if nothing does."""
    tables = {one: _split(first, one) for one in DELIMITERS}
    for one, cells in tables.items():
        if len(cells) > 1 and (_has_file_column(cells) or any(map(_is_picture, cells))):
            return one
    widest = max(tables, key=lambda one: len(tables[one]))
    return widest if len(tables[widest]) > 1 and not _is_pair(first) else None


def _split(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])


def _has_file_column(cells: Sequence[str]) -> bool:
    return any(fold(cell) in FILE_COLUMNS for cell in cells)


def _is_picture(cell: str) -> bool:
    return PurePosixPath(cell.strip().lower()).suffix in SUFFIXES


def _is_pair(line: str) -> bool:
    """Whether a line is a file and its label, or the heading ``file label``."""
    words = line.split()
    return PAIR.fullmatch(line) is not None or (len(words) == 2 and fold(words[0]) in FILE_COLUMNS)


def _pairs(text: str) -> Lines:
    label = None
    for number, line in enumerate(text.split("\n"), start=1):
        pair = PAIR.fullmatch(line)
        if not line.strip():
            continue
        if label is None:
            label = LABEL if pair else fold(line.split()[1])
            if not pair:
                continue
        if pair is None:
            raise UsageError(
                f"line {number}: {line.strip()[:60]!r} is not a file and its label, such as "
                "cat.jpg 281"
            )
        yield number, {FILE_COLUMNS[0]: pair[1].strip("\"'"), label: pair[2].strip("\"'")}


def _table(text: str, delimiter: str, skipped: int) -> Lines:
    lines = StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    names = list[str]()
    for cells in reader:
        number = reader.line_num + skipped
        if not any(map(str.strip, cells)):
            continue
        if not names:
            names = _names_without_heading(cells) or list(map(fold, cells))
            check_names(names)
            if not any(map(_is_picture, cells)):
                continue
        if len(cells) > len(names):
            quote = f"quote texts that contain {NAMED[delimiter]}"
            raise UsageError(f"line {number}: more cells than columns: {quote}")
        yield number, dict(zip_longest(names, cells))


def _names_without_heading(cells: Sequence[str]) -> list[str] | None:
    """The columns of a first row that is a picture already; ``None`` for a heading."""
    pictures = list(map(_is_picture, cells))
    if not any(pictures):
        return None
    if len(cells) != 2:
        raise UsageError(
            "the first row is no heading: write the names of the columns above it, such as "
            "file,label"
        )
    return [FILE_COLUMNS[0], LABEL] if pictures[0] else [LABEL, FILE_COLUMNS[0]]
