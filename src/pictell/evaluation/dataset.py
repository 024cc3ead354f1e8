"""Labelled pictures: a folder of class folders, or a list of files as CSV or JSON lines.

Nothing is decoded here. What is kept of a picture is its file's name, a number for its label and
a weight, so that a list of a million pictures takes about 100 MB.
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
from pictell.evaluation.label_list import JSON_SUFFIX, read_list
from pictell.images.formats import HEAD_BYTES, SUFFIXES, sniff
from pictell.images.sources import expand_path, natural_key

LISTS = ("labels.csv", "labels.jsonl")
EXPECTED = "a folder for each class, or a labels.csv,"
EMPTY_LIST = {
    "csv": "a list has a line of column names, and one for each picture: file,label",
    "jsonl": "a list has an object with file and label on each line",
}


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled pictures, in the order of the folder or the list.

    ``files`` (N) are names relative to ``root``; ``label_of`` (N,) int32 says which of ``labels``
    each picture bears; ``weights`` (N,) float64, 0 or more, or ``None`` where the data has none.
    ``by_index`` tells that the labels are class indices. ``empty_classes`` are class folders
    without pictures; ``skipped`` counts the files that are no pictures or in no class folder.
    ``nested``: in every class folder the pictures lie in folders of their own, as they do where
    these are no classes but parts of the data, such as ``train`` and ``val``. ``repeated`` counts
    the lines of a list that name a picture again. A folder below a class folder that may not be
    read stands among the files: nobody knows how many pictures are in it, and it will fail as one
    that cannot be read.
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
    repeated: int = 0

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
    ``listed.LABEL_COLUMNS``, or ``column``, and perhaps ``weight``, in all rows or in none. Raises
    ``UsageError`` for anything else, for a single class, and for weights that are negative, no
    numbers or all 0.
    """
    if not os.fspath(name):
        raise UsageError("an empty name: name a folder or a list")
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
        if lists:
            return _of_two_classes(_read_list(lists[0], column))
        if column is not None:
            raise UsageError("a folder of class folders has no columns")
        return _of_folders(_read_class_folders(path))
    if path.is_file():
        _check_no_picture(path)
        return _of_two_classes(_read_list(path, column))
    if path.exists():
        raise UsageError("not a regular file, as a list of pictures is")
    raise UsageError("no such file or folder")


def _check_no_picture(path: Path) -> None:
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    if path.suffix.lower() in SUFFIXES or sniff(head):
        raise UsageError("a picture, not labelled data: give a folder of class folders or a list")


def _of_two_classes(found: Dataset) -> Dataset:
    if len(found.labels) == 1:
        raise UsageError(
            f"one class only, {found.labels[0]!r}: list pictures of two classes or more"
        )
    return found


def _of_folders(found: Dataset) -> Dataset:
    """What was found in class folders, if these are two or more."""
    if not found.files:
        _check_not_loose(found.root)
        raise UsageError(f"no pictures: {EXPECTED} is expected")
    if len(found.labels) > 1:
        return found
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
    label_of, skipped, nested = array("i"), list[Path](), list[bool]()
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
        if pictures != [str(folder)]:
            nested.append(str(folder) not in map(os.path.dirname, pictures))
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
        nested=bool(nested) and all(nested),
    )


def _pictures_below(folder: Path, skipped: list[Path]) -> Iterator[str]:
    """The files of a class; folders that cannot be read, its own perhaps, are told by name too."""
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
        kind = "jsonl" if path.suffix.lower() == JSON_SUFFIX else "csv"
        raise UsageError(f"no pictures: {EMPTY_LIST[kind]}")
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
