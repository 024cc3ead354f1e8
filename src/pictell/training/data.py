"""What is wrong, and what is odd, with labelled pictures before a model is trained on them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pictell.errors import UsageError
from pictell.evaluation.dataset import Dataset
from pictell.evaluation.matching import MAX_SHOWN, listed
from pictell.evaluation.outcomes import FailedPicture
from pictell.models.labels import folded
from pictell.training.duplicates import find_groups
from pictell.training.embed import Embedded

# More classes than this are seldom meant; often the files were taken for classes.
MANY_CLASSES = 1000
SLASHES = "/\\"


@dataclass(frozen=True, slots=True)
class Conflict:
    """The same bytes, and the same box, with different labels: the files with their labels."""

    files: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class DataReport:
    """What the pictures of a dataset are like. Pictures are numbers in the dataset.

    - ``pictures``: how many could be read; ``failed``: the others.
    - ``counts``: the pictures of each label that could be read, in the order of its labels.
    - ``without_pictures``, ``with_one_picture``: labels with none that could be read, and with one,
      which can be learned but not tested.
    - ``many_classes``: whether there are more than ``MANY_CLASSES``.
    - ``conflicts``: the same picture with different labels.
    - ``same_bytes``: pictures that are the same file with the same box, as groups of two or more;
      ``copies``: these and those that look the same (``duplicates``), as groups.
    - ``group_of`` (pictures,): the group of each picture that was read, for ``split.split``.
    """

    pictures: int
    failed: tuple[FailedPicture, ...]
    counts: tuple[int, ...]
    without_pictures: tuple[str, ...]
    with_one_picture: tuple[str, ...]
    many_classes: bool
    conflicts: tuple[Conflict, ...]
    same_bytes: tuple[tuple[int, ...], ...]
    copies: tuple[tuple[int, ...], ...]
    group_of: NDArray[np.int64]


def check_labels(dataset: Dataset) -> None:
    """Check the names of the labels, without reading a picture.

    Raises ``UsageError`` for fewer than two, for two that differ only in case, spaces or
    underscores, and for one with a slash, a line break or another control character.
    """
    if len(dataset.labels) < 2:
        raise UsageError(
            f"{dataset.name}: all pictures have the label {dataset.labels[0]!r}: give pictures of "
            "two or more classes"
        )
    for label in dataset.labels:
        if not all(letter.isprintable() and letter not in SLASHES for letter in label):
            raise UsageError(
                f"{dataset.name}: the label {label!r} has a slash, a line break or another control "
                "character: rename it, as a label can be the name of a folder"
            )
    alike = defaultdict[str, list[str]](list)
    for label in dataset.labels:
        alike[folded(label)].append(repr(label))
    same = [" and ".join(names) for names in alike.values() if len(names) > 1]
    if same:
        raise UsageError(
            f"{dataset.name}: labels differ only in case, spaces or underscores: "
            f"{listed(same, MAX_SHOWN)}: give each class one name"
        )


def review(dataset: Dataset, embedded: Embedded) -> DataReport:
    """Look for copies, contradictions and labels with few pictures.

    ``embedded`` are the pictures of the dataset that could be read. Raises ``UsageError`` if fewer
    than two labels have any.
    """
    pictures = embedded.pictures.tolist()
    counts = np.zeros(len(dataset.labels), np.int64)
    for picture in pictures:
        counts[list(_labels_of(dataset, picture))] += 1
    if np.count_nonzero(counts) < 2:
        label = dataset.labels[int(counts.argmax())]
        raise UsageError(
            f"{dataset.name}: all pictures that could be read have the label {label!r}: give "
            "pictures of two or more classes"
        )
    keys = [
        (digest, dataset.source(picture).box)
        for picture, digest in zip(pictures, embedded.digests, strict=True)
    ]
    same = tuple(_together(keys, pictures))
    group_of = find_groups(embedded.digests, embedded.hashes)
    return DataReport(
        pictures=len(pictures),
        failed=embedded.failed,
        counts=tuple(counts.tolist()),
        without_pictures=tuple(dataset.labels[one] for one in np.flatnonzero(counts == 0)),
        with_one_picture=tuple(dataset.labels[one] for one in np.flatnonzero(counts == 1)),
        many_classes=len(dataset.labels) > MANY_CLASSES,
        conflicts=tuple(_conflicts(dataset, same)),
        same_bytes=same,
        copies=tuple(_together(group_of.tolist(), pictures)),
        group_of=group_of,
    )


def _labels_of(dataset: Dataset, picture: int) -> tuple[int, ...]:
    if dataset.labels_of is None:
        return (int(dataset.label_of[picture]),)
    return dataset.labels_of[picture]


def _together(keys: Sequence[object], pictures: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """The pictures with the same key, where there are two or more."""
    members = defaultdict[object, list[int]](list)
    for key, picture in zip(keys, pictures, strict=True):
        members[key].append(picture)
    for group in members.values():
        if len(group) > 1:
            yield tuple(group)


def _conflicts(dataset: Dataset, same: Sequence[tuple[int, ...]]) -> Iterator[Conflict]:
    for group in same:
        labels_of = [_labels_of(dataset, picture) for picture in group]
        if len(set(map(frozenset, labels_of))) > 1:
            yield Conflict(
                files=tuple(dataset.files[picture] for picture in group),
                labels=tuple(tuple(map(dataset.labels.__getitem__, one)) for one in labels_of),
            )
