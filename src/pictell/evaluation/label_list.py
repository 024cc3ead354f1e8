"""Lists of labelled pictures as CSV or JSON lines; every row is checked while it is read."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

from pictell.errors import UsageError

FILE_COLUMNS = ("file", "path", "filename", "image")
INDEX_COLUMNS = ("class_index", "index")
LABEL_COLUMNS = ("synset", "wnid", *INDEX_COLUMNS, "label", "class", "name")
WEIGHT_COLUMN = "weight"
JSON_SUFFIX = ".jsonl"
# The sum of the squares of a million such weights is finite.
MAX_WEIGHT = 1e100

Row = Mapping[str | None, object]


class ListedPicture(NamedTuple):
    """A row of a list: the file as written, the label, and the weight if rows have one.

    ``by_index``: the label is a class index.
    """

    file: str
    label: str
    weight: float | None
    by_index: bool


class _Columns(NamedTuple):
    file: str
    label: str
    weighted: bool


def read_list(path: Path, column: str | None) -> Iterator[ListedPicture]:
    """Yield the pictures of a list; the labels are in ``column``, or in one of ``LABEL_COLUMNS``.

    Raises ``UsageError`` with the number of a wrong line, and any error of ``open`` and ``csv``.
    """
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = _json_rows(stream) if path.suffix.lower() == JSON_SUFFIX else _csv_rows(stream)
        columns: _Columns | None = None
        for line, row in rows:
            try:
                columns = columns or _columns(row, column)
                picture = _picture(row, columns)
                if os.path.isdir(path.parent / picture.file):
                    raise UsageError(f"{picture.file} is a folder: list each picture in it")
            except UsageError as error:
                raise UsageError(f"line {line}: {error}") from error
            yield picture


def _columns(row: Row, column: str | None) -> _Columns:
    names = [name for name in row if name is not None]
    return _Columns(
        file=_first(FILE_COLUMNS, names),
        label=_first(LABEL_COLUMNS if column is None else (column,), names),
        weighted=WEIGHT_COLUMN in names,
    )


def _first(wanted: Sequence[str], names: Sequence[str]) -> str:
    for name in wanted:
        if name in names:
            return name
    raise UsageError(f"no column {' or '.join(wanted)}: the columns are {', '.join(names)}")


def _picture(row: Row, columns: _Columns) -> ListedPicture:
    if not columns.weighted and WEIGHT_COLUMN in row:
        raise UsageError("this row has a weight, but not the first one: give all a weight or none")
    return ListedPicture(
        file=_text(row, columns.file),
        label=_text(row, columns.label),
        weight=_weight(_text(row, WEIGHT_COLUMN)) if columns.weighted else None,
        by_index=columns.label in INDEX_COLUMNS,
    )


def _csv_rows(stream: TextIO) -> Iterator[tuple[int, Row]]:
    reader = csv.DictReader(stream, strict=True)
    names = reader.fieldnames or ()
    for name in names:
        if names.count(name) > 1 and name.strip():
            raise UsageError(f"line {reader.line_num}: two columns are called {name}: rename one")
    for row in reader:
        # DictReader stores surplus cells under None.
        if extra := row.get(None):
            raise UsageError(
                f"line {reader.line_num}: {len(names) + len(extra)} cells in {len(names)} columns: "
                "quote texts that contain a comma"
            )
        yield reader.line_num, row


def _json_rows(stream: TextIO) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(stream, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"line {number}: not valid JSON: {error}") from error
        if not isinstance(row, dict):
            raise UsageError(f"line {number}: not a JSON object")
        yield number, row


def _text(row: Row, column: str) -> str:
    value = row.get(column)
    text = str(value) if isinstance(value, str | int | float) else ""
    if not text.strip():
        raise UsageError(f"no {column}")
    return text


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 0 <= weight <= MAX_WEIGHT:
        raise UsageError(f"weight must be in 0..{MAX_WEIGHT:g}, not {text!r}")
    return weight
