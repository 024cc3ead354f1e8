"""Parts: a list of sources becomes a list of results. A worker of any engine can do it."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, TypeAlias

from pictell.batch.entries import Entry, Stored
from pictell.batch.rows import Fact, PartFormat, Row, make_row, to_fact
from pictell.budget import Line, Ticket
from pictell.classifier import Classifier
from pictell.errors import PictellError
from pictell.image_model import ImageModel
from pictell.images.read import Content, read_file
from pictell.picture_stream import FETCH_WORKERS, MAX_BYTES_IN_FLIGHT
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


class MadePart(NamedTuple):
    """A part whose file is ready to be written.

    ``facts`` are what the manifest keeps of its rows. ``outcomes`` has a result for each row, with
    its error and its warnings, without its predictions.
    """

    number: int
    content: bytes
    facts: list[Fact]
    outcomes: list[Result]


# Makes the files of numbered parts, in any order.
MakeParts: TypeAlias = Callable[[PartFormat, Iterable[tuple[int, list[Entry]]]], Iterator[MadePart]]


class _Taken(NamedTuple):
    """A source that was read; ``ticket`` is for its bytes, which wait in memory."""

    entry: Entry
    sha256: str | None
    content: Path | Content | PictellError
    ticket: Ticket


class _Part(NamedTuple):
    """A part that is labelled. Each entry has the number of its result, or its place in the table.

    ``numbers`` has those of contents, by their SHA-256 or, if that is not known, their URI.
    """

    entries: list[tuple[Entry, str | None, int | Place]]
    numbers: dict[str, int]


def label_parts(
    classifier: Classifier,
    parts: Iterable[Sequence[Entry]],
    choice: Choice = Choice(),
    *,
    find: Callable[[str], Place | None] = lambda sha256: None,
    watch: Callable[[Result], object] = lambda result: None,
) -> Iterator[list[Labelled]]:
    """The results of each part, in order; the next ones are labelled meanwhile.

    In a part, the same content under several names is run once. ``find`` says where the table has a
    content, by its SHA-256; other threads call it, and read ``parts``. ``watch`` gets a result for
    each entry. Raises what ``Classifier.stream`` raises.
    """
    feed = _Feed(classifier.model, parts, find)
    results = list[Result]()
    try:
        for result in classifier.stream(
            feed.sources(), top_k=choice.top_k, embedding=choice.embedding
        ):
            # A source of the next part is only fed once all of this one are.
            while feed.ended and len(results) == len(feed.ended[0].numbers):
                yield _labelled(feed.ended.popleft(), results, watch)
                results = []
            feed.release_next()
            results.append(result)
            watch(result)
        while feed.ended:
            number = len(feed.ended[0].numbers)
            yield _labelled(feed.ended.popleft(), results[:number], watch)
            results = results[number:]
    finally:
        feed.line.close()


def _labelled(
    part: _Part, results: Sequence[Result], watch: Callable[[Result], object]
) -> list[Labelled]:
    labelled = list[Labelled]()
    for entry, sha256, number in part.entries:
        if isinstance(number, tuple):
            labelled.append(Labelled(entry, sha256, number))
            watch(Result(entry.name, ""))
            continue
        result = results[number]
        if result.source != entry.name:
            result = replace(result, source=entry.name)
            watch(result)
        labelled.append(Labelled(entry, sha256, result))
    return labelled


def make_part(
    classifier: Classifier,
    number: int,
    entries: Sequence[Entry],
    choice: Choice,
    format_: PartFormat,
) -> MadePart:
    """Label the entries of a part without the table. Raises what ``Classifier.stream`` raises."""
    (labelled,) = label_parts(classifier, [entries], choice)
    rows, outcomes = list[Row](), list[Result]()
    for entry, sha256, result in labelled:
        # Only the table could have the content already.
        assert isinstance(result, Result)
        rows.append(make_row(result, entry, sha256))
        error, warnings = result.error, result.warnings
        outcomes.append(Result(entry.name, result.model, error=error, warnings=warnings))
    return MadePart(number, format_.write(rows), list(map(to_fact, rows)), outcomes)


class _Feed:
    """The sources of parts that are run: each content of a part once.

    ``ended`` has the parts whose sources have all been fed, until their results are taken.
    """

    def __init__(
        self,
        model: ImageModel,
        parts: Iterable[Sequence[Entry]],
        find: Callable[[str], Place | None],
    ) -> None:
        self.line = model.budget.line(MAX_BYTES_IN_FLIGHT)
        self.ended = deque[_Part]()
        self._model, self._parts, self._find = model, parts, find
        self._sizes = deque[int]()
        self._tickets = deque[Ticket]()

    def sources(self) -> Iterator[Source]:
        """The sources, on the thread that the stream reads them on."""
        part = _Part([], {})
        for one in _take(self._model, self._entries(), self.line):
            if (source := self._add(part, one)) is not None:
                yield source
            if len(part.entries) == self._sizes[0]:
                self._sizes.popleft()
                self.ended.append(part)
                part = _Part([], {})

    def release_next(self) -> None:
        """Give back the memory of the next source in order."""
        self._tickets.popleft().release()

    def _entries(self) -> Iterator[Entry]:
        for entries in self._parts:
            if entries:
                self._sizes.append(len(entries))
                yield from entries

    def _add(self, part: _Part, one: _Taken) -> Source | None:
        """Add an entry to a part. The source is that of a content that must be run."""
        key = one.sha256 or one.entry.uri
        number: int | Place | None = part.numbers.get(key)
        if number is None and one.sha256 is not None:
            number = self._find(one.sha256)
        if number is not None:
            one.ticket.release()
            part.entries.append((one.entry, one.sha256, number))
            return None
        part.numbers[key] = len(part.numbers)
        part.entries.append((one.entry, one.sha256, part.numbers[key]))
        self._tickets.append(one.ticket)
        return Source(one.entry.name, one.content)


def _take(model: ImageModel, entries: Iterable[Entry], line: Line) -> Iterator[_Taken]:
    """Read ahead: what is labelled are the bytes that were read here, and they wait in memory."""
    max_bytes = model.limits.max_bytes
    for is_local, some in groupby(entries, lambda one: isinstance(one.content, Path)):
        if is_local:
            batches = Threads(READERS).map_batches(
                lambda batch: [_read(one, max_bytes, ticket) for one, ticket in batch],
                _with_room(some, max_bytes, line),
                READ_BATCH,
            )
            for batch in batches:
                yield from batch
        else:
            with_tickets = ((one, line.ticket()) for one in some)
            # Daemons, because a download that waits for memory would keep the program running.
            threads = Threads(FETCH_WORKERS, FETCH_WORKERS, daemon=True)
            yield from threads.map(lambda item: _fetch(model, *item), with_tickets)


def _with_room(
    entries: Iterable[Entry], max_bytes: int, line: Line
) -> Iterator[tuple[Entry, Ticket]]:
    """Entries once there is room for them. A thread that waited would hold back its whole batch."""
    for one in entries:
        ticket = line.ticket()
        if one.size is not None and one.size <= max_bytes:
            ticket.reserve(one.size)
        yield one, ticket


def _read(entry: Entry, max_bytes: int, ticket: Ticket) -> _Taken:
    """The bytes of a local file. One that is missing or too long is left to the stream."""
    path = entry.content
    assert isinstance(path, Path)
    content: Path | bytes | PictellError = path
    if entry.size is not None and entry.size <= max_bytes:
        try:
            content = read_file(path, max_bytes)
        except PictellError as error:
            content = error
    return _Taken(entry, _checksum(content), content, ticket)


def _fetch(model: ImageModel, entry: Entry, ticket: Ticket) -> _Taken:
    content: Content | PictellError
    if isinstance(entry.content, Stored):
        # Only callers with a storage pay for importing its library.
        from pictell.batch.remote import read_stored

        content = read_stored(entry.content, entry.size, model.limits.max_bytes, ticket.reserve)
    else:
        content = model.read(Source(entry.name, entry.content), ticket.reserve).content
    return _Taken(entry, _checksum(content), content, ticket)


def _checksum(content: Path | Content | PictellError) -> str | None:
    return hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else None
