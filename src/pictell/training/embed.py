"""The embeddings of labelled pictures, each computed once and then kept in the index."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pictell.classifier import Classifier
from pictell.errors import PictellError, RuntimeFailedError, UsageError
from pictell.evaluation.dataset import Dataset
from pictell.evaluation.outcomes import FailedPicture, WarnedPicture
from pictell.images.perceptual_hash import HASH_KEY, PictureHash, check_hashing
from pictell.index.blocks import ReadFile, read_blocks
from pictell.index.embeddings import EmbeddingIndex
from pictell.index.keys import extractor_key
from pictell.options import Limits
from pictell.places import hide_credentials
from pictell.results import Result
from pictell.training.hashes import hash_stream
from pictell.types import Source

Vector = NDArray[np.float32]
Compute = Callable[[Iterable[Source]], Iterator[Vector | PictellError]]


@dataclass(frozen=True, slots=True)
class Embedded:
    """The M pictures of a dataset that could be read, in its order, and those that could not.

    ``pictures`` (M,) int64 are their numbers in the dataset, ``vectors`` (M, D) float32 their
    embeddings, each with an L2 norm of 1. ``keys`` (M) are the SHA-256 of their files, followed by
    the box if they have one, and ``hashes`` (M, 32) uint8 the perceptual hashes of the whole
    pictures (see ``pictell.images.perceptual_hash``). Something is wrong with the ``warned`` ones.
    """

    pictures: NDArray[np.int64]
    vectors: NDArray[np.float32]
    keys: tuple[str, ...]
    hashes: NDArray[np.uint8]
    failed: tuple[FailedPicture, ...]
    warned: tuple[WarnedPicture, ...] = ()

    @property
    def digests(self) -> list[str]:
        """The SHA-256 of the files, without boxes."""
        return digests_of(self.keys)


class Labelled(NamedTuple):
    """A dataset, and its pictures that could be read."""

    dataset: Dataset
    embedded: Embedded


def embed_dataset(
    classifier: Classifier,
    dataset: Dataset,
    index: EmbeddingIndex,
    watch: Callable[[Result], None] = lambda result: None,
) -> Embedded:
    """Embed all pictures of a dataset. Each file is read once.

    Only pictures that are not in the index run through the model. ``watch`` receives a result for
    each picture, with its error but without predictions. Raises ``RuntimeFailedError`` when the
    model fails, and ``UsageError`` for a model without an embedding, without the extra ``train``,
    and when no picture could be read.
    """
    check_hashing("train")
    limits, extractor = classifier.model.limits, extractor_key(classifier.spec)
    rows, failed = list[tuple[int, Vector, str, Vector]](), list[FailedPicture]()
    warned = list[WarnedPicture]()
    numbers = count()
    for block in read_blocks(map(dataset.source, range(len(dataset))), limits.max_bytes):
        read = {_key(one): one.source for one in block if one.digest}
        vectors = _complete(index, extractor, read, classifier.embed_stream)
        whole = {one.digest: one.source for one in block if _key(one) in vectors}
        hashes = _hashes(index, whole, limits)
        for one, number in zip(block, numbers, strict=False):
            key = _key(one)
            vector, hash_ = vectors.get(key), hashes.get(one.digest)
            stages = (one.source.content, vector, hash_)
            error = next((stage for stage in stages if isinstance(stage, PictellError)), None)
            warnings = hash_.warnings if error is None and isinstance(hash_, PictureHash) else ()
            watch(Result(one.source.name, classifier.spec.name, warnings=warnings, error=error))
            file = dataset.files[number]
            if error is not None:
                shown = hide_credentials(file)
                failed.append(FailedPicture(shown, error.code, error.message))
            elif isinstance(vector, np.ndarray) and isinstance(hash_, PictureHash):
                rows.append((number, vector, key, hash_.bits))
                if warnings:
                    warned.append(WarnedPicture(file, warnings))
    if not rows:
        raise UsageError(f"{dataset.name}: none of the pictures could be read")
    pictures, found, keys, bits_of = zip(*rows, strict=True)
    return Embedded(
        np.array(pictures, np.int64), np.stack(found), keys,
        np.stack(bits_of).astype(np.uint8), tuple(failed), tuple(warned),
    )  # fmt: skip


def digests_of(keys: Iterable[str]) -> list[str]:
    """The SHA-256 in the keys of pictures, without their boxes."""
    return [key.split(" ")[0] for key in keys]


def _key(one: ReadFile) -> str:
    box = one.source.box
    return one.digest if box is None else f"{one.digest} {','.join(map(repr, box))}"


def _complete(
    index: EmbeddingIndex, extractor: str, sources: Mapping[str, Source], compute: Compute
) -> dict[str, Vector | PictellError]:
    """The vectors of sources by their keys: from the index, or computed and then put there."""
    found: dict[str, Vector | PictellError] = {**index.get(extractor, sources)}
    unknown = {key: source for key, source in sources.items() if key not in found}
    if unknown:
        made = dict(zip(unknown, compute(unknown.values()), strict=True))
        for one in made.values():
            if isinstance(one, RuntimeFailedError):
                raise one
        index.put(extractor, {key: one for key, one in made.items() if isinstance(one, np.ndarray)})
        found |= made
    return found


def _hashes(
    index: EmbeddingIndex, sources: Mapping[str, Source], limits: Limits
) -> dict[str, PictureHash | PictellError]:
    """The hashes of sources by their keys.

    The index gets none of a picture with warnings, so that the next training has them too.
    """
    found: dict[str, PictureHash | PictellError] = {
        key: PictureHash(bits) for key, bits in index.get(HASH_KEY, sources).items()
    }
    unknown = {key: source for key, source in sources.items() if key not in found}
    if unknown:
        made = dict(zip(unknown, hash_stream(unknown.values(), limits), strict=True))
        sound = {
            key: one.bits
            for key, one in made.items()
            if isinstance(one, PictureHash) and not one.warnings
        }
        index.put(HASH_KEY, sound)
        found |= made
    return found
