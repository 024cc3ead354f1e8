"""Files that travel with a photo: sidecars, the film of a Live Photo, a raw and its JPEG.

Files of one folder belong to a photo by their names, whatever the case of the suffix:

- ``IMG_1.jpg.xmp`` and the like, of any program that names its file after the whole name;
- ``IMG_1.xmp``, ``IMG_1.aae`` and ``IMG_1.mov``, with the same name up to the suffix;
- a camera raw and a picture, ``IMG_1.CR2`` and ``IMG_1.JPG``, are one photo;
- ``IMG_E1234.HEIC`` is an Apple phone's edited version of ``IMG_1234.HEIC``, and
  ``IMG_1234.AAE`` says how it was edited.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

from pictell.images.formats import SUFFIXES as PICTURES
from pictell.types import Source

RAWS = frozenset(
    """.3fr .ari .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .gpr .iiq .k25 .kdc .mef .mos .mrw .nef
    .nrw .orf .pef .raf .raw .rw2 .rwl .sr2 .srf .srw .x3f""".split()
)
# After the whole name of a picture; .pp3 is RawTherapee's, .dop is DxO's, .json Google Takeout's.
AFTER_NAME = frozenset([".xmp", ".aae", ".pp3", ".dop", ".json"])
# Instead of the suffix of a picture; .thm is a camera's thumbnail.
INSTEAD_OF_SUFFIX = frozenset([".xmp", ".aae", ".mov", ".thm"])
SIDECARS = AFTER_NAME | {".thm"}
EDITED = re.compile(r"(IMG_)[EO]([0-9]{4,})", re.ASCII | re.IGNORECASE)
ORIGINAL = re.compile(r"(IMG_)([0-9]{4,})", re.ASCII | re.IGNORECASE)


class Member(NamedTuple):
    """A file of a group: its name is ``stem + tail``; files with the same stem are a pair."""

    stem: str
    tail: str

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.stem + self.tail


class Group(NamedTuple):
    """Files of one ``folder`` that belong together. The first one, a photo, says where they go.

    ``photo`` is its number in what ``find_groups`` received.
    """

    folder: Path
    photo: int
    members: tuple[Member, ...]


def file_names(folder: Path) -> list[str]:
    """The names of the files in a folder; none if it cannot be read."""
    return [name for name, is_folder in entries(folder) if not is_folder]


def entries(folder: Path) -> list[tuple[str, bool]]:
    """The names in a folder, and whether each is a folder."""
    try:
        with os.scandir(folder) as listing:
            return [(entry.name, entry.is_dir()) for entry in listing]
    except OSError:
        return []


def split_name(name: str) -> tuple[str, str]:
    """The name of a file up to its suffix, and the suffix."""
    path = PurePath(name)
    return path.stem, path.suffix


def is_sidecar(name: str) -> bool:
    """Whether a name is that of a file which says something about a picture, even without one."""
    return split_name(name)[1].lower() in SIDECARS


def without_paired_raws(sources: Sequence[Source]) -> list[Source]:
    """The sources but the camera raws of which a picture is there too: the pair is one photo."""
    paths = [one.content for one in sources if isinstance(one.content, Path)]
    raws = {path: path.with_suffix("") for path in paths if path.suffix.lower() in RAWS}
    if not raws:  # most folders; to look at the other paths takes time
        return list(sources)
    pictures = {path.with_suffix("") for path in paths if path.suffix.lower() in PICTURES}
    paired = {path for path, stem in raws.items() if stem in pictures}
    return [one for one in sources if not (isinstance(one.content, Path) and one.content in paired)]


def find_groups(
    photos: Sequence[Path], names_in: Callable[[Path], Iterable[str]] = file_names
) -> Iterator[Group]:
    """The groups of photos, in the order of their first photos; no file is in two groups.

    ``names_in`` gives the names of the files in a folder. Of a raw and a picture, the picture comes
    first; of a picture and its edited version, the original.
    """
    numbers: dict[Path, list[int]] = defaultdict(list)
    for number, path in enumerate(photos):
        numbers[path.parent].append(number)
    groups = list[Group]()
    for folder, some in numbers.items():
        named = {photos[number].name: number for number in reversed(some)}
        files = _Files(names_in(folder))
        for name in sorted(named, key=lambda one: (*_rank(one), named[one])):
            if members := files.take(name):
                groups.append(Group(folder, named[name], members))
    return iter(sorted(groups, key=lambda group: group.photo))


def _rank(name: str) -> tuple[bool, bool]:
    stem, suffix = split_name(name)
    return suffix.lower() in RAWS, EDITED.fullmatch(stem) is not None


class _Files:
    """The files of a folder that are in no group yet, by their names up to the suffix."""

    def __init__(self, names: Iterable[str]) -> None:
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        self._taken = set[str]()
        for name in sorted(names):
            self._by_stem[_folded(split_name(name)[0])].append(name)

    def take(self, photo: str) -> tuple[Member, ...]:
        """The photo and what belongs to it; nothing if the photo is in a group."""
        if photo in self._taken:
            return ()
        members = [_member(photo)]
        self._taken.add(photo)
        members += map(_member, self._take(self._partners(photo)))
        for picture in tuple(members):
            sidecars = self._find(picture.name, AFTER_NAME)
            members += [
                Member(name[: len(picture.stem)], name[len(picture.stem) :])
                for name in self._take(sidecars)
            ]
        return tuple(members)

    def _partners(self, photo: str) -> Iterator[str]:
        """The files with the same stem that belong to a photo, and its other version's."""
        stem, suffix = split_name(photo)
        is_raw = suffix.lower() in RAWS
        yield from self._find(stem, INSTEAD_OF_SUFFIX | (PICTURES if is_raw else RAWS))
        if ORIGINAL.fullmatch(stem):
            for letter in "EO":
                version = ORIGINAL.sub(rf"\g<1>{letter}\g<2>", stem)
                yield from self._find(version, INSTEAD_OF_SUFFIX | PICTURES | RAWS)
        elif EDITED.fullmatch(stem):
            original = EDITED.sub(r"\g<1>\g<2>", stem)
            if not any(self._find(original, PICTURES | RAWS)):
                yield from self._find(original, INSTEAD_OF_SUFFIX)

    def _find(self, stem: str, suffixes: frozenset[str]) -> Iterator[str]:
        for name in self._by_stem.get(_folded(stem), ()):
            if split_name(name)[1].lower() in suffixes:
                yield name

    def _take(self, names: Iterable[str]) -> list[str]:
        """Those of the names that are in no group yet; from now on they are."""
        free = [name for name in dict.fromkeys(names) if name not in self._taken]
        self._taken.update(free)
        return free


def _member(name: str) -> Member:
    return Member(*split_name(name))


def _folded(name: str) -> str:
    """The name without the case of its suffix: the sidecar of ``A.JPG`` may be ``A.jpg.xmp``."""
    stem, suffix = split_name(name)
    return stem + suffix.lower()
