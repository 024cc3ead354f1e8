"""The labels of the data are found among the model's, by stated rules, or reported.

The first of these that fits, without regard to case, with underscores as spaces:

1. a WordNet id: ``n02219486``, or with a name behind it, ``n02085620-Chihuahua``;
2. the name of a class; 3. one of its synonyms; both also in the other grammatical number, made by
   adding or dropping -s, -es or -y/-ies: ``ants`` is ``ant``;
4. a class index. A leading class ``background`` does not count: 0 is the class after it.

What fits several classes fits none. A label with commas that fits nothing is tried again by what
stands before the first one: ``tench, Tinca tinca``.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pictell.errors import UsageError
from pictell.types import Label

Way = Literal["synset", "name", "synonym", "number", "index"]

SYNSET = re.compile(r"(n\d{8})(?:[ _-](.*))?", re.DOTALL)
BACKGROUND = "background"
NEAREST = 3
# Each search takes some 10 ms among a thousand names; nobody reads more suggestions than these.
SUGGESTIONS = 20
SHOWN = 5
MAX_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Match:
    """A label of the data, the class it was found to mean, and by which rule."""

    label: str
    class_index: int
    way: Way


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A label of the data that means no class of the model, or several.

    ``nearest``: the names that are most like it, or those that it could mean.
    """

    label: str
    nearest: tuple[str, ...]
    ambiguous: bool = False


def match(
    labels: Sequence[str], classes: Sequence[Label], *, by_index: bool = False
) -> tuple[Match | Unmatched, ...]:
    """What each label of the data means among the model's classes.

    ``by_index``: the labels are class indices and nothing else.
    """
    names = _Names(classes)
    found = [names.find_index(label) if by_index else names.find(label) for label in labels]
    unmatched = [result for result in found if isinstance(result, Unmatched)]
    suggested = {result.label: names.suggest(result) for result in unmatched[:SUGGESTIONS]}
    return tuple(suggested.get(result.label, result) for result in found)


def check(matches: Sequence[Match | Unmatched], model: str, remedy: str = "rename them") -> None:
    """Raises ``UsageError``, with the nearest names, when a label means no class of the model."""
    unmatched = [one for one in matches if isinstance(one, Unmatched)]
    if unmatched:
        more = ", …" if len(unmatched) > SHOWN else ""
        raise UsageError(
            f"{len(unmatched)} of {len(matches)} labels name no class of {model}: "
            f"{describe(unmatched[:SHOWN])}{more}: {remedy}"
        )


def describe(unmatched: Iterable[Unmatched]) -> str:
    """One line that names labels that were not found and what they might have been."""
    parts = []
    for one in unmatched:
        lead = "could be" if one.ambiguous else "nearest:"
        parts.append(repr(one.label) + (f" ({lead} {', '.join(one.nearest)})" * bool(one.nearest)))
    return ", ".join(parts)


def folded(name: str) -> str:
    """The name as it is compared: case folded, underscores as spaces, no spaces doubled."""
    return " ".join(name.replace("_", " ").casefold().split())


class _Names:
    """The classes of a model by everything they can be called."""

    def __init__(self, classes: Sequence[Label]) -> None:
        self._classes = classes
        self._first = int(folded(classes[0].name) == BACKGROUND and len(classes) > 1)
        self._synsets = _index((label.synset or "",) for label in classes)
        self._names = _index((folded(label.name),) for label in classes)
        self._synonyms = _index(map(folded, label.synonyms) for label in classes)

    def find(self, label: str) -> Match | Unmatched:
        whole = self._find_name(label)
        if isinstance(whole, Match) or whole.ambiguous or "," not in label:
            return whole
        part = self._find_name(label.partition(",")[0])
        return Match(label, part.class_index, part.way) if isinstance(part, Match) else whole

    def find_index(self, label: str) -> Match | Unmatched:
        text = label.strip()
        if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS:
            index = int(text) + self._first
            if index < len(self._classes):
                return Match(label, index, "index")
        return Unmatched(label, ())

    def suggest(self, unmatched: Unmatched) -> Unmatched:
        if unmatched.ambiguous or folded(unmatched.label).isdigit():
            return unmatched
        name = folded(unmatched.label)
        known = [known for known in (*self._names, *self._synonyms) if known]
        close = difflib.get_close_matches(name, dict.fromkeys(known), NEAREST)
        return Unmatched(unmatched.label, tuple(close))

    def _find_name(self, label: str) -> Match | Unmatched:
        for way, classes in self._candidates(label):
            if len(classes) == 1:
                return Match(label, classes[0], way)
            if classes:
                could_be = tuple(self._classes[index].name for index in classes[:NEAREST])
                return Unmatched(label, could_be, ambiguous=True)
        return self.find_index(label)

    def _candidates(self, label: str) -> Iterator[tuple[Way, list[int]]]:
        synset = SYNSET.fullmatch(label.strip().lower())
        yield "synset", self._synsets.get(synset[1], []) if synset else []
        name = folded(synset[2] if synset and synset[2] else label)
        yield "name", self._names.get(name, [])
        yield "synonym", self._synonyms.get(name, [])
        for other in _in_other_number(name):
            yield "number", self._names.get(other, []) or self._synonyms.get(other, [])


def _index(names_of_classes: Iterable[Iterable[str]]) -> dict[str, list[int]]:
    classes = defaultdict[str, list[int]](list)
    for index, names in enumerate(names_of_classes):
        for name in dict.fromkeys(names):
            classes[name].append(index)
    return dict(classes)


def _in_other_number(name: str) -> Iterator[str]:
    for singular, plural in (("", "s"), ("", "es"), ("y", "ies")):
        if name.endswith(plural):
            yield name.removesuffix(plural) + singular
        if name.endswith(singular):
            yield name.removesuffix(singular) + plural
