"""One part: a list of sources becomes a list of results. A worker of any engine can do it."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeAlias

from pictell.batch.entries import Entry, Stored
from pictell.classifier import Classifier
from pictell.errors import PictellError
from pictell.image_model import ImageModel
from pictell.images.read import Content, read_file
from pictell.picture_stream import FETCH_WORKERS, MAX_BYTES_IN_FLIGHT
from pictell.pipeline.budget import Budget, Ticket
from pictell.pipeline.executor import Threads
from pictell.results import Result
from pictell.types import Source

# Threads that read local files ahead, to know their content; the disk answers several at once.
READERS, READ_BATCH = 4, 8


# Where a row is: the number of its part, and its URI.
Place: TypeAlias = tuple[int, str]


class Choice(NamedTuple):
    """What the rows have: the ``top_k`` best classes, and the embedding if the user wants it."""

    top_k: int = 5
    embedding: bool = False


class Labelled(NamedTuple):
    """A source of a part. ``sha256`` is that of its bytes, ``None`` where they cannot be read.

    ``result`` may be the place of a row that has the same content.
    """

    entry: Entry
    sha256: str | None
    result: Result | Place


class _Taken(NamedTuple):
    """A source whose bytes have been looked at; ``ticket`` is for those that wait in memory."""

    entry: Entry
    sha256: str | None
    content: Path | Content | PictellError
    ticket: Ticket | None = None


def label_part(
    classifier: Classifier,
    entries: Sequence[Entry],
    choice: Choice = Choice(),
    *,
    find: Callable[[str], Place | None] = lambda sha256: None,
    watch: Callable[[Result], object] = lambda result: None,
) -> list[Labelled]:
    """The result of each entry, in order. The same content under several names is run once.

    ``find`` says where the table has a content, by its SHA-256; another thread calls it. ``watch``
    gets a result for each entry. Raises what ``Classifier.stream`` raises.
    """
    feed = _Feed(entries, find)
    results = list[Result]()
    try:
        for result in classifier.stream(
            feed.sources(classifier.model), top_k=choice.top_k, embedding=choice.embedding
        ):
            feed.release_next()
            results.append(result)
            watch(result)
    finally:
        feed.budget.close()
    labelled = list[Labelled]()
    for entry, sha256, number in feed.taken:
        if isinstance(number, tuple):
            labelled.append(Labelled(entry, sha256, number))
            watch(Result(entry.name, classifier.spec.name))
            continue
        result = results[number]
        if result.source != entry.name:
            result = replace(result, source=entry.name)
            watch(result)
        labelled.append(Labelled(entry, sha256, result))
    return labelled


class _Feed:
    """The sources of a part that are run, and for each entry which of the results is its own."""

    def __init__(self, entries: Sequence[Entry], find: Callable[[str], Place | None]) -> None:
        self.budget = Budget(MAX_BYTES_IN_FLIGHT)
        # Of each entry: its checksum, and the number of its result or its place in the table.
        self.taken = list[tuple[Entry, str | None, int | Place]]()
        self._entries, self._find = entries, find
        self._numbers = dict[str, int]()
        self._tickets = deque[Ticket | None]()

    def sources(self, model: ImageModel) -> Iterator[Source]:
        """Each content once, on the thread that the stream reads it on."""
        for one in _take(model, self._entries, self.budget):
            key = one.sha256 or one.entry.uri
            known: int | Place | None = self._numbers.get(key)
            if known is None and one.sha256 is not None:
                known = self._find(one.sha256)
            if known is not None:
                _release(one.ticket)
                self.taken.append((one.entry, one.sha256, known))
                continue
            number = self._numbers[key] = len(self._numbers)
            self.taken.append((one.entry, one.sha256, number))
            self._tickets.append(one.ticket)
            yield Source(one.entry.name, one.content)

    def release_next(self) -> None:
        """Give back the memory of the next source in order."""
        _release(self._tickets.popleft())


def _take(model: ImageModel, entries: Sequence[Entry], budget: Budget) -> Iterator[_Taken]:
    """Read ahead. Local files stay on the disk; others wait in memory, within the budget."""
    if all(isinstance(one.content, Path) for one in entries):
        batches = Threads(READERS).map_batches(
            lambda some: [_look_at(one, model.limits.max_bytes) for one in some],
            entries,
            READ_BATCH,
        )
        for batch in batches:
            yield from batch
        return
    with_tickets = (
        (one, None if isinstance(one.content, Path) else budget.ticket()) for one in entries
    )
    # Daemons, because a download that waits for the budget would keep the program from ending.
    yield from Threads(FETCH_WORKERS, FETCH_WORKERS, daemon=True).map(
        lambda item: _fetch(model, *item), with_tickets
    )


def _look_at(entry: Entry, max_bytes: int) -> _Taken:
    """A local file with its checksum. The stream says what is wrong with one without."""
    content, sha256 = entry.content, None
    assert isinstance(content, Path)
    if entry.size is not None and entry.size <= max_bytes:
        with suppress(PictellError):
            sha256 = hashlib.sha256(read_file(content, max_bytes)).hexdigest()
    return _Taken(entry, sha256, content)


def _fetch(model: ImageModel, entry: Entry, ticket: Ticket | None) -> _Taken:
    if ticket is None:
        return _look_at(entry, model.limits.max_bytes)
    content: Content | PictellError
    if isinstance(entry.content, Stored):
        # Only callers with a storage pay for importing its library.
        from pictell.batch.remote import read_stored

        content = read_stored(entry.content, entry.size, model.limits.max_bytes, ticket.reserve)
    else:
        content = model.read(Source(entry.name, entry.content), ticket.reserve).content
    sha256 = hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else None
    return _Taken(entry, sha256, content, ticket)


def _release(ticket: Ticket | None) -> None:
    if ticket is not None:
        ticket.release()
