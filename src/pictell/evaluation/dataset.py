"""Labelled pictures: a folder of class folders, or a list of files as CSV or JSON lines.

No picture is decoded here. A picture is stored as a file name, a label number and a weight, about
100 MB for a million pictures.
"""

from __future__ import annotations

import csv
import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pictell.errors import NoPicturesError, PictellError, UsageError
from pictell.evaluation.label_list import read_list
from pictell.images.formats import HEAD_BYTES, SUFFIXES, sniff
from pictell.images.sources import expand_path, natural_key

LISTS = ("labels.csv", "labels.jsonl")


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled pictures, in the order of the folder or the list.

    ``files`` (N) are relative to ``root``; ``label_of`` (N,) int32 holds indices into ``labels``;
    ``weights`` (N,) float64 are 0 or more, or ``None``. ``by_index``: the labels are class indices.
    ``empty_classes``: class folders without pictures. ``skipped`` counts files that are not
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
    skipped: int = 0
    repeated: int = 0

    def __len__(self) -> int:
        return len(self.files)

    def path(self, picture: int) -> Path:
        """The file of a picture, by its number in 0..N-1."""
        return self.root / self.files[picture]


def read_dataset(name: str | os.PathLike[str], column: str | None = None) -> Dataset:
    """Read the labelled pictures of a folder or a list.

    A folder with a ``labels.csv`` or ``labels.jsonl`` is that list. Any other folder has one
    subfolder per class, named like the class; all pictures below it belong to the class. A list has
    a column ``file`` (or ``path``, ``filename``, ``image``; relative to the folder of the list), a
    label in ``column`` or one of ``label_list.LABEL_COLUMNS``, and optionally a ``weight``. Raises
    ``UsageError`` for anything else, for fewer than two classes and for invalid weights.
    """
    if not os.fspath(name):
        raise UsageError("the data has an empty name: give a folder or a list")
    path = Path(name)
    try:
        found = _read(path, column)
        if len(found.labels) == 1:
            raise UsageError(
                f"only one class, {found.labels[0]!r}: give a folder with a subfolder for each of "
                "two or more classes, or a list with two or more labels"
            )
    except PictellError as error:
        raise UsageError(f"{path}: {error}") from error
    except (OSError, ValueError, csv.Error, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path}: cannot be read: {reason}") from error
    return found


def _read(path: Path, column: str | None) -> Dataset:
    if path.is_dir():
        for name in LISTS:
            if (path / name).is_file():
                return _read_list(path / name, column)
        if column is not None:
            raise UsageError("a column was given, but this is a folder of class folders")
        return _read_class_folders(path)
    if path.is_file():
        _check_not_picture(path)
        return _read_list(path, column)
    if path.exists():
        raise UsageError("not a regular file: give a folder or a list")
    raise UsageError("no such file or folder")


def _check_not_picture(path: Path) -> None:
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    if path.suffix.lower() in SUFFIXES or sniff(head):
        raise UsageError("a picture, not labelled data: give a folder of class folders or a list")


def _read_class_folders(root: Path) -> Dataset:
    files, labels, empty = list[str](), list[str](), list[str]()
    label_of, skipped = array("i"), list[Path]()
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
        files += [os.path.relpath(picture, root) for picture in pictures]
        label_of.extend([len(labels)] * len(pictures))
        labels.append(folder.name)
    if not files:
        loose = any(_pictures_below(root, []))
        raise UsageError(
            f"{'the pictures are not in class folders' if loose else 'no pictures'}: "
            "give a folder with a subfolder of pictures for each class, or with a labels.csv"
        )
    return Dataset(
        name=str(root),
        root=root,
        files=tuple(files),
        labels=tuple(labels),
        label_of=np.array(label_of, np.int32),
        empty_classes=tuple(empty),
        skipped=len(skipped),
    )


def _pictures_below(folder: Path, skipped: list[Path]) -> Iterator[str]:
    """The files of a class, and the folders below it (or itself) that cannot be read."""
    for source in expand_path(str(folder), skipped.append):
        if not isinstance(source.content, NoPicturesError):
            yield source.name


def _read_list(path: Path, column: str | None) -> Dataset:
    files, weights, label_of = list[str](), array("d"), array("i")
    numbers: dict[str, int] = {}
    by_index = False
    for picture in read_list(path, column):
        files.append(picture.file)
        label_of.append(numbers.setdefault(picture.label, len(numbers)))
        if picture.weight is not None:
            weights.append(picture.weight)
        by_index = picture.by_index
    if not files:
        raise UsageError(
            "no pictures: a CSV list has a header row such as file,label and one row per picture; "
            "a .jsonl list has one object with file and label per line"
        )
    if weights and not any(weights):
        raise UsageError("all weights are 0")
    return Dataset(
        name=str(path),
        root=path.parent,
        files=tuple(files),
        labels=tuple(numbers),
        label_of=np.array(label_of, np.int32),
        weights=np.array(weights, np.float64) if weights else None,
        by_index=by_index,
        repeated=len(files) - len(set(map(os.path.normpath, files))),
    )
