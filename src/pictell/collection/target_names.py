"""The names of files in the folders they go to: none is given twice, and none is there already."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple

from pictell.collection.companions import RAWS, Member, entries, split_name
from pictell.collection.folder_names import name_key
from pictell.collection.stamp import digest_of
from pictell.images.formats import SUFFIXES as PICTURES

# What most file systems take.
MAX_NAME_BYTES = 255


class Origin(NamedTuple):
    """Where a group comes from; groups of one origin may have the same name up to the suffix."""

    folder: Path
    stem: str


class TargetFolder:
    """The files of a folder, with those that will be there.

    Names that differ only in case or in Unicode's normal form count as the same. A name up to the
    suffix belongs to one origin, because files with the same one would be taken for a pair.
    ``folders`` are the names of folders that will be there.
    """

    def __init__(self, path: Path, folders: Iterable[str] = ()) -> None:
        self.path = path
        # The file that has, or will give, the content of each name.
        self._files = dict[str, Path]()
        self._owners = dict[str, Origin | None]()
        self._numbers = dict[Origin, int]()
        self._next: dict[str, int] = defaultdict(lambda: 1)
        # Files whose content is not known yet, by size; then names, by the digest of the content.
        self._by_size: dict[int | None, list[Path]] = defaultdict(list)
        self._same: dict[str | None, list[str]] = defaultdict(list)
        self._names = dict[Path, str]()
        self._digests = dict[Path, str]()
        for name in folders:
            self._files[name_key(name)] = path / name
        for name, is_folder in entries(path):
            self._files[name_key(name)] = path / name
            if not is_folder:
                self.add(name, path / name, None)

    def find(self, source: Path, digest: str) -> str | None:
        """The name of a file with the same content, if there is one or will be; its own first."""
        for file in self._by_size.pop(_size(source), ()):
            self._same[self._digest(file)].append(self._names[file])
        same = self._same.get(digest, [])
        return source.name if source.name in same else next(iter(same), None)

    def has_content(self, name: str, source: Path) -> bool:
        """Whether the file of a name that is not free has the content of ``source``."""
        file = self._files[name_key(name)]
        return _size(file) == _size(source) and self._digest(file) == self._digest(source)

    def is_free(self, name: str) -> bool:
        """Whether no file has the name."""
        return name_key(name) not in self._files

    def give(self, members: Sequence[Member], origin: Origin, digest: str) -> list[str]:
        """Names for all members of a group, with the same number if they need one.

        ``digest`` is that of the first one.
        """
        stem = name_key(members[0].stem)
        first = [self._numbers[origin]] if origin in self._numbers else []
        for number in chain(first, count(self._next[stem])):
            names = numbered(members, number)
            if self._can_take(names, members, number, origin):
                break
            self._next[stem] = max(self._next[stem], number)
        self._digests[origin.folder / members[0].name] = digest
        for member, name in zip(members, names, strict=True):
            self.add(name, origin.folder / member.name, origin)
        self.belongs(origin, number)
        return names

    def add(self, name: str, source: Path, origin: Origin | None) -> None:
        """Take a free name for a file."""
        self._files[name_key(name)] = source
        self._names[source] = name
        for stem in _stems(name):
            self._owners.setdefault(name_key(stem), origin)
        self._by_size[_size(source)].append(source)

    def belongs(self, origin: Origin, number: int) -> None:
        """The number of an origin, which its other groups get too."""
        self._numbers.setdefault(origin, number)

    def _can_take(
        self, names: Sequence[str], members: Sequence[Member], number: int, origin: Origin
    ) -> bool:
        keys = [name_key(name) for name in names]
        if len(set(keys)) < len(keys) or any(key in self._files for key in keys):
            return False
        stems = {
            name_key(name.removesuffix(member.tail))
            for name, member in zip(names, members, strict=True)
        }
        return all(self._owners.get(stem, origin) == origin for stem in stems) or (
            self._numbers.get(origin) == number
        )

    def _digest(self, file: Path) -> str | None:
        if file not in self._digests:
            # Opening a pipe would block.
            if not os.path.isfile(file):
                return None
            try:
                self._digests[file] = digest_of(file)
            except OSError:
                return None
        return self._digests[file]


def numbered(members: Sequence[Member], number: int) -> list[str]:
    """The names of a group with a number, ``IMG_1-2.jpg``; without one for 1.

    All are cut by as much as the longest needs.
    """
    if number == 1:
        return [member.name for member in members]
    mark = f"-{number}"
    room = MAX_NAME_BYTES - len(mark) - max(len(os.fsencode(one.tail)) for one in members)
    return [_cut(one.stem, room) + mark + one.tail for one in members]


def find_number(members: Sequence[Member], name: str) -> int | None:
    """The number with which the first member has a name; ``None`` if it has another name."""
    tail = re.escape(members[0].tail)
    found = re.fullmatch(rf".*-([0-9]+){tail}", name, re.DOTALL)
    for number in (1, int(found[1]) if found else 1):
        if numbered(members, number)[0] == name:
            return number
    return None


def _cut(stem: str, max_bytes: int) -> str:
    while len(os.fsencode(stem)) > max_bytes and stem:
        stem = stem[:-1]
    return stem


def _stems(name: str) -> Iterator[str]:
    """The names up to a suffix whose files the file would belong to."""
    stem, _ = split_name(name)
    yield stem
    picture, suffix = split_name(stem)
    if suffix.lower() in PICTURES | RAWS:
        yield picture


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except OSError:
        return None
