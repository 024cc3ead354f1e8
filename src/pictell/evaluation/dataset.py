"""Labelled pictures: a folder of class folders, or a list of files as CSV or JSON lines.

Nothing is decoded here. What is kept of a picture is its file's name, a number for its label and
a weight, so that a list of a million pictures takes about 100 MB.
"""

from __future__ import annotations

import csv
import json
import math
import os
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from pictell.errors import NoPicturesError, PictellError, UsageError
from pictell.formats import HEAD_BYTES, SUFFIXES, sniff
from pictell.sources import expand_path, natural_key

LISTS = ("labels.csv", "labels.jsonl")
FILE_COLUMNS = ("file", "path", "filename", "image")
INDEX_COLUMNS = ("class_index", "index")
LABEL_COLUMNS = ("synset", "wnid", *INDEX_COLUMNS, "label", "class", "name")
WEIGHT_COLUMN = "weight"
EXPECTED = "a folder for each class, or a labels.csv,"
# Sums of these and of their squares stay finite.
MAX_WEIGHT = 1e100

Row = Mapping[str | None, object]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled pictures, in the order of the folder or the list.

    ``files`` (N) are names relative to ``root``; ``label_of`` (N,) int32 says which of ``labels``
    each picture bears; ``weights`` (N,) float64, 0 or more, or ``None`` where the data has none.
    ``by_index`` tells that the labels are class indices. ``empty_classes`` are class folders
    without pictures; ``skipped`` counts the files that are no pictures or in no class folder.
    ``nested``: in every class folder the pictures lie in folders of their own, as they do where
    these are no classes but parts of the data, such as ``train`` and ``val``.
    """

    name: str
    root: Path
    files: tuple[str, ...]
    labels: tuple[str, ...]
    label_of: NDArray[np.int32]
    weights: NDArray[np.float64] | None = None
    by_index: bool = False
    empty_classes: tuple[str, ...] = ()
    skipped: int = 0
    nested: bool = False

    def __len__(self) -> int:
        return len(self.files)

    def path(self, picture: int) -> Path:
        """Where the file of a picture is; ``picture`` is its number in 0..N-1."""
        return self.root / self.files[picture]


def read_dataset(name: str | os.PathLike[str], column: str | None = None) -> Dataset:
    """The labelled pictures of a folder or a list.

    A folder with a ``labels.csv`` or ``labels.jsonl`` is that list; any other holds one folder for
    each class (with all pictures below it), named like the class. A list has a column ``file``
    (or ``path``, ``filename``, ``image``; relative to the list's folder), one of
    ``LABEL_COLUMNS``, or ``column``, and perhaps ``weight``. Raises ``UsageError`` for anything
    else, for a single class, and for weights that are negative or no numbers.
    """
    path = Path(name)
    try:
        found = _read(path, column)
    except PictellError as error:
        raise UsageError(f"{path}: {error}") from error
    except (OSError, ValueError, csv.Error, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path}: cannot be read: {reason}") from error
    return found


def _read(path: Path, column: str | None) -> Dataset:
    if path.is_dir():
        lists = [path / name for name in LISTS if (path / name).is_file()]
        if not lists and column is not None:
            raise UsageError("a folder of class folders has no columns")
        found = _read_list(lists[0], column) if lists else _read_class_folders(path)
        if not lists and not found.files:
            _check_not_loose(path)
    elif path.is_file():
        _check_no_picture(path)
        found = _read_list(path, column)
    else:
        raise UsageError("no such file or folder")
    _check_classes(found)
    return found


def _check_no_picture(path: Path) -> None:
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    if path.suffix.lower() in SUFFIXES or sniff(head):
        raise UsageError("a picture, not labelled data: give a folder of class folders or a list")


def _check_classes(found: Dataset) -> None:
    """Raises ``UsageError`` for fewer classes than two."""
    if not found.files:
        raise UsageError(f"no pictures: {EXPECTED} is expected")
    if len(found.labels) > 1:
        return
    (label,) = found.labels
    if found.nested:
        raise UsageError(
            f"one folder only, {label!r}, and it holds folders of pictures: "
            f"name {found.root / label}"
        )
    raise UsageError(
        f"one class only, {label!r}: name a folder that holds a folder for each of two classes or "
        "more"
    )


def _check_not_loose(folder: Path) -> None:
    """Raises ``UsageError`` where pictures lie in a folder that should hold class folders."""
    loose = sum(1 for _ in _pictures_below(folder, []))
    if loose:
        lie = "1 picture lies" if loose == 1 else f"{loose} pictures lie"
        raise UsageError(f"{lie} loose in it: make {EXPECTED} that names them")


def _read_class_folders(root: Path) -> Dataset:
    files, labels, empty = list[str](), list[str](), list[str]()
    label_of, skipped, nested = array("i"), list[Path](), True
    for folder in sorted(root.iterdir(), key=lambda path: natural_key(path.name)):
        if folder.name.startswith("."):
            continue
        if not folder.is_dir():
            skipped.append(folder)
            continue
        pictures = list(_pictures_below(folder, skipped))
        if not pictures:
            empty.append(folder.name)
            continue
        nested = nested and str(folder) not in map(os.path.dirname, pictures)
        files += [os.path.relpath(picture, root) for picture in pictures]
        label_of.extend([len(labels)] * len(pictures))
        labels.append(folder.name)
    return Dataset(
        name=str(root),
        root=root,
        files=tuple(files),
        labels=tuple(labels),
        label_of=np.array(label_of, np.int32),
        empty_classes=tuple(empty),
        skipped=len(skipped),
        nested=nested and bool(labels),
    )


def _pictures_below(folder: Path, skipped: list[Path]) -> Iterator[str]:
    for source in expand_path(str(folder), skipped.append):
        if isinstance(source.content, NoPicturesError):
            return
        if isinstance(source.content, PictellError):
            raise source.content
        yield source.name


def _read_list(path: Path, column: str | None) -> Dataset:
    files, weights, label_of = list[str](), array("d"), array("i")
    numbers: dict[str, int] = {}
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = _json_rows(stream) if path.suffix.lower() == ".jsonl" else _csv_rows(stream)
        columns: _Columns | None = None
        for line, row in rows:
            columns = columns or _Columns.of(row, column)
            try:
                files.append(_text(row, columns.file))
                label_of.append(numbers.setdefault(_text(row, columns.label), len(numbers)))
                if columns.weighted:
                    weights.append(_weight(_text(row, WEIGHT_COLUMN)))
            except UsageError as error:
                raise UsageError(f"line {line}: {error}") from error
    found_weights = np.array(weights, np.float64) if weights else None
    if found_weights is not None and not found_weights.any():
        raise UsageError("all weights are 0")
    return Dataset(
        name=str(path),
        root=path.parent,
        files=tuple(files),
        labels=tuple(numbers),
        label_of=np.array(label_of, np.int32),
        weights=found_weights,
        by_index=columns is not None and columns.label in INDEX_COLUMNS,
    )


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


def _first(wanted: tuple[str, ...], there: list[str]) -> str:
    for name in wanted:
        if name in there:
            return name
    raise UsageError(f"a column {' or '.join(wanted)} is missing; there are: {', '.join(there)}")


def _csv_rows(stream: TextIO) -> Iterator[tuple[int, Row]]:
    reader = csv.DictReader(stream, strict=True)
    for row in reader:
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
