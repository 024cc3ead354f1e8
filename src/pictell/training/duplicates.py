"""Copies of pictures, also resized, encoded again or slightly cropped, by perceptual hashes.

The hash is ``phash`` of the library ImageHash with 256 bits: the signs of the 16 x 16 lowest
frequencies of a picture, against their median. Copies without 3 % at each edge differ in at most 72
bits, smaller or recompressed ones in much fewer; of 344,413 pairs of different photos, many of the
same class, the nearest differ in 84 (``benchmarks/copies.py``). Mirrored copies are not found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pictell.budget import Ticket, shared_budget
from pictell.errors import PictellError, UsageError
from pictell.image_model import named
from pictell.images.decode import decode
from pictell.options import Limits
from pictell.pipeline.executor import Threads
from pictell.types import PictureWarning, Source

if TYPE_CHECKING:
    from PIL.Image import Image

# The key of hashes in the index, which has only those of pictures without warnings.
HASH_KEY = "phash-16 2"
HASH_SIDE = 16
HASH_BYTES = HASH_SIDE**2 // 8
# Of 256 bits; see above.
MAX_DISTANCE = 72
# ImageHash resizes to 64 x 64 pixels.
USEFUL_SIDE = 64
# A picture whose grey levels vary less, such as a blank page, has a hash of noise.
MIN_CONTRAST = 2.0
ROWS_AT_ONCE = 256


class PictureHash(NamedTuple):
    """The ``bits`` (32,) of a hash, and what is wrong with the picture.

    They are whole numbers in 0..255, eight bits each; zeros for a picture without contrast.
    """

    bits: NDArray[np.float32]
    warnings: tuple[PictureWarning, ...] = ()


def hash_stream(
    limits: Limits,
) -> Callable[[Iterable[Source]], Iterator[PictureHash | PictellError]]:
    """A function from sources with the bytes of a picture to hashes, or errors, in order.

    The function raises ``UsageError`` without the extra ``train``.
    """

    def hashes(sources: Iterable[Source]) -> Iterator[PictureHash | PictellError]:
        try:
            from imagehash import phash
        except ImportError as error:
            message = "training needs the extra train: pip install 'pictell[train]'"
            raise UsageError(message) from error

        def of_source(source: Source) -> PictureHash | PictellError:
            if not isinstance(source.content, bytes):
                raise TypeError(f"{source.name} was not read")
            try:
                image, warnings = _decode(source.content, limits)
                bits = np.zeros(HASH_BYTES, np.float32)
                if np.asarray(image).std() >= MIN_CONTRAST:
                    bits = np.packbits(phash(image, HASH_SIDE).hash).astype(np.float32)
                return PictureHash(bits, warnings)
            except (PictellError, MemoryError) as error:
                return named(error, source.name)

        return Threads().map(of_source, sources)

    return hashes


def _decode(content: bytes, limits: Limits) -> tuple[Image, tuple[PictureWarning, ...]]:
    """A small image in shades of grey and its warnings, once there is memory to decode it."""
    with Ticket(shared_budget(limits.memory_budget).decoding) as ticket:
        decoded = decode(
            content,
            limits.max_pixels,
            USEFUL_SIDE,
            allow_truncated=limits.allow_truncated,
            reserve=ticket.reserve,
        )
        return decoded.image.convert("L"), decoded.warnings


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


def _near_pairs(
    hashes: NDArray[np.uint8], pictures: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The pairs of some pictures whose hashes differ in ``MAX_DISTANCE`` bits at most."""
    pictures = pictures[hashes[pictures].any(axis=1)]
    words = np.ascontiguousarray(hashes[pictures]).view(np.uint64)
    pairs = [np.zeros((0, 2), np.int64)]
    for start in range(0, len(words), ROWS_AT_ONCE):
        rows = words[start : start + ROWS_AT_ONCE]
        distance = np.zeros((len(rows), len(words) - start), np.uint16)
        for word in range(words.shape[1]):
            distance += np.bitwise_count(rows[:, word, np.newaxis] ^ words[start:, word])
        pairs.append(np.argwhere(distance <= MAX_DISTANCE) + start)
    first, second = np.concatenate(pairs).T
    return pictures[first], pictures[second]
