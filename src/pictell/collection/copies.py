"""Groups of copies: photos that are like the best one of their group.

Two photos are copies of each other by the perceptual hash, which stays the same when a picture is
encoded again or resized, or by the embedding, which also finds larger crops. The limits are those
at which no two different photos of three data sets are copies (``benchmarks/dedupe.md``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from pictell.collection.candidates import Candidates, PhotoFile
from pictell.images.perceptual_hash import HASH_BYTES
from pictell.index.copies import MAX_DISTANCE, by_symmetry, distances, turned_distances

# The cosine of two embeddings from which two photos are near, whatever their hashes say.
MIN_LIKENESS = 0.87
# Hashes that differ in fewer bits of 256 need no embedding; up to ``MAX_DISTANCE``, embeddings
# that are as unlike as this say that the photos differ.
MAX_SURE_DISTANCE, MIN_COMMON_LIKENESS = 40, 0.5
# A picture that is encoded again: bits of 256 of the hash, and levels of 256 of its colours.
MAX_SAME_DISTANCE, MAX_SAME_LEVELS = 16, 16
ROWS_AT_ONCE = 128
# Added to the closeness of two photos, so that the kind counts more than the rest.
_NEAR_BY_HASH, _REENCODED = 1, 2


class Kind(StrEnum):
    """What a photo is of the best one in its group, the surest first.

    ``identical``: the same bytes. ``re-encoded``: the same picture in another size, format or
    quality. ``near``: cropped, mirrored, turned, edited, or another photo of the same moment.
    """

    IDENTICAL = "identical"
    REENCODED = "re-encoded"
    NEAR = "near"


@dataclass(frozen=True, slots=True)
class Copy:
    """A photo, what it is of the best one, and the cosine of their embeddings, -1..1."""

    file: PhotoFile
    kind: Kind
    likeness: float


@dataclass(frozen=True, slots=True)
class Group:
    """The best photo and one or more copies of it, the surest first.

    The best one has no warnings, or all have some; among those it is the one with most pixels, then
    most bytes, then the oldest file, then the shortest path.
    """

    best: PhotoFile
    copies: tuple[Copy, ...]

    def removable(self) -> Iterator[PhotoFile]:
        """The copies that are not larger than the best one, as a damaged one can be."""
        for copy in self.copies:
            if copy.file.pixels <= self.best.pixels:
                yield copy.file


def find_copies(
    found: Candidates, widest: Kind = Kind.NEAR, min_likeness: float = MIN_LIKENESS
) -> list[Group]:
    """The groups of two or more copies up to the kind ``widest``, in the order of their best.

    Each photo is in one group at most, and each copy is like the best photo of its group, not only
    like another copy. A photo without contrast has only identical copies.
    """
    best_first = sorted(range(len(found.files)), key=lambda number: _order(found.files[number]))
    contents = dict[str, list[int]]()
    for number in best_first:
        contents.setdefault(found.files[number].photo.digest, []).append(number)
    names = list(contents.values())
    rows = np.array([numbers[0] for numbers in names], np.int64)
    leaders, closeness = _leaders(found, rows, widest, min_likeness)
    members = dict[int, list[int]]()
    for number in np.lexsort((-closeness, leaders)):
        members.setdefault(int(leaders[number]), []).append(int(number))
    groups = [
        _group(found, [(names[one], closeness[one]) for one in of]) for of in members.values()
    ]
    return sorted(
        (group for group in groups if group.copies),
        key=lambda group: str(group.best.photo.path),
    )


def _order(file: PhotoFile) -> tuple[object, ...]:
    """The sort key of a photo: the best one is first."""
    path = str(file.photo.path)
    return bool(file.warnings), -file.pixels, -file.n_bytes, file.changed_s, len(path), path


def _group(found: Candidates, members: Sequence[tuple[list[int], float]]) -> Group:
    """The group of some contents, each with its files and its closeness to the first one."""
    (best, *twins), _ = members[0]
    copies = [Copy(found.files[twin], Kind.IDENTICAL, 1.0) for twin in twins]
    for numbers, closeness in members[1:]:
        kind = Kind.REENCODED if closeness >= _REENCODED else Kind.NEAR
        likeness = float(found.embeddings[best] @ found.embeddings[numbers[0]])
        copies += [Copy(found.files[number], kind, likeness) for number in numbers]
    return Group(found.files[best], tuple(copies))


def _leaders(
    found: Candidates, rows: NDArray[np.int64], widest: Kind, min_likeness: float
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The leader of each content, (N,), and how close it is to it, (N,).

    ``rows`` are the contents, the best first. One that is close to no better leader leads itself;
    its closeness is infinite. Others have the leader that they are closest to.
    """
    leaders, closest = np.arange(len(rows)), np.zeros(len(rows), np.float32)
    if widest is not Kind.IDENTICAL:
        pairs = _Pairs(found, rows, widest, min_likeness)
        for start in range(0, len(rows), ROWS_AT_ONCE):
            block = np.arange(start, min(start + ROWS_AT_ONCE, len(rows)))
            block = block[leaders[block] == block]
            for row, others, closeness in pairs.close(block):
                if leaders[row] == row:
                    closer = closeness > closest[others]
                    leaders[others[closer]] = row
                    closest[others[closer]] = closeness[closer]
    closest[leaders == np.arange(len(rows))] = np.inf
    return leaders, closest


class _Pairs:
    """The pairs of N contents, the best first, that are close to each other."""

    def __init__(
        self, found: Candidates, rows: NDArray[np.int64], widest: Kind, min_likeness: float
    ) -> None:
        self._hashes = found.fingerprints[rows, :HASH_BYTES]
        self._colours = found.fingerprints[rows, HASH_BYTES:]
        self._has_contrast: NDArray[np.bool] = np.any(self._hashes, axis=1)
        self._symmetric = by_symmetry(self._hashes)
        self._embeddings = found.embeddings[rows]
        self._taken = [found.files[row].photo.taken for row in rows]
        self._near, self._min_likeness = widest is Kind.NEAR, min_likeness

    def close(
        self, block: NDArray[np.int64]
    ) -> Iterable[tuple[int, NDArray[np.int64], NDArray[np.float32]]]:
        """For some contents: the number, those of the later ones close to it, and how close.

        The closeness is higher for re-encoded pictures than for those near by their hashes, and
        lowest for those near by their embeddings only.
        """
        block = block[self._has_contrast[block]]
        if not len(block):
            return
        start = int(block[0]) + 1
        closeness = self._closeness(block, start)
        closeness[:, ~self._has_contrast[start:]] = 0
        for row, line in zip(block.tolist(), closeness, strict=True):
            others = np.flatnonzero(line)
            others = others[others + start > row]
            if len(others):
                yield row, others + start, line[others]

    def _closeness(self, block: NDArray[np.int64], start: int) -> NDArray[np.float32]:
        """The closeness of some contents to those from ``start`` on; 0 where they are not close."""
        if self._near:
            closeness = self._nearness(block, start)
        else:
            closeness = np.zeros((len(block), len(self._hashes) - start), np.float32)
        differing = distances(self._hashes[block], self._hashes[start:])
        for one, other in np.argwhere(differing <= MAX_SAME_DISTANCE):
            if self._is_same(int(block[one]), int(other) + start):
                closeness[one, other] = _REENCODED + 1 - differing[one, other] / 256
        return closeness

    def _nearness(self, block: NDArray[np.int64], start: int) -> NDArray[np.float32]:
        likeness = self._embeddings[block] @ self._embeddings[start:].T
        differing = turned_distances(self._symmetric[block], self._symmetric[start:])
        near = (differing <= MAX_DISTANCE) & (likeness >= MIN_COMMON_LIKENESS)
        near |= differing <= MAX_SURE_DISTANCE
        likeness[likeness < self._min_likeness] = 0
        likeness[near] = _NEAR_BY_HASH + 1 - differing[near] / 256
        return likeness

    def _is_same(self, one: int, other: int) -> bool:
        """Whether two pictures with nearly the same hash have the same colours and date."""
        dates = self._taken[one], self._taken[other]
        if None not in dates and dates[0] != dates[1]:
            return False
        levels = self._colours[one].astype(np.int16) - self._colours[other]
        return int(np.abs(levels).max()) <= MAX_SAME_LEVELS
