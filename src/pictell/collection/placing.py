"""Where photos go: what the model and the camera say of a photo → its folder and its names there.

Nothing is changed here; the files of the sources and the targets are only looked at.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import (
    Callable,
    Container,
    Hashable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
    Set,
)
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePath
from typing import Literal, NamedTuple

from pictell.collection.companions import Group, find_groups
from pictell.collection.folder_names import NO_DATE, NOT_SURE, LabelFolders
from pictell.collection.survey import Photo
from pictell.collection.target_names import Origin, TargetFolder, find_number, numbered
from pictell.results import Result, Status

By = Literal["date", "label"]
ANSWERED = (Status.SURE, Status.LIKELY)
Reason = Literal["in place", "same content", "other content", "link", "with photo"]


class Placement(NamedTuple):
    """A file and where it goes.

    With a ``reason`` it stays, and ``target`` is the file that is there; of a file that stays with
    its photo, and of a link, it is the file itself.
    """

    source: Path
    target: Path
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class PlacedGroup:
    """The files of a group; the first is the photo that says where they go.

    ``photos`` are the sources among them that the survey knows. ``sure``: the model has an answer.
    """

    files: tuple[Placement, ...]
    photos: frozenset[Path]
    sure: bool


def choose_folder(
    photo: Photo,
    result: Result,
    labels: LabelFolders,
    by: Sequence[By],
    statuses: Container[Status] = ANSWERED,
) -> PurePath:
    """The folder of a photo, below that of all: ``animal/cat``, ``2024/06`` or both.

    Without an answer with one of the ``statuses`` it is ``not-sure``; without a date, ``no-date``.
    A model that gives no answers has the folder of the best class.
    """
    taken = photo.taken
    parts: dict[By, PurePath] = {
        "label": _label_folder(result, labels, statuses),
        "date": PurePath(NO_DATE if taken is None else f"{taken.year:04}/{taken.month:02}"),
    }
    return PurePath(*(parts[one] for one in by))


def _label_folder(result: Result, labels: LabelFolders, statuses: Container[Status]) -> PurePath:
    if result.answer is not None and result.status in statuses:
        return labels.of_id(result.answer.id)
    if result.status is None and result.predictions:
        return labels.of_class(result.top.class_index)
    return PurePath(NOT_SURE)


def place(
    photos: Sequence[Photo], folders: Sequence[PurePath], into: Path, *, moves: bool
) -> Iterator[PlacedGroup]:
    """The groups of N photos that go to N folders below ``into``, in the order of the photos.

    A photo is in no folder twice: one whose content is there already, or gets there, stays. With
    ``moves`` its companions stay with it, and so do links, which would lead elsewhere. A photo that
    is named twice counts once.
    """
    identity = cache(_identity)
    sources = dict[Path, int]()
    for number, path in enumerate(_spelled_alike((one.path for one in photos), identity)):
        sources.setdefault(path, number)
    numbers = list(sources.values())
    targets = _Targets(identity, _folders_inside(into, folders), moves)
    for group in find_groups(list(sources)):
        number = numbers[group.photo]
        files = targets.place(group, into / folders[number], photos[number].digest)
        named = frozenset(file.source for file in files if file.source in sources)
        yield PlacedGroup(files, named, NOT_SURE not in folders[number].parts)


def _spelled_alike(paths: Iterable[Path], identity: Callable[[Path], Hashable]) -> Iterator[Path]:
    """The paths, with one spelling for each folder."""
    folders = dict[Hashable, Path]()
    for path in paths:
        yield folders.setdefault(identity(path.parent), path.parent) / path.name


def _identity(folder: Path) -> Hashable:
    """The same value for all paths of a folder, also those that differ in case."""
    with suppress(OSError):
        status = folder.stat()
        if status.st_ino:
            return status.st_dev, status.st_ino
    return os.path.realpath(folder)


def _folders_inside(into: Path, folders: Iterable[PurePath]) -> dict[Path, set[str]]:
    """The names of the folders that each folder has, or will have, inside."""
    inside: dict[Path, set[str]] = defaultdict(set)
    for folder in set(folders):
        for parent in (folder, *folder.parents):
            inside[into / parent.parent].add(parent.name)
    return inside


class _Targets:
    """The folders that groups go to, each read once."""

    def __init__(
        self, identity: Callable[[Path], Hashable], inside: Mapping[Path, Set[str]], moves: bool
    ) -> None:
        self._identity = identity
        self._inside = inside
        self._moves = moves
        self._folders = dict[Path, TargetFolder]()

    def place(self, group: Group, path: Path, digest: str) -> tuple[Placement, ...]:
        photo = group.folder / group.members[0].name
        if self._identity(group.folder) == self._identity(path):
            return tuple(
                Placement(group.folder / member.name, path / member.name, "in place")
                for member in group.members
            )
        if self._moves and photo.is_symlink():
            return Placement(photo, photo, "link"), *_with_photo(group)
        if path not in self._folders:
            self._folders[path] = TargetFolder(path, self._inside.get(path, frozenset()))
        folder = self._folders[path]
        origin = Origin(group.folder, group.members[0].stem)
        if (name := folder.find(photo, digest)) is not None:
            return self._beside(group, folder, name, origin)
        names = folder.give(group.members, origin, digest)
        return tuple(
            Placement(group.folder / member.name, path / name)
            for member, name in zip(group.members, names, strict=True)
        )

    def _beside(
        self, group: Group, folder: TargetFolder, name: str, origin: Origin
    ) -> tuple[Placement, ...]:
        """The photo is there as ``name``: copies of its companions go beside it."""
        number = find_number(group.members, name)
        photo = Placement(group.folder / group.members[0].name, folder.path / name, "same content")
        if number is None or self._moves:
            return photo, *_with_photo(group)
        folder.belongs(origin, number)
        placements = [photo]
        for member, other in zip(group.members, numbered(group.members, number), strict=True):
            source, target = group.folder / member.name, folder.path / other
            if source == photo.source:
                continue
            if folder.is_free(other):
                folder.add(other, source, origin)
                placements.append(Placement(source, target))
            else:
                same = folder.has_content(other, source)
                placements.append(
                    Placement(source, target, "same content" if same else "other content")
                )
        return tuple(placements)


def _with_photo(group: Group) -> Iterator[Placement]:
    """The files of a group that stay where they are, because its photo does."""
    for member in group.members[1:]:
        source = group.folder / member.name
        yield Placement(source, source, "with photo")
