"""Groups of copies: photos that are like the best one of their group.

The perceptual hash stays nearly the same when a picture is encoded again, resized or slightly
cropped, and it can be compared with those of the picture mirrored or turned. The embedding also
finds larger crops. The limits are those at which no two different photos of three data sets are
near or similar (``benchmarks/dedupe.md``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from pictell.collection.candidates import Candidates, PhotoFile
from pictell.images.perceptual_hash import HASH_BYTES
from pictell.index.copies import by_symmetry, distances, turned_distances

# Two photos are near if their hashes differ in so many bits of 256 at most and the cosine of their
# embeddings is as high as this.
NEAR = ((40, -1.0), (72, 0.5), (96, 0.85))
# A picture that is encoded again: bits of 256 of its hash, and levels of 256 of its colours.
MAX_SAME_BITS, MAX_SAME_LEVELS = 16, 16
# How much the proportions of its sides may differ: those of a thumbnail are whole pixels.
MAX_OTHER_SHAPE = 0.03
ROWS_AT_ONCE = 64
# Added to the closeness of two photos, so that the kind counts more than the rest.
_NEAR, _REENCODED = 1, 2


class Kind(StrEnum):
    """What a photo is of the best one in its group, the surest first.

    ``identical``: the same bytes. ``re-encoded``: the same picture in another size, format or
    quality. ``near``: slightly cropped, mirrored, turned or edited, or another photo of the same
    moment. ``similar``: as ``near``, by the embeddings alone, which also finds photos that are
    only of the same kind.
    """

    IDENTICAL = "identical"
    REENCODED = "re-encoded"
    NEAR = "near"
    SIMILAR = "similar"


@dataclass(frozen=True, slots=True)
class Copy:
    """A photo, what it is of the best one, and the cosine of their embeddings, -1..1.

    ``likeness`` is ``None`` if the embeddings were not asked for.
    """

    file: PhotoFile
    kind: Kind
    likeness: float | None


@dataclass(frozen=True, slots=True)
class Group:
    """The best photo and one or more copies of it, the surest first.

    The best one is no symbolic link, or all are links. It has no warnings, or all of those have
    some; among these it is the one with most pixels, then most bytes, then the oldest file, then
    the shortest path.
    """

    best: PhotoFile
    copies: tuple[Copy, ...]

    def removable(self) -> Iterator[PhotoFile]:
        """The copies that take room and are not larger than the best one.

        A damaged photo can be larger, and so can the file of a link. A link takes no room.
        """
        for copy in self.copies:
            if copy.file.pixels <= self.best.pixels and not copy.file.is_link:
                yield copy.file


def find_copies(
    found: Candidates, widest: Kind = Kind.NEAR, min_likeness: float = 0.87
) -> list[Group]:
    """The groups of two or more copies up to the kind ``widest``, in the order of their best.

    ``min_likeness`` is the least cosine of the embeddings of similar photos, whatever their hashes
    are; its default is for the default model.

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
    quality = bool(file.warnings), -file.pixels, -file.n_bytes
    return file.is_link, *quality, file.changed_s, len(path), path


def _group(found: Candidates, members: Sequence[tuple[list[int], float]]) -> Group:
    """The group of some contents, each with its files and its closeness to the first one."""
    (best, *twins), _ = members[0]
    copies = [Copy(found.files[twin], Kind.IDENTICAL, 1.0) for twin in twins]
    for numbers, closeness in members[1:]:
        kind = Kind.SIMILAR if closeness <= 1 else Kind.NEAR
        if closeness > _REENCODED:
            kind = Kind.REENCODED
        likeness = None
        if found.embeddings.shape[1]:
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
        self._colours = found.fingerprints[rows, HASH_BYTES:-1]
        self._may_have_several = found.fingerprints[rows, -1] != 0
        sides = [(found.files[row].width, found.files[row].height) for row in rows]
        self._sides = np.array(sides, np.float64).reshape(-1, 2)
        self._has_contrast: NDArray[np.bool] = np.any(self._hashes, axis=1)
        self._symmetric = by_symmetry(self._hashes)
        self._embeddings = found.embeddings[rows]
        self._taken = np.array([found.files[row].photo.taken for row in rows], "datetime64[us]")
        self._widest, self._min_likeness = widest, min_likeness

    def close(
        self, block: NDArray[np.int64]
    ) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.float32]]]:
        """For some contents: the number, those of the later ones close to it, and how close.

        The closeness is highest for re-encoded pictures and lowest for similar ones.
        """
        block = block[self._has_contrast[block]]
        if not len(block):
            return
        first = int(block[0]) + 1
        bits = turned_distances(self._symmetric[block], self._symmetric[first:])
        perhaps = bits <= (MAX_SAME_BITS if self._widest is Kind.REENCODED else NEAR[-1][0])
        if self._widest is Kind.SIMILAR:
            likeness = self._embeddings[block] @ self._embeddings[first:].T
            perhaps |= likeness >= self._min_likeness
        perhaps &= self._has_contrast[first:]
        for row, of_row, bits_of_row in zip(block.tolist(), perhaps, bits, strict=True):
            others = row + 1 + np.flatnonzero(of_row[row + 1 - first :])
            if len(others):
                closeness = self._closeness(row, others, bits_of_row[others - first])
                yield row, others[closeness > 0], closeness[closeness > 0]

    def _closeness(
        self, row: int, others: NDArray[np.int64], bits: NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        """How close some contents are to one, (M,); 0 for those that are not close."""
        closeness = np.zeros(len(others), np.float32)
        agreement = 1 - bits.astype(np.float32) / 256
        if self._widest is not Kind.REENCODED:
            likeness = self._embeddings[others] @ self._embeddings[row]
            if self._widest is Kind.SIMILAR:
                similar = likeness >= self._min_likeness
                closeness[similar] = np.clip(likeness[similar], np.finfo(np.float32).tiny, 1)
            for max_bits, min_likeness in NEAR:
                near = (bits <= max_bits) & (likeness >= min_likeness)
                closeness[near] = _NEAR + agreement[near]
        same = np.flatnonzero(bits <= MAX_SAME_BITS)
        same = same[self._is_same(row, others[same])]
        closeness[same] = _REENCODED + agreement[same]
        return closeness

    def _is_same(self, row: int, others: NDArray[np.int64]) -> NDArray[np.bool]:
        """Whether pictures are the same upright, with the same colours, shape and date."""
        bits = distances(self._hashes[[row]], self._hashes[others])[0]
        levels = np.abs(self._colours[others].astype(np.int16) - self._colours[row]).max(axis=1)
        dates = self._taken[row], self._taken[others]
        same_date = (dates[0] == dates[1]) | np.isnat(dates[0]) | np.isnat(dates[1])
        across = self._sides[row, 0] * self._sides[others, 1]
        down = self._sides[row, 1] * self._sides[others, 0]
        same_shape = np.abs(across - down) <= MAX_OTHER_SHAPE * np.maximum(across, down)
        alone = ~(self._may_have_several[row] | self._may_have_several[others])
        same: NDArray[np.bool] = (
            (bits <= MAX_SAME_BITS) & (levels <= MAX_SAME_LEVELS) & same_date & same_shape & alone
        )
        return same
