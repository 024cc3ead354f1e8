"""Copies of pictures, also resized, encoded again or slightly cropped, by perceptual hashes.

Copies without 3 % at each edge differ in at most 72 of 256 bits, smaller or recompressed ones in
much fewer; of 344,413 pairs of different photos, many of the same class, the nearest differ in 84
(``benchmarks/dedupe.md``). ``find_groups`` does not find mirrored copies.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Of 256 bits; see above.
MAX_DISTANCE = 72
SIDE = 16
ROWS_AT_ONCE = 256


def find_groups(digests: Sequence[str], hashes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The group of each picture, (N,): the number of the first picture that it is a copy of.

    ``digests`` (N) and ``hashes`` (N, 32) are those of the pictures. Copies of a copy are in the
    same group. A picture with a hash of zeros is only a copy of the same bytes.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    numbers = {digest: number for number, digest in reversed(list(enumerate(digests)))}
    same = np.array([numbers[digest] for digest in digests], np.int64)
    first, second = _near_pairs(hashes, np.unique(same))
    count = len(digests)
    ones = np.arange(count), same
    edges = np.concatenate([ones[0], first]), np.concatenate([ones[1], second])
    links = coo_array((np.ones(len(edges[0]), np.int8), edges), (count, count))
    _, components = connected_components(links, directed=False)
    _, leaders, members = np.unique(components, return_index=True, return_inverse=True)
    return leaders[members].astype(np.int64)


def distances(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """The bits, (N, M), in which hashes (N, 32) differ from hashes (M, 32)."""
    one, other = (np.ascontiguousarray(hashes).view(np.uint64) for hashes in (first, second))
    found = np.zeros((len(one), len(other)), np.uint16)
    for word in range(one.shape[1]):
        found += np.bitwise_count(one[:, word, np.newaxis] ^ other[:, word])
    return found


def by_symmetry(hashes: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Hashes (N, 32) in another order of their bits, (N, 2, 4), for ``turned_distances``.

    The bits of a hash are signs of the frequencies of a discrete cosine transform, 16 rows of 16.
    To mirror the picture inverts the signs in every second column, to turn it upside down those in
    every second row, and to swap its axes swaps rows and columns. So there is a word of 64 bits for
    even rows and columns, one for each mixture, and one for odd ones: for the picture, then for the
    one with swapped axes.
    """
    upright = np.unpackbits(hashes, axis=1).reshape(-1, SIDE, SIDE)
    words = [
        np.packbits(bits[:, row::2, column::2].reshape(-1, SIDE**2 // 4), axis=1).view(np.uint64)
        for bits in (upright, upright.transpose(0, 2, 1))
        for row in (0, 1)
        for column in (0, 1)
    ]
    return np.concatenate(words, axis=1).reshape(-1, 2, 4)


def turned_distances(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """The bits, (N, M), in which pictures differ from others that are mirrored or turned by 90°.

    It is the least of the eight ways to do so. ``first`` (N, 2, 4) and ``second`` (M, 2, 4) come
    from ``by_symmetry``.
    """
    found = np.full((len(first), len(second)), 127, np.int8)
    for form in (0, 1):
        # Each is the number of bits that differ, less the middle: to invert a word is to negate it.
        even, column, row, both = (
            np.bitwise_count(one[:, np.newaxis] ^ other).view(np.int8) - np.int8(32)
            for one, other in zip(first[:, 0].T, second[:, form].T, strict=True)
        )
        mirrored = np.minimum(column - np.abs(row + both), -column - np.abs(row - both))
        np.minimum(found, even + mirrored, out=found)
    # From -128..127 to 0..255.
    return found.view(np.uint8) ^ np.uint8(128)


def _near_pairs(
    hashes: NDArray[np.uint8], pictures: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The pairs of some pictures whose hashes differ in ``MAX_DISTANCE`` bits at most."""
    pictures = pictures[hashes[pictures].any(axis=1)]
    chosen = hashes[pictures]
    pairs = [np.zeros((0, 2), np.int64)]
    for start in range(0, len(chosen), ROWS_AT_ONCE):
        distance = distances(chosen[start : start + ROWS_AT_ONCE], chosen[start:])
        pairs.append(np.argwhere(distance <= MAX_DISTANCE) + start)
    first, second = np.concatenate(pairs).T
    return pictures[first], pictures[second]
