"""Lists of labelled pictures, in one of the forms of ``pictell.evaluation.list_forms``.

Each row has a file, in one of ``FILE_COLUMNS``, relative to the folder of the list; a label, in the
column that the caller names or the first of ``LABEL_COLUMNS`` that is there; and optionally a
``weight`` and a box. The column ``labels`` holds several labels: with ``;`` between them, or as a
JSON list. A box is the part of the picture that has the label, in pixels of the upright picture:
the columns ``left``, ``top``, ``right`` and ``bottom``, or in JSON lines a list ``box`` of these
four. A row without one is about the whole picture.
"""

from __future__ import annotations

from math import nan
from pathlib import Path
from typing import NamedTuple

from pictell.errors import UsageError
from pictell.evaluation.list_forms import FILE_COLUMNS, LABEL, Cells, cells_of, fold
from pictell.files import read_text
from pictell.types import Box, find_box_problem

INDEX_COLUMNS = ("class_index", "index")
SEVERAL_LABELS = "labels"
SEPARATOR = ";"
LABEL_COLUMNS = (
    "synset", "wnid", *INDEX_COLUMNS, LABEL, "class", "name", "class_name", "label_name",
    "category", SEVERAL_LABELS,
)  # fmt: skip
WEIGHT_COLUMN = "weight"
BOX_COLUMN = "box"
SIDE_COLUMNS = ("left", "top", "right", "bottom")
OPTIONAL_COLUMNS = (WEIGHT_COLUMN, BOX_COLUMN, *SIDE_COLUMNS)
# The sum of the squares of a million such weights is finite.
MAX_WEIGHT = 1e100
# Some millions of rows.
MAX_LIST_BYTES = 1024**3


class Row(NamedTuple):
    """A picture of a list, with one label or more. In one list all rows have a weight, or none."""

    file: str
    labels: tuple[str, ...]
    weight: float | None
    box: Box | None


def read_rows(path: Path, column: str | None = None) -> tuple[str, list[Row]]:
    """The name of the column with the labels, and the rows of a list, at least one.

    Raises ``UsageError`` with the number of the wrong line, ``TextFileError`` or ``csv.Error``.
    """
    columns, pictures = list[str](), list[Row]()
    for line, cells in cells_of(read_text(path, MAX_LIST_BYTES), path.suffix):
        try:
            columns = columns or _columns(cells, column)
            pictures.append(_row(cells, columns))
        except UsageError as error:
            raise UsageError(f"line {line}: {error}") from error
    if not pictures:
        raise UsageError(
            "no pictures: a CSV list has a header row such as file,label and one row per picture; "
            "a .jsonl list has one object with file and label per line"
        )
    return columns[1], pictures


def _columns(cells: Cells, column: str | None) -> list[str]:
    """The columns of the file, of the label and, in lists with weights, of the weight."""
    given = f"the columns are {', '.join(filter(None, cells))}"
    file = next(filter(cells.__contains__, FILE_COLUMNS), None)
    if file is None:
        raise UsageError(f"no column {FILE_COLUMNS[0]}: {given}: rename the one of the files")
    wanted = LABEL_COLUMNS if column is None else (fold(column),)
    label = next((name for name in wanted if name in cells and name != file), None)
    if label is None:
        missing = f"no column {LABEL}" if column is None else f"no column {column}"
        others = cells.keys() - {file, "", *OPTIONAL_COLUMNS}
        name = others.pop() if len(others) == 1 else "NAME"
        raise UsageError(f"{missing}: {given}: give the one of the labels as --column {name}")
    return [file, label, *filter(cells.__contains__, (WEIGHT_COLUMN,))]


def _row(row: Cells, columns: list[str]) -> Row:
    if (WEIGHT_COLUMN in row) != (WEIGHT_COLUMN in columns):
        raise UsageError("give every row a weight, or none")
    file, label, *weight = columns
    return Row(
        _text(row, file),
        _labels(row.get(label)) if label == SEVERAL_LABELS else (_text(row, label),),
        _weight(_text(row, WEIGHT_COLUMN)) if weight else None,
        _box(row),
    )


def _text(row: Cells, column: str) -> str:
    value = row.get(column)
    text = str(value) if isinstance(value, str | int | float) else ""
    if not text.strip():
        raise UsageError(f"no {column}")
    return text


def _labels(value: object) -> tuple[str, ...]:
    """All labels of a picture, each once."""
    parts = value.split(SEPARATOR) if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(one, str | int | float) for one in parts):
        raise UsageError(f"{SEVERAL_LABELS} must be a list of texts")
    found = dict.fromkeys(name for part in parts if (name := str(part).strip()))
    if not found:
        raise UsageError(f"no {SEVERAL_LABELS}")
    return tuple(found)


def _weight(text: str) -> float:
    try:
        valid = 0 <= float(text) <= MAX_WEIGHT
    except ValueError:
        valid = False
    if not valid:
        raise UsageError(f"weight must be in 0..{MAX_WEIGHT:g}, not {text!r}")
    return float(text)


def _box(row: Cells) -> Box | None:
    given = [row.get(side) for side in SIDE_COLUMNS if side in row]
    box = row.get(BOX_COLUMN)
    if box is not None and given:
        raise UsageError("give the box once: as box, or as left, top, right and bottom")
    if box is None:
        if not any(str(side).strip() for side in given if side is not None):
            return None
        box = given
    if not isinstance(box, list) or len(box) != len(SIDE_COLUMNS):
        raise UsageError("a box must be four numbers: left, top, right and bottom in pixels")
    left, top, right, bottom = map(_number, box)
    if problem := find_box_problem((left, top, right, bottom)):
        raise UsageError(problem)
    return left, top, right, bottom


def _number(value: object) -> float:
    """The number of a cell, not-a-number for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return nan
