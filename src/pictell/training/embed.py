"""The embeddings of labelled pictures, each computed once and then kept in the index."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pictell.classifier import Classifier
from pictell.errors import PictellError, RuntimeFailedError, UsageError
from pictell.evaluation.dataset import Dataset
from pictell.evaluation.outcomes import FailedPicture, WarnedPicture
from pictell.images.read import read_file
from pictell.index.embeddings import EmbeddingIndex
from pictell.options import Limits
from pictell.places import hide_credentials
from pictell.results import Result
from pictell.training.duplicates import HASH_KEY, PictureHash, hash_stream
from pictell.types import ModelSpec, Source

Vector = NDArray[np.float32]
Compute = Callable[[Iterable[Source]], Iterator[Vector | PictellError]]

# Increase it when decoding or preprocessing gives other pixels than before.
VERSION = 1
# What is read before it is embedded: pictures, and bytes of their files. Progress is reported after
# each block; smaller blocks, down to 32, take no more time on two processors.
BLOCK_PICTURES = 64
BLOCK_BYTES = 64 * 1024**2


@dataclass(frozen=True, slots=True)
class Embedded:
    """The M pictures of a dataset that could be read, in its order, and those that could not.

    ``pictures`` (M,) int64 are their numbers in the dataset, ``vectors`` (M, D) float32 their
    embeddings, each with an L2 norm of 1. ``keys`` (M) are the SHA-256 of their files, followed by
    the box if they have one, and ``hashes`` (M, 32) uint8 the perceptual hashes of the whole
    pictures (see ``pictell.training.duplicates``). Something is wrong with the ``warned`` ones.
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


class _Picture(NamedTuple):
    """A picture that was read: its source has the bytes of its file, or the error."""

    number: int
    source: Source
    digest: str

    @property
    def key(self) -> str:
        box = self.source.box
        return self.digest if box is None else f"{self.digest} {','.join(map(repr, box))}"


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
    limits, extractor = classifier.model.limits, extractor_key(classifier.spec)
    rows, failed = list[tuple[int, Vector, str, Vector]](), list[FailedPicture]()
    warned = list[WarnedPicture]()
    for block in _blocks(dataset, limits):
        read = {one.key: one.source for one in block if one.digest}
        vectors = _complete(index, extractor, read, classifier.embed_stream)
        whole = {one.digest: one.source for one in block if one.key in vectors}
        hashes = _hashes(index, whole, limits)
        for one in block:
            vector, hash_ = vectors.get(one.key), hashes.get(one.digest)
            stages = (one.source.content, vector, hash_)
            error = next((stage for stage in stages if isinstance(stage, PictellError)), None)
            warnings = hash_.warnings if error is None and isinstance(hash_, PictureHash) else ()
            watch(Result(one.source.name, classifier.spec.name, warnings=warnings, error=error))
            file = dataset.files[one.number]
            if error is not None:
                shown = hide_credentials(file)
                failed.append(FailedPicture(shown, error.code, error.message))
            elif isinstance(vector, np.ndarray) and isinstance(hash_, PictureHash):
                rows.append((one.number, vector, one.key, hash_.bits))
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


def extractor_key(spec: ModelSpec) -> str:
    """The key of a model's embeddings: its weights, its output and its preprocessing."""
    facts = (VERSION, spec.sha256, spec.embedding, spec.preprocess)
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def _blocks(dataset: Dataset, limits: Limits) -> Iterator[list[_Picture]]:
    """The pictures of a dataset with their bytes, some at a time."""
    block, size = list[_Picture](), 0
    for number in range(len(dataset)):
        source, digest = dataset.source(number), ""
        try:
            data = read_file(dataset.path(number), limits.max_bytes)
        except PictellError as error:
            source = Source(source.name, error.with_traceback(None), source.box)
        else:
            source = Source(source.name, data, source.box)
            digest, size = hashlib.sha256(data).hexdigest(), size + len(data)
        block.append(_Picture(number, source, digest))
        if len(block) == BLOCK_PICTURES or size >= BLOCK_BYTES:
            yield block
            block, size = [], 0
    if block:
        yield block


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
        made = dict(zip(unknown, hash_stream(limits)(unknown.values()), strict=True))
        sound = {
            key: one.bits
            for key, one in made.items()
            if isinstance(one, PictureHash) and not one.warnings
        }
        index.put(HASH_KEY, sound)
        found |= made
    return found
