"""One part: a list of sources becomes a list of results. A worker of any engine can do it."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from pictell.batch.entries import Entry, Stored
from pictell.batch.rows import Fact, PartFormat, Row, make_row, to_fact
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


class Choice(NamedTuple):
    """What the rows have: the ``top_k`` best classes, and the embedding if the user wants it."""

    top_k: int = 5
    embedding: bool = False


class Labelled(NamedTuple):
    """A source of a part. ``sha256`` is that of its bytes, ``None`` where they cannot be read.

    ``result`` is ``None`` for a content that the table has already.
    """

    entry: Entry
    sha256: str | None
    result: Result | None


class MadePart(NamedTuple):
    """A part whose file is ready to be written.

    ``facts`` are what the manifest keeps of its rows. ``outcomes`` has a result for each row, with
    its error, without its predictions.
    """

    number: int
    content: bytes
    facts: list[Fact]
    outcomes: list[Result]


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
    is_known: Callable[[str], object] = lambda sha256: False,
    watch: Callable[[Result], object] = lambda result: None,
) -> list[Labelled]:
    """The result of each entry, in order. The same content under several names is run once.

    ``is_known`` says whether the table has a content, by its SHA-256; another thread calls it.
    ``watch`` gets each result as it comes. Raises what ``Classifier.stream`` raises.
    """
    feed = _Feed(entries, is_known)
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
    labelled, seen = list[Labelled](), set[int]()
    for entry, sha256, place in feed.taken:
        one = None if place is None else replace(results[place], source=entry.name)
        if one is not None and place in seen:
            watch(one)
        seen.add(-1 if place is None else place)
        labelled.append(Labelled(entry, sha256, one))
    return labelled


def make_part(
    classifier: Classifier,
    number: int,
    entries: Sequence[Entry],
    choice: Choice,
    format_: PartFormat,
) -> MadePart:
    """Label the entries of a part without the table. Raises what ``Classifier.stream`` raises."""
    rows, outcomes = list[Row](), list[Result]()
    for entry, sha256, result in label_part(classifier, entries, choice):
        # Only the table could have the content already.
        assert isinstance(result, Result)
        rows.append(make_row(result, entry, sha256))
        outcomes.append(Result(entry.name, result.model, error=result.error))
    return MadePart(number, format_.write(rows), list(map(to_fact, rows)), outcomes)


class _Feed:
    """The sources of a part that are run, and for each entry which of the results is its own."""

    def __init__(self, entries: Sequence[Entry], is_known: Callable[[str], object]) -> None:
        self.budget = Budget(MAX_BYTES_IN_FLIGHT)
        # Of each entry: its checksum, and the number of its result unless the table has it.
        self.taken = list[tuple[Entry, str | None, int | None]]()
        self._entries, self._is_known = entries, is_known
        self._places = dict[str, int]()
        self._tickets = deque[Ticket | None]()

    def sources(self, model: ImageModel) -> Iterator[Source]:
        """Each content once, on the thread that the stream reads it on."""
        for one in _take(model, self._entries, self.budget):
            key = one.sha256 or one.entry.uri
            place = self._places.get(key)
            if place is not None or (one.sha256 and self._is_known(one.sha256)):
                _release(one.ticket)
                self.taken.append((one.entry, one.sha256, place))
                continue
            self._places[key] = place = len(self._places)
            self.taken.append((one.entry, one.sha256, place))
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
