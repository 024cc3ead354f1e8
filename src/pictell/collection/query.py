"""What a person searches for: words, and when photos were taken.

A query such as ``dog ball not puppy, cat`` is alternatives with commas or ``or`` between them. Each
is labels that a photo must show, and after ``not`` one that it must not. Labels have names of one
or more words; of several ways to read the words, the first label gets as many as it can.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from pictell.errors import UsageError
from pictell.models.vocabulary import Names
from pictell.scoring.taxonomy import Taxonomy

# The words of a query, and commas.
TOKEN = re.compile(r"[^\s,]+|,")
AND, NOT, ALTERNATIVES = "and", "not", frozenset((",", "or"))
OPERATORS = ALTERNATIVES | {AND, NOT}
# No label has a name of more words; longer texts would take long.
MAX_WORDS = 12
MAX_TOKENS = 100
DAY = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")


@dataclass(frozen=True, slots=True)
class Term:
    """The words for something that a photo can show.

    ``classes`` are the indices of their classes, sorted. ``guessed`` are the names of the labels
    if none is called so and they only end in these words; else it is empty.
    """

    words: str
    classes: tuple[int, ...]
    guessed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Alternative:
    """What a photo must show, and what it must not; one of the two can be empty."""

    shown: tuple[Term, ...]
    hidden: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Period:
    """The days from ``first`` to ``last``, both included."""

    first: date
    last: date

    def includes(self, taken: datetime | None) -> bool:
        """Whether a photo was taken then; one without a date was not."""
        return taken is not None and self.first <= taken.date() <= self.last


def parse_query(text: str, taxonomy: Taxonomy) -> tuple[Alternative, ...]:
    """The alternatives of a query; there is at least one.

    A query that is the name of a label as a whole is that label. Raises ``UsageError`` for a query
    without labels, and for words that are no label's, with the nearest names.
    """
    names = Names(taxonomy)
    tokens = TOKEN.findall(text)
    if len(tokens) > MAX_TOKENS:
        raise UsageError(f"the query has more than {MAX_TOKENS} words")
    if whole := names.called(text):
        return (Alternative((_term(text, whole, taxonomy),), ()),)
    found = [_Reading(names, taxonomy).read(part) for part in _parts(tokens, names)]
    alternatives = tuple(one for one in found if one.shown or one.hidden)
    if not alternatives:
        raise UsageError(f"the query {text!r} has no words to search for")
    return alternatives


def parse_period(text: str) -> Period:
    """The days of ``2024``, ``2024-06``, ``2024-06-15``, or of a range of these: ``2024-06..2025``.

    A range can be open: ``2024..`` or ``..2023-05``. Raises ``UsageError``.
    """
    first, dots, last = text.strip().partition("..")
    if dots and not (first or last):
        raise _wrong_period(text)
    start = _days(first, text).first if first else date.min
    end = _days(last if dots else first, text).last if last or not dots else date.max
    if start > end:
        raise UsageError(f"--taken {text!r} ends before it starts: give the earlier date first")
    return Period(start, end)


def _parts(tokens: list[str], names: Names) -> Iterator[list[str]]:
    """The words of each alternative. A name such as ``boat or ship`` is not taken apart."""
    part, place = list[str](), 0
    while place < len(tokens):
        if tokens[place].casefold() in ALTERNATIVES:
            yield part
            part, place = [], place + 1
            continue
        length = _longest(tokens[place:], names)
        part.append(_joined(tokens[place : place + length]))
        place += length
    yield part


def _longest(tokens: list[str], names: Names) -> int:
    """How many words at the start are the name of a label, or its last words; 1 if none are."""
    spans = {n: _joined(tokens[:n]) for n in range(min(len(tokens), MAX_WORDS), 1, -1)}
    for length, text in spans.items():
        if tokens[length - 1] != "," and names.called(text):
            return length
    for length, text in spans.items():
        if OPERATORS.isdisjoint(tokens[:length]) and names.ending(text):
            return length
    return 1


def _joined(tokens: list[str]) -> str:
    return " ".join(tokens).replace(" ,", ",")


class _Reading:
    """Reads the words of an alternative, whose labels have been found."""

    def __init__(self, names: Names, taxonomy: Taxonomy) -> None:
        self._names, self._taxonomy = names, taxonomy

    def read(self, words: list[str]) -> Alternative:
        """The alternative. Raises ``UsageError`` for an unknown word, and a ``not`` at the end."""
        shown, hidden, excludes = list[Term](), list[Term](), False
        for word in words:
            if word.casefold() == NOT:
                excludes = True
            elif word.casefold() != AND:
                (hidden if excludes else shown).append(self._term(word))
                excludes = False
        if excludes:
            raise UsageError("the query has a not without a word after it")
        return Alternative(tuple(shown), tuple(hidden))

    def _term(self, words: str) -> Term:
        if nodes := self._names.called(words):
            return _term(words, nodes, self._taxonomy)
        if nodes := self._names.ending(words):
            guessed = tuple(self._taxonomy.labels[node].name for node in nodes)
            return _term(words, nodes, self._taxonomy, guessed)
        nearest = ", ".join(self._names.nearest(words))
        raise UsageError(
            f"no label is called {words!r}: "
            + (f"did you mean {nearest}?" if nearest else "pictell labels lists them")
        )


def _term(words: str, nodes: list[int], taxonomy: Taxonomy, guessed: tuple[str, ...] = ()) -> Term:
    classes = {int(one) for node in nodes for one in taxonomy.classes_below(node)}
    return Term(words, tuple(sorted(classes)), guessed)


def _days(text: str, whole: str) -> Period:
    """The days of a year, a month or a day."""
    match = DAY.fullmatch(text.strip())
    if match is None:
        raise _wrong_period(whole)
    year, month, day = (None if group is None else int(group) for group in match.groups())
    try:
        first = date(year or 0, month or 1, day or 1)
        last_month = month or 12
        return Period(
            first, first.replace(month=last_month, day=day or monthrange(first.year, last_month)[1])
        )
    except ValueError as error:
        raise UsageError(f"--taken {whole!r}: there is no such date: {text.strip()}") from error


def _wrong_period(text: str) -> UsageError:
    return UsageError(
        f"--taken must be a date or a range, such as 2024, 2024-06 or 2024-06-15..2024-08, "
        f"not {text!r}"
    )
