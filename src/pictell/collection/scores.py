"""What a model says of contents: from the index, or computed and then put there."""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from pictell.classifier import Classifier
from pictell.errors import PictellError, RuntimeFailedError, SourceUnreadableError
from pictell.index.blocks import read_blocks
from pictell.index.embeddings import FLOAT32
from pictell.index.keys import extractor_key, scores_key
from pictell.index.photos import PhotoIndex, Rows
from pictell.results import Result, Status
from pictell.types import PictureWarning, Source

_FACTS = struct.Struct("<?IIB")
FACTS_BYTES = _FACTS.size
# Each is a bit; a warning that is new is added at the end.
_WARNINGS: tuple[PictureWarning, ...] = ("damaged", "truncated")


class Facts(NamedTuple):
    """What is known of a picture beside its scores.

    ``known`` is whether it is like those that the model knows. ``width`` and ``height`` are the
    upright picture's size in pixels.
    """

    known: bool
    width: int
    height: int
    warnings: tuple[PictureWarning, ...]


class Scores:
    """What one model says of contents. ``index`` keeps it.

    ``key`` is the ``scores_key`` of the model. ``facts``, ``probabilities`` and ``embedding`` are
    its kinds of rows; the last is ``None`` for a model without an embedding.
    """

    def __init__(self, classifier: Classifier, index: PhotoIndex) -> None:
        spec, scorer = classifier.spec, classifier.scorer
        self.classifier, self.index = classifier, index
        self.limits = classifier.model.limits
        self.key = key = scores_key(spec, scorer)
        self.facts, self.probabilities = f"facts {key}", f"probabilities {key}"
        self.embedding = None if spec.embedding is None else f"embedding {extractor_key(spec)}"
        # It says of each picture whether it is known, also if the caller's gives only classes.
        self._judging = Classifier(classifier.model, replace(scorer, flat=False))

    def find_facts(self, digests: Collection[str]) -> dict[str, Facts]:
        """The facts of contents that the index has and that the limits of the classifier allow."""
        found = {
            cast("str", digest): unpack(data)
            for digest, data in self.index.get(self.facts, digests).items()
        }
        return {digest: one for digest, one in found.items() if self.allows(one)}

    def allows(self, facts: Facts) -> bool:
        """Whether the limits of the classifier allow a picture."""
        return facts.width * facts.height <= self.limits.max_pixels and (
            self.limits.allow_truncated or "truncated" not in facts.warnings
        )

    def compute(
        self, sources: Mapping[str, Source]
    ) -> tuple[dict[str, Facts | PictellError], dict[str, Rows]]:
        """The facts of contents, or their errors, and the rows for the index.

        ``sources`` maps digests to sources with bytes. Raises ``RuntimeFailedError`` when the model
        fails.
        """
        outcomes = dict[str, Facts | PictellError]()
        kinds = [self.facts, self.probabilities, *([self.embedding] if self.embedding else [])]
        rows = {kind: Rows() for kind in kinds}
        results = self._judging.stream(
            sources.values(), top_k=1, probabilities=True, embedding=self.embedding is not None
        )
        for digest, result in zip(sources, results, strict=True):
            if isinstance(result.error, RuntimeFailedError):
                raise result.error
            if result.error is not None:
                outcomes[digest] = result.error
                continue
            outcomes[digest] = facts = _facts(result)
            rows[self.facts][digest] = pack(facts)
            rows[self.probabilities][digest] = _bytes(result.probabilities)
            if self.embedding is not None:
                rows[self.embedding][digest] = _bytes(result.embedding)
        return outcomes, rows

    def read(
        self, kind: str, digests: Sequence[str], find_source: Callable[[int], Source]
    ) -> NDArray[np.float32]:
        """The rows of a kind, (n, D), for n contents that were computed.

        What the index has lost since is computed again from the file that ``find_source`` gives for
        the number of a content. Raises ``SourceUnreadableError`` if the file has changed too, else
        as ``compute``.
        """
        found = self.index.get(kind, digests)
        lost = {one: find_source(at) for at, one in enumerate(digests) if one not in found}
        for block in read_blocks(lost.values(), self.limits.max_bytes):
            _, rows = self.compute({one.digest: one.source for one in block if one.digest})
            self.index.put(rows)
            found |= rows[kind]
        for digest, source in lost.items():
            if digest not in found:
                message = "the file has changed since it was read: run the command again"
                raise SourceUnreadableError(message, source=source.name)
        joined = b"".join([found[digest] for digest in digests])
        return np.frombuffer(joined, FLOAT32).reshape(len(digests), -1)


def _facts(result: Result) -> Facts:
    known = result.status is not Status.UNKNOWN
    return Facts(known, result.width or 0, result.height or 0, result.warnings)


def _bytes(row: NDArray[np.generic] | None) -> bytes:
    assert row is not None
    return row.astype(FLOAT32).tobytes()


def pack(facts: Facts) -> bytes:
    """The bytes of facts, ``FACTS_BYTES`` of them."""
    bits = sum(1 << _WARNINGS.index(one) for one in facts.warnings)
    return _FACTS.pack(facts.known, facts.width, facts.height, bits)


def unpack(data: bytes) -> Facts:
    """The facts in their bytes."""
    known, width, height, bits = _FACTS.unpack(data)
    # Nearly all have none.
    warnings = tuple(one for at, one in enumerate(_WARNINGS) if bits >> at & 1) if bits else ()
    return Facts(known, width, height, warnings)
