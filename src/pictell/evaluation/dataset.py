"""Labelled pictures: a folder of class folders, or a list of files. No picture is decoded here."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pictell.errors import NoPicturesError, UsageError
from pictell.files import TextFileError, os_reason, read_text
from pictell.images.sources import expand_path, natural_key

LISTS = ("labels.csv", "labels.jsonl")
JSON_SUFFIX = ".jsonl"
FILE_COLUMNS = ("file", "path", "filename", "image")
INDEX_COLUMNS = ("class_index", "index")
LABEL_COLUMNS = ("synset", "wnid", *INDEX_COLUMNS, "label", "class", "name")
WEIGHT_COLUMN = "weight"
# The sum of the squares of a million such weights is finite.
MAX_WEIGHT = 1e100
# Some millions of rows.
MAX_LIST_BYTES = 1024**3


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled pictures, in the order of the folder or the list.

    ``files`` (N) are relative to ``root``; ``label_of`` (N,) int32 holds indices into ``labels``;
    ``weights`` (N,) float64 are 0 or more, or ``None``. ``by_index``: the labels are class indices.
    ``empty_classes``: class folders without pictures. ``skipped_files`` counts files that are not
    pictures or not in a class folder; ``repeated`` counts rows of a list that name a file again.
    A subfolder that cannot be read is in ``files`` too, so that it counts as a failure.
    """

    name: str
    root: Path
    files: tuple[str, ...]
    labels: tuple[str, ...]
    label_of: NDArray[np.int32]
    weights: NDArray[np.float64] | None = None
    by_index: bool = False
    empty_classes: tuple[str, ...] = ()
    skipped_files: int = 0
    repeated: int = 0

    def __len__(self) -> int:
        return len(self.files)

    def path(self, picture: int) -> Path:
        """The file of a picture, by its number in 0..N-1."""
        return self.root / self.files[picture]


def read_dataset(name: str | os.PathLike[str], column: str | None = None) -> Dataset:
    """Read the labelled pictures of a folder or a list.

    A folder with a ``labels.csv`` or ``labels.jsonl`` is that list. Any other folder has one
    subfolder per class, named like the class; all pictures below it belong to the class. A list,
    CSV or JSON lines, has one of ``FILE_COLUMNS`` (relative to the folder of the list), a label in
    ``column`` or in the first of ``LABEL_COLUMNS`` that is there, and optionally a ``weight``.
    Raises ``UsageError`` for anything else, for a list with the number of the wrong line.
    """
    if not os.fspath(name):
        raise UsageError("the data has an empty name: give a folder or a list")
    path = Path(name)
    place = next(filter(os.path.isfile, (path / one for one in LISTS)), path)
    try:
        if not os.path.isdir(place):
            return _read_list(place, column)
        if column is not None:
            raise UsageError("a column was given, but this is a folder of class folders")
        return _read_class_folders(place)
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from error
    except FileNotFoundError:
        raise UsageError(f"{place}: no such file or folder") from None
    except TextFileError as error:
        raise UsageError(f"{place} {error}: give a folder of class folders or a list") from error
    except (OSError, csv.Error) as error:
        raise UsageError(f"{place} cannot be read: {os_reason(error)}") from error


def _read_class_folders(root: Path) -> Dataset:
    files, label_of = list[str](), list[int]()
    labels, empty, skipped = list[str](), list[str](), list[Path]()
    for folder in sorted(root.iterdir(), key=lambda path: natural_key(path.name)):
        if folder.name.startswith("."):
            continue
        if not folder.is_dir():
            skipped.append(folder)
        elif pictures := list(_pictures_below(folder, skipped)):
            files += [os.path.relpath(picture, root) for picture in pictures]
            label_of += [len(labels)] * len(pictures)
            labels.append(folder.name)
        else:
            empty.append(folder.name)
    if not files:
        raise UsageError(
            "no class folders with pictures: give a folder with a subfolder of pictures for each "
            "class, or with a labels.csv"
        )
    return Dataset(
        name=str(root),
        root=root,
        files=tuple(files),
        labels=tuple(labels),
        label_of=np.array(label_of, np.int32),
        empty_classes=tuple(empty),
        skipped_files=len(skipped),
    )


def _pictures_below(folder: Path, skipped: list[Path]) -> Iterator[str]:
    """The files of a class, and the folders below it (or itself) that cannot be read."""
    for source in expand_path(str(folder), skipped.append):
        if not isinstance(source.content, NoPicturesError):
            yield source.name


def _read_list(path: Path, column: str | None) -> Dataset:
    text = read_text(path, MAX_LIST_BYTES)
    rows = _json_rows(text) if path.suffix.lower() == JSON_SUFFIX else _csv_rows(text)
    columns, pictures = list[str](), list[list[str]]()
    for line, row in rows:
        try:
            if not isinstance(row, dict):
                raise UsageError("not a JSON object")
            columns = columns or _columns(row, column)
            pictures.append(_cells(row, columns))
        except UsageError as error:
            raise UsageError(f"line {line}: {error}") from error
    if not pictures:
        raise UsageError(
            "no pictures: a CSV list has a header row such as file,label and one row per picture; "
            "a .jsonl list has one object with file and label per line"
        )
    files, labels, *weights = zip(*pictures, strict=True)
    numbers = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    return Dataset(
        name=str(path),
        root=path.parent,
        files=files,
        labels=tuple(numbers),
        label_of=np.array([numbers[label] for label in labels], np.int32),
        weights=np.array([*map(float, weights[0])]) if weights else None,
        by_index=columns[1] in INDEX_COLUMNS,
        repeated=len(files) - len(set(map(os.path.normpath, files))),
    )


def _csv_rows(text: str) -> Iterator[tuple[int, Any]]:
    reader = csv.DictReader(StringIO(text, newline=""), strict=True)
    for name, count in Counter(reader.fieldnames or ()).items():
        if count > 1 and name.strip():
            raise UsageError(f"{count} columns are called {name}: rename all but one")
    for row in reader:
        yield reader.line_num, row


def _json_rows(text: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        yield number, row


def _columns(row: dict[Any, object], column: str | None) -> list[str]:
    """The columns of the file, of the label and, in lists with weights, of the weight."""
    found = []
    for wanted in (FILE_COLUMNS, LABEL_COLUMNS if column is None else (column,)):
        name = next(filter(row.__contains__, wanted), None)
        if name is None:
            given = ", ".join(filter(None, row))
            raise UsageError(f"no column {' or '.join(wanted)}: the columns are {given}")
        found.append(name)
    return [*found, WEIGHT_COLUMN] if WEIGHT_COLUMN in row else found


def _cells(row: dict[Any, object], columns: list[str]) -> list[str]:
    # DictReader stores surplus cells under None.
    if None in row:
        raise UsageError("more cells than columns: quote texts that contain a comma")
    if (WEIGHT_COLUMN in row) != (WEIGHT_COLUMN in columns):
        raise UsageError("give every row a weight, or none")
    cells = []
    for column in columns:
        value = row.get(column)
        text = str(value) if isinstance(value, str | int | float) else ""
        if not text.strip():
            raise UsageError(f"no {column}")
        if column == WEIGHT_COLUMN:
            _check_weight(text)
        cells.append(text)
    return cells


def _check_weight(text: str) -> None:
    try:
        valid = 0 <= float(text) <= MAX_WEIGHT
    except ValueError:
        valid = False
    if not valid:
        raise UsageError(f"weight must be in 0..{MAX_WEIGHT:g}, not {text!r}")
