"""The photos of a collection: read, dated and classified, each content once."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pictell.classifier import Classifier
from pictell.collection.files import FileState, Known, find_state, read_row, write_row
from pictell.collection.scores import Facts, Scores
from pictell.errors import PictellError, SourceUnreadableError, UsageError
from pictell.image_model import named
from pictell.images.taken import taken
from pictell.index.blocks import ReadFile, read_blocks
from pictell.index.photos import PhotoIndex, Rows
from pictell.places import DataUrl, Url
from pictell.results import Result
from pictell.types import Source

# Increase the number when another date is found than before.
FILE = "file 1"
TOP_K = 5
# Rows that are read from the index and decided together.
ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Photo:
    """A file with a picture.

    ``path`` is as the user named it. ``digest`` is the SHA-256 of its content in hexadecimal.
    ``taken`` is when the camera took the photo, by its own clock, without a zone; ``None`` if the
    file does not say it.
    """

    path: Path
    digest: str
    taken: datetime | None


class _Item(NamedTuple):
    """A source: the ``state`` of its file, and what the index knows of that."""

    source: Source
    state: FileState | None
    known: Known | None

    def is_settled(self, read_ns: int) -> bool:
        """Whether the file, read at ``read_ns``, is as it was before and keeps its stamp so."""
        content, state = self.source.content, self.state
        if not isinstance(content, Path) or state is None or find_state(content) != state:
            return False
        return state.is_settled(read_ns)


@dataclass(frozen=True)
class Survey:
    """What is known of the N ``photos`` that could be read, in the order of their sources.

    ``failed`` are the results of the others, each with its ``error``. What the model says is read
    from the index some rows at a time; it must be open.
    """

    photos: tuple[Photo, ...]
    failed: tuple[Result, ...]
    _names: tuple[str, ...]
    _facts: tuple[Facts, ...]
    _scores: Scores

    def only(self, rows: Sequence[int]) -> Survey:
        """The same of some of the photos, by their numbers, in this order."""
        return replace(
            self,
            photos=tuple(self.photos[row] for row in rows),
            _names=tuple(self._names[row] for row in rows),
            _facts=tuple(self._facts[row] for row in rows),
        )

    def results(self) -> Iterator[Result]:
        """What the model says of each photo: N results, without probabilities and embedding.

        They have no timings either, so they are the same in every run. Raises as
        ``probabilities``.
        """
        classifier = self._scores.classifier
        known = self.known()
        for start in range(0, len(self.photos), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            rows = self._rows(self._scores.probabilities, part)
            decisions = classifier.scorer.decide(rows.astype(np.float64), known[part], TOP_K)
            pictures = zip(self._names[part], self._facts[part], decisions, strict=True)
            for name, facts, decision in pictures:
                yield Result(
                    source=name,
                    model=classifier.spec.name,
                    status=decision.status,
                    answer=decision.answer,
                    predictions=decision.predictions,
                    width=facts.width,
                    height=facts.height,
                    warnings=facts.warnings,
                )

    def facts(self) -> tuple[Facts, ...]:
        """The size in pixels and the warnings of each photo."""
        return self._facts

    def known(self) -> NDArray[np.bool_]:
        """Whether each photo is like those that the model knows, (N,) bool."""
        return np.array([one.known for one in self._facts], np.bool_)

    def probabilities(self) -> NDArray[np.float32]:
        """The probabilities of all classes, (N, classes) float32 in 0..1.

        Raises ``SourceUnreadableError`` if the index lost a row and the photo has changed.
        """
        classes = len(self._scores.classifier.scorer.labels)
        return self._all_rows(self._scores.probabilities, classes)

    def embeddings(self) -> NDArray[np.float32]:
        """The embeddings, (N, D) float32, each with an L2 norm of 1; (0, 0) without photos.

        Raises ``UsageError`` for a model without an embedding, else as ``probabilities``.
        """
        kind = self._scores.embedding
        if kind is None:
            raise UsageError(f"the model {self._scores.classifier.spec.name} has no embedding")
        size = self._rows(kind, slice(0, 1)).shape[1] if self.photos else 0
        return self._all_rows(kind, size)

    def _all_rows(self, kind: str, size: int) -> NDArray[np.float32]:
        every = np.empty((len(self.photos), size), np.float32)
        for start in range(0, len(self.photos), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            every[part] = self._rows(kind, part)
        return every

    def _rows(self, kind: str, part: slice) -> NDArray[np.float32]:
        """Some rows of a kind, (n, D)."""
        photos, names = self.photos[part], self._names[part]
        return self._scores.read(
            kind, [one.digest for one in photos], lambda at: Source(names[at], photos[at].path)
        )


def survey(
    classifier: Classifier,
    sources: Iterable[Source],
    index: PhotoIndex,
    watch: Callable[[Result], None] = lambda result: None,
) -> Survey:
    """Read, date and classify photos; a file that the index knows is not opened.

    The index gets what is computed some photos at a time, so a run that is stopped loses little.
    ``sources`` must be files, or errors; any other fails and is not fetched. ``watch`` receives a
    result for each source, in order, with its warnings or its error but without predictions.
    Raises ``RuntimeFailedError`` when the model fails.
    """
    scores = Scores(classifier, index)
    found = _Found(classifier.spec.name, watch)
    parts = _in_parts(map(_only_file, sources))
    waiting = deque[_Item]()
    for item in (item for part in parts for item in _look_up(scores, part)):
        if item.known is None or waiting:
            waiting.append(item)
        else:
            found.add(item)
    unknown = [item for item in waiting if item.known is None]
    read_ns, done = time.time_ns(), 0
    for block in read_blocks((item.source for item in unknown), scores.limits.max_bytes):
        items = unknown[done : done + len(block)]
        done += len(block)
        for item, outcome in zip(items, _add(scores, block, items, read_ns), strict=True):
            while waiting[0] is not item:
                found.add(waiting.popleft())
            found.add(waiting.popleft(), outcome)
        read_ns = time.time_ns()
    for item in waiting:
        found.add(item)
    return Survey(
        tuple(found.photos), tuple(found.failed), tuple(found.names), tuple(found.facts), scores
    )


class _Found:
    """What becomes a survey."""

    def __init__(self, model: str, watch: Callable[[Result], None]) -> None:
        self.photos, self.failed = list[Photo](), list[Result]()
        self.names, self.facts = list[str](), list[Facts]()
        self._model, self._watch = model, watch

    def add(self, item: _Item, outcome: Known | PictellError | None = None) -> None:
        """Add the next source, with its ``outcome`` if it was read."""
        source, outcome = item.source, outcome or item.known
        if isinstance(outcome, PictellError):
            result = Result(source.name, self._model, error=named(outcome, source.name))
            self.failed.append(result)
        else:
            assert outcome is not None
            assert isinstance(source.content, Path)
            result = Result(source.name, self._model, warnings=outcome.facts.warnings)
            self.photos.append(Photo(source.content, outcome.digest, outcome.taken))
            self.names.append(source.name)
            self.facts.append(outcome.facts)
        self._watch(result)


def _only_file(source: Source) -> Source:
    if isinstance(source.content, Path | PictellError):
        return source
    what = "a URL" if isinstance(source.content, Url | DataUrl) else "not a file"
    error = SourceUnreadableError(f"{what}: this command takes only files and folders")
    return Source(source.name, error)


def _in_parts(sources: Iterable[Source]) -> Iterator[list[Source]]:
    left = iter(sources)
    while some := list(islice(left, ROWS_AT_ONCE)):
        yield some


def _look_up(scores: Scores, sources: Sequence[Source]) -> Iterator[_Item]:
    """What the index knows of sources."""
    index, max_bytes = scores.index, scores.limits.max_bytes
    states = [find_state(one.content) if isinstance(one.content, Path) else None for one in sources]
    stored = index.get(_kind(scores), [state.path for state in states if state is not None])
    for source, state in zip(sources, states, strict=True):
        known = None
        if state is not None and state.size <= max_bytes:
            known = read_row(stored.get(state.path), state)
        allowed = known is not None and scores.allows(known.facts)
        yield _Item(source, state, known if allowed else None)


def _kind(scores: Scores) -> str:
    """The kind of the rows of files."""
    return f"{FILE} {scores.key}"


def _add(
    scores: Scores, block: Sequence[ReadFile], items: Sequence[_Item], read_ns: int
) -> list[Known | PictellError]:
    """Compute what is not known of files that were read, and put it into the index.

    ``items`` are those of the files, as they were before ``read_ns``, when they were read.
    """
    contents = {one.digest: one.source for one in block if one.digest}
    facts: dict[str, Facts | PictellError] = {**scores.find_facts(contents)}
    unknown = {digest: one for digest, one in contents.items() if digest not in facts}
    computed, rows = scores.compute(unknown)
    facts |= computed
    found = [_outcome(one, facts) for one in block]
    files: Rows = {
        item.state.path: write_row(item.state, one)
        for one, item in zip(found, items, strict=True)
        if isinstance(one, Known) and item.state and item.is_settled(read_ns)
    }
    scores.index.put({**rows, _kind(scores): files})
    return found


def _outcome(one: ReadFile, facts: Mapping[str, Facts | PictellError]) -> Known | PictellError:
    content = one.source.content
    found = facts.get(one.digest, content)
    if isinstance(found, Facts) and isinstance(content, bytes):
        return Known(one.digest, taken(content), found)
    assert isinstance(found, PictellError)
    return found
