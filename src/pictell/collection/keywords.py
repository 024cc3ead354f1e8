"""Keywords: from what a model says of a photo to the values of a sidecar's properties."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pictell.results import Result, Status
from pictell.scoring.taxonomy import Taxonomy

Property = Literal["subject", "hierarchicalSubject", "TagsList"]
# Programs such as digiKam and Immich read only the last one that a photo has.
PROPERTIES: tuple[Property, ...] = ("subject", "hierarchicalSubject", "TagsList")
# What stands between the names of a path; in a name it becomes a dash, as there is no escape.
SEPARATORS: dict[Property, str] = {"hierarchicalSubject": "|", "TagsList": "/"}
# White space, and what XML 1.0 cannot have.
NOT_IN_NAMES = re.compile("[\\s\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]+")

Values = dict[Property, list[str]]


@dataclass(frozen=True, slots=True)
class Keyword:
    """A label with the labels above it.

    ``path`` holds the names from the top of the taxonomy down to the label, ``informative`` whether
    each of them is a keyword of its own; the last one always is.
    """

    path: tuple[str, ...]
    informative: tuple[bool, ...]

    @property
    def names(self) -> list[str]:
        """The informative names, the broadest first."""
        return [name for name, kept in zip(self.path, self.informative, strict=True) if kept]

    def values(self, name: Property) -> list[str]:
        """What the keyword is in a property: names, or one path."""
        return self.names if name == "subject" else [joined(self.path, name)]

    def broader(self) -> Keyword | None:
        """The nearest informative label above."""
        above = [number for number, kept in enumerate(self.informative[:-1]) if kept]
        if not above:
            return None
        return Keyword(self.path[: above[-1] + 1], self.informative[: above[-1] + 1])


class Labels:
    """The labels of a model, as keywords."""

    def __init__(self, tree: Taxonomy) -> None:
        self._tree = tree
        # Two classes may have one WordNet id.
        self._nodes: dict[str, list[int]] = {}
        for node, key in enumerate(tree.ids):
            self._nodes.setdefault(key, []).append(node)

    def keywords(self, result: Result, statuses: Container[Status]) -> list[Keyword]:
        """The keyword of an answer with one of the statuses, else none.

        A heading of the taxonomy is a keyword only if it is the answer.
        """
        if result.answer is None or result.status not in statuses:
            return []
        answer, levels = result.answer, list[tuple[str, bool]]()
        nodes = self._nodes[answer.id]
        node = next((one for one in nodes if self._tree.path(one) == answer.path), nodes[0])
        while node != self._tree.root:
            if name := clean(self._tree.labels[node].name):
                levels.append((name, not levels or not self._tree.headings[node]))
            node = self._tree.parents[node]
        if not levels:
            return []
        names, informative = zip(*reversed(levels), strict=True)
        return [Keyword(names, informative)]


def clean(name: str) -> str:
    """A name on one line, without characters that XML cannot have."""
    return NOT_IN_NAMES.sub(" ", name).strip()


def joined(path: Sequence[str], name: Property) -> str:
    """A path as a value of a property."""
    separator = SEPARATORS[name]
    return separator.join(one.replace(separator, "-") for one in path)


def exact(value: str) -> str:
    """What two values have in common that are the same keyword."""
    return unicodedata.normalize("NFC", value.strip())


def folded(value: str) -> str:
    """The same for a keyword that a user has in other letters: ``Cat``."""
    return exact(value).casefold()


def kept(keywords: Iterable[Keyword], deleted: Mapping[Property, Iterable[str]]) -> list[Keyword]:
    """The keywords without the labels that the user deleted; the label above takes their place."""
    gone = {name: set(map(exact, values)) for name, values in deleted.items()}

    def is_deleted(keyword: Keyword) -> bool:
        return any(exact(keyword.values(name)[-1]) in gone.get(name, ()) for name in PROPERTIES)

    found = []
    for keyword in keywords:
        one: Keyword | None = keyword
        while one is not None and is_deleted(one):
            one = one.broader()
        if one is not None:
            found.append(one)
    return found


def additions(
    keywords: Sequence[Keyword], users: Mapping[Property, list[str]], deleted: Values
) -> Values:
    """The values to add to each property: none that the user has or has deleted.

    A property without values of the user would hide those that stand in the properties before it,
    so it also gets copies of these.
    """
    names = {folded(name) for keyword in keywords for name in keyword.path}
    added: Values = {}
    for name in PROPERTIES:
        wanted = [value for keyword in keywords for value in keyword.values(name)]
        taken = [*users[name], *deleted.get(name, [])]
        if users[name]:
            taken += copies(users, name)
        elif wanted:
            wanted = [one for one in copies(users, name) if folded(one) not in names] + wanted
        not_wanted = set(map(folded, taken))
        unique = {folded(one): one for one in wanted if folded(one) not in not_wanted}
        added[name] = list(unique.values())
    return added


def copies(users: Mapping[Property, list[str]], name: Property) -> list[str]:
    """The values of the fullest property before this one, as values of this one."""
    before = [one for one in PROPERTIES[: PROPERTIES.index(name)] if users[one]]
    if not before:
        return []
    separator = SEPARATORS.get(before[-1])
    split = [value.split(separator) if separator else [value] for value in users[before[-1]]]
    paths = [[clean(part) for part in path] for path in split]
    return [joined(path, name) for path in paths if all(path)]
