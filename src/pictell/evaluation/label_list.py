"""The rows of a list of labelled pictures, CSV or JSON lines, each checked as it is read."""

from __future__ import annotations

import csv
import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TextIO

from pictell.errors import UsageError

FILE_COLUMNS = ("file", "path", "filename", "image")
INDEX_COLUMNS = ("class_index", "index")
LABEL_COLUMNS = ("synset", "wnid", *INDEX_COLUMNS, "label", "class", "name")
WEIGHT_COLUMN = "weight"
JSON_SUFFIX = ".jsonl"
# Sums of these and of their squares stay finite.
MAX_WEIGHT = 1e100

Row = Mapping[str | None, object]


class Listed(NamedTuple):
    """A picture of a list: its file as it stands there, its label, and a weight if it has one.

    ``by_index`` tells that the label is a class index.
    """

    file: str
    label: str
    weight: float | None
    by_index: bool


def read_list(path: Path, column: str | None) -> Iterator[Listed]:
    """The pictures that a list names; the labels are in ``column``, or one of ``LABEL_COLUMNS``.

    Raises ``UsageError`` with the line that is wrong, and whatever reading and ``csv`` raise.
    """
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = _json_rows(stream) if path.suffix.lower() == JSON_SUFFIX else _csv_rows(stream)
        columns: _Columns | None = None
        for line, row in rows:
            columns = columns or _Columns.of(row, column)
            try:
                found = columns.read(row)
                _check_no_folder(path.parent, found.file)
            except UsageError as error:
                raise UsageError(f"line {line}: {error}") from error
            yield found


@dataclass(frozen=True, slots=True)
class _Columns:
    """Which columns of a list say what."""

    file: str
    label: str
    weighted: bool

    @classmethod
    def of(cls, row: Row, column: str | None) -> _Columns:
        there = [name for name in row if name is not None]
        return cls(
            file=_first(FILE_COLUMNS, there),
            label=_first((column,) if column is not None else LABEL_COLUMNS, there),
            weighted=WEIGHT_COLUMN in there,
        )

    def read(self, row: Row) -> Listed:
        if not self.weighted and WEIGHT_COLUMN in row:
            raise UsageError("a weight, and rows before it have none: give all rows one, or none")
        return Listed(
            file=_text(row, self.file),
            label=_text(row, self.label),
            weight=_weight(_text(row, WEIGHT_COLUMN)) if self.weighted else None,
            by_index=self.label in INDEX_COLUMNS,
        )


def _first(wanted: tuple[str, ...], there: list[str]) -> str:
    for name in wanted:
        if name in there:
            return name
    raise UsageError(f"a column {' or '.join(wanted)} is missing; there are: {', '.join(there)}")


def _check_no_folder(root: Path, file: str) -> None:
    if os.path.isdir(os.path.join(root, file)):  # noqa: PTH118
        raise UsageError(f"{file} is a folder: name each picture in it")


def _csv_rows(stream: TextIO) -> Iterator[tuple[int, Row]]:
    reader = csv.DictReader(stream, strict=True)
    names = reader.fieldnames or ()
    for name, count in Counter(names).items():
        if count > 1 and name.strip():
            raise UsageError(f"line {reader.line_num}: two columns are called {name}: rename one")
    for row in reader:
        # DictReader keeps what no column is for under None.
        if extra := row.get(None):
            raise UsageError(
                f"line {reader.line_num}: {len(names) + len(extra)} cells in {len(names)} columns: "
                "quote a text that has a comma in it"
            )
        yield reader.line_num, row


def _json_rows(stream: TextIO) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(stream, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"line {number}: no JSON: {error}") from error
        if not isinstance(row, dict):
            raise UsageError(f"line {number}: no JSON object")
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
        raise UsageError(f"a weight must be in 0..{MAX_WEIGHT:g}, not {text!r}")
    return weight
