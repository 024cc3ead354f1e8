"""What is wrong, and what is odd, with labelled pictures before a model is trained on them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pictell.errors import UsageError
from pictell.evaluation.dataset import Dataset
from pictell.evaluation.matching import MAX_SHOWN, listed
from pictell.evaluation.outcomes import FailedPicture
from pictell.index.copies import find_groups
from pictell.models.labels import folded
from pictell.training.embed import Embedded

# A head of more classes takes hours to fit. Often, files were taken for classes.
MAX_CLASSES = 1000
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
    - ``without_pictures``: labels with none that could be read.
    - ``conflicts``: the same picture with different labels.
    - ``copies``: pictures that are the same file or look the same (``pictell.index.copies``), as
      groups of two or more.
    """

    pictures: int
    failed: tuple[FailedPicture, ...]
    without_pictures: tuple[str, ...]
    conflicts: tuple[Conflict, ...]
    copies: tuple[tuple[int, ...], ...]


def check_labels(labels: Sequence[str], name: str) -> None:
    """Check the labels of pictures from ``name``, without reading one.

    Raises ``UsageError`` for fewer than two or more than ``MAX_CLASSES``, for two that differ only
    in case, spaces or underscores, and for one with a slash, a line break or another control
    character.
    """
    if len(labels) < 2:
        found = f"only the class {labels[0]!r} has" if labels else "no class has"
        raise UsageError(
            f"{name}: {found} pictures that can be read: give two or more classes, such as one of "
            "other things"
        )
    if len(labels) > MAX_CLASSES:
        raise UsageError(
            f"{name}: {len(labels)} classes, at most {MAX_CLASSES} can be trained: check that each "
            "label is a class, not a picture"
        )
    for label in labels:
        if not all(letter.isprintable() and letter not in SLASHES for letter in label):
            raise UsageError(
                f"{name}: the label {label!r} has a slash, a line break or another control "
                "character: rename it, as a label can be the name of a folder"
            )
    alike = defaultdict[str, list[str]](list)
    for label in labels:
        alike[folded(label)].append(repr(label))
    same = [" and ".join(names) for names in alike.values() if len(names) > 1]
    if same:
        raise UsageError(
            f"{name}: labels differ only in case, spaces or underscores: "
            f"{listed(same, MAX_SHOWN)}: give each class one name"
        )


def review(dataset: Dataset, embedded: Embedded) -> DataReport:
    """Look for copies, contradictions and labels without pictures.

    ``embedded`` are the pictures of the dataset that could be read.
    """
    pictures = embedded.pictures.tolist()
    found = {label for picture in pictures for label in dataset.labels_of_picture(picture)}
    same = _together(embedded.keys, pictures)
    group_of = find_groups(embedded.digests, embedded.hashes)
    return DataReport(
        pictures=len(pictures),
        failed=embedded.failed,
        without_pictures=tuple(
            label for place, label in enumerate(dataset.labels) if place not in found
        ),
        conflicts=tuple(_conflicts(dataset, same)),
        copies=tuple(_together(group_of.tolist(), pictures)),
    )


def _together(keys: Sequence[object], pictures: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """The pictures with the same key, where there are two or more."""
    members = defaultdict[object, list[int]](list)
    for key, picture in zip(keys, pictures, strict=True):
        members[key].append(picture)
    for group in members.values():
        if len(group) > 1:
            yield tuple(group)


def _conflicts(dataset: Dataset, same: Iterable[tuple[int, ...]]) -> Iterator[Conflict]:
    for group in same:
        labels_of = [dataset.labels_of_picture(picture) for picture in group]
        if len(set(map(frozenset, labels_of))) > 1:
            yield Conflict(
                files=tuple(dataset.files[picture] for picture in group),
                labels=tuple(tuple(map(dataset.labels.__getitem__, one)) for one in labels_of),
            )
