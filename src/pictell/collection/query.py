"""What a person searches for: words, and when photos were taken.

A query such as ``dog ball not puppy, cat`` is alternatives with commas or ``or`` between them. Each
is labels that a photo must show, and after ``not`` one that it must not. Labels have names of one
or more words; of several ways to read the words, the first label gets as many as it can.
"""

from __future__ import annotations

import re
import unicodedata
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
# They are part of words between letters: black-and-tan, jack-o'-lantern.
JOINERS = frozenset("-'’_")
JOINER_RUN = re.compile(r"(?<=\w)(?:[-’']{1,2}|_+)(?=\w)")
# No label has a name of more words; longer texts would take long.
MAX_WORDS = 12
MAX_TOKENS = 100
DAY = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")


@dataclass(frozen=True, slots=True)
class Term:
    """The words for something that a photo can show.

    ``classes`` are the indices of their classes, sorted. ``guessed`` are the names of the labels
    if these words are not the own name of any: a synonym, or their last words; else it is empty.
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
    without labels, for words that name no label, for signs that mean nothing, and for one of
    several alternatives that only excludes.
    """
    names = Names(taxonomy)
    tokens = TOKEN.findall(text)
    if len(tokens) > MAX_TOKENS:
        raise UsageError(f"the query has more than {MAX_TOKENS} words")
    reading = _Reading(names, taxonomy)
    if names.called(text) and (names.is_written(text) or _sign(text) is None):
        return (Alternative((reading.term(text),), ()),)
    found = [reading.read(part) for part in _parts(tokens, names)]
    alternatives = tuple(one for one in found if one.shown or one.hidden)
    if not alternatives:
        raise UsageError(f"the query {text!r} has no words to search for")
    if len(alternatives) > 1:
        _check_each_shows(alternatives)
    return alternatives


def _check_each_shows(alternatives: tuple[Alternative, ...]) -> None:
    """Raise ``UsageError`` for an alternative that would add nearly all photos."""
    for one in alternatives:
        if not one.shown:
            hidden = " ".join(f"not {term.words}" for term in one.hidden)
            raise UsageError(
                f"{hidden!r} is an alternative of its own and finds nearly all photos: write it "
                f"after what to search for, without a comma or or: 'animal {hidden}'"
            )


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
        words = {token.casefold() for token in tokens[:length]}
        if OPERATORS.isdisjoint(words) and names.ending(text):
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
        several = sum(word.casefold() not in OPERATORS for word in words) > 1
        for word in words:
            is_operator = word.casefold() in OPERATORS
            if excludes and is_operator:
                break
            if word.casefold() == NOT:
                excludes = True
            elif not is_operator:
                (hidden if excludes else shown).append(self.term(word, several=several))
                excludes = False
        if excludes:
            raise UsageError("the query has a not without a word after it")
        return Alternative(tuple(shown), tuple(hidden))

    def term(self, words: str, *, several: bool = False) -> Term:
        """The term of some words; ``several``: they are not all of the alternative.

        Raises ``UsageError`` for words that name no label, and for signs that mean nothing.
        """
        if not self._names.is_written(words) and (sign := _sign(words)) is not None:
            raise _no_meaning(sign)
        nodes = self._names.called(words) or self._names.ending(words)
        if not nodes:
            raise self._unknown(words, several)
        labels, own = self._taxonomy.labels, any(self._names.is_own(words, node) for node in nodes)
        guessed = () if own else tuple(labels[node].name for node in nodes)
        classes = {int(one) for node in nodes for one in self._taxonomy.classes_below(node)}
        return Term(words, tuple(sorted(classes)), guessed)

    def _unknown(self, words: str, several: bool) -> UsageError:
        said = f"the model does not know {words!r}"
        if nearest := self._names.misspelled(words):
            return UsageError(f"{said}: did you mean {', '.join(nearest)}?")
        if several:
            return UsageError(
                f"{said}: each word must name a thing, not say what it is like: leave the word "
                "out; pictell labels lists what it knows"
            )
        return UsageError(f"{said}: pictell labels lists what it knows")


def _sign(text: str) -> str | None:
    """The first sign that is no part of a word; ``None`` if there is none."""
    rest = JOINER_RUN.sub("", text)
    for one in rest:
        if one in JOINERS or (one != "," and unicodedata.category(one)[0] in "CPS"):
            return one
    return None


def _no_meaning(sign: str) -> UsageError:
    return UsageError(
        f"the sign {sign!r} means nothing in a query: write 'animal not dog not cat' to exclude, "
        "'dog, cat' for either, 'dog cat' for both"
    )


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
