"""Labelled pictures: a folder of class folders, or a list of files. No picture is decoded here."""

from __future__ import annotations

import csv
import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pictell.errors import NoPicturesError, UsageError
from pictell.evaluation.label_lists import INDEX_COLUMNS, SEVERAL_LABELS, read_rows
from pictell.files import TextFileError, os_reason
from pictell.images.sources import expand_path, natural_key
from pictell.types import Box, Source

LISTS = ("labels.csv", "labels.jsonl")


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled pictures, in the order of the folder or the list.

    ``files`` (N) are relative to ``root``; ``label_of`` (N,) int32 holds indices into ``labels``;
    ``weights`` (N,) float64 are 0 or more, or ``None``. ``by_index``: the labels are class indices.
    ``empty_classes``: class folders without pictures. ``skipped_files`` counts files that are not
    pictures or not in a class folder; ``repeated`` counts rows of a list that name a file, or a box
    of it, again. A subfolder that cannot be read is in ``files`` too, so that it counts as a
    failure. ``labels_of`` (N): all labels of each picture, one or more, in a multi-label list;
    ``label_of`` then has the first. ``boxes`` (N): the part of each picture that has a label,
    ``None`` for the whole picture; ``None`` if no picture has a box.
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
    labels_of: tuple[tuple[int, ...], ...] | None = None
    boxes: tuple[Box | None, ...] | None = None

    def __len__(self) -> int:
        return len(self.files)

    def path(self, picture: int) -> Path:
        """The file of a picture, by its number in 0..N-1."""
        return self.root / self.files[picture]

    def source(self, picture: int) -> Source:
        """The file of a picture, and its box, as a source."""
        path = self.path(picture)
        return Source(str(path), path, None if self.boxes is None else self.boxes[picture])

    def labels_of_picture(self, picture: int) -> tuple[int, ...]:
        """All labels of a picture, one or more, as indices into ``labels``."""
        if self.labels_of is None:
            return (int(self.label_of[picture]),)
        return self.labels_of[picture]


def read_dataset(name: str | os.PathLike[str], column: str | None = None) -> Dataset:
    """Read the labelled pictures of a folder or a list.

    A folder with a ``labels.csv`` or ``labels.jsonl`` is that list. Any other folder has one
    subfolder per class, named like the class; all pictures below it belong to the class. A list is
    described in ``pictell.evaluation.label_lists``; ``column`` is the one with the labels. Raises
    ``UsageError`` for anything else, for a list with the number of the wrong line.
    """
    if not os.fspath(name):
        raise UsageError("the data has an empty name: give a folder or a list")
    place = place_of(name)
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


def place_of(name: str | os.PathLike[str]) -> Path:
    """The list in a folder, if it has one; else the folder or the file itself."""
    path = Path(name)
    return next(filter(os.path.isfile, (path / one for one in LISTS)), path)


def read_unlabelled(name: str | os.PathLike[str]) -> Dataset:
    """The pictures of a folder, at any depth, as a dataset with one label.

    Raises ``UsageError`` for anything else and for a folder without pictures.
    """
    root, skipped = Path(name), list[Path]()
    if not os.path.isdir(root):
        raise UsageError(f"{root}: no such folder")
    files = [os.path.relpath(picture, root) for picture in _pictures_below(root, skipped)]
    if not files:
        raise UsageError(f"{root}: no pictures")
    return Dataset(
        str(root), root, tuple(files), ("other",), np.zeros(len(files), np.int32),
        skipped_files=len(skipped),
    )  # fmt: skip


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
            labels.append(unicodedata.normalize("NFC", folder.name))
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
    column, rows = read_rows(path, column)
    names = dict.fromkeys(label for row in rows for label in row.labels)
    numbers = {label: number for number, label in enumerate(names)}
    labels_of = tuple(tuple(map(numbers.__getitem__, row.labels)) for row in rows)
    weights = [row.weight for row in rows if row.weight is not None]
    places = {(os.path.normpath(row.file), row.box) for row in rows}
    return Dataset(
        name=str(path),
        root=path.parent,
        files=tuple(row.file for row in rows),
        labels=tuple(names),
        label_of=np.array([first for first, *_ in labels_of], np.int32),
        weights=np.array(weights) if weights else None,
        by_index=column in INDEX_COLUMNS,
        repeated=len(rows) - len(places),
        labels_of=labels_of if column == SEVERAL_LABELS else None,
        boxes=tuple(row.box for row in rows) if any(row.box for row in rows) else None,
    )
