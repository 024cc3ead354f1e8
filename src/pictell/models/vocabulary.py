"""The labels of a model as a tree: its classes below the broader labels, listed and searched."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import cached_property
from typing import NamedTuple

from pictell.errors import UsageError
from pictell.models import spelling
from pictell.models.labels import folded, in_other_number
from pictell.scoring.taxonomy import Taxonomy
from pictell.types import Label

MAX_NEAREST = 3
WORD = re.compile(r"[^\W_]+")
# What people leave out of names.
PUNCTUATION = re.compile("[-().'’]")
# In names of several things.
KINDS = re.compile(r" (and|or) ")


class Entry(NamedTuple):
    """A class or a broader label: its node, how many labels are above it, and its id."""

    node: int
    depth: int
    id: str


def entries(taxonomy: Taxonomy) -> Iterator[Entry]:
    """All labels in the order of the tree: each one before what is below it."""
    below = defaultdict[int, list[int]](list)
    for node, parent in enumerate(taxonomy.parents):
        if node != taxonomy.root:
            below[parent].append(node)
    to_visit = [(node, 0) for node in reversed(below[taxonomy.root])]
    while to_visit:
        node, depth = to_visit.pop()
        yield Entry(node, depth, taxonomy.ids[node])
        to_visit += [(child, depth + 1) for child in reversed(below[node])]


def search(taxonomy: Taxonomy, text: str) -> Iterator[Entry]:
    """The labels that ``text`` finds, with what is above and below them, in the order of the tree.

    It finds a label by its id or class index, and by whole words of its name or of a synonym. If
    it finds none, parts of words count too. Case is ignored. Raises ``UsageError``, which names
    the nearest names, if it finds none at all.
    """
    found = _found(taxonomy, text)
    above = {taxonomy.root}
    for node in found:
        while node not in above:
            above.add(node)
            node = taxonomy.parents[node]
    below = set[int]()
    for entry in entries(taxonomy):
        if entry.node in found or taxonomy.parents[entry.node] in below:
            below.add(entry.node)
        if entry.node in above or entry.node in below:
            yield entry


class Names:
    """The names of the labels of a taxonomy, each in the form in which names are compared."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._by_name = defaultdict[str, list[int]](list)
        self._by_key = defaultdict[str, list[int]](list)
        self._by_synonym = defaultdict[str, list[int]](list)
        self._by_letters = defaultdict[str, list[int]](list)
        self._written = dict[str, str]()
        for node, label in enumerate(taxonomy.labels):
            if node == taxonomy.root:
                continue
            self._by_name[folded(label.name)].append(node)
            for key in _keys(taxonomy, node):
                self._by_key[key].append(node)
            for synonym in dict.fromkeys(map(folded, label.synonyms)):
                self._by_synonym[synonym].append(node)
            for name in _names(label):
                self._written.setdefault(folded(name), name)
                self._by_letters[_unpunctuated(name)].append(node)

    def called(self, text: str) -> list[int]:
        """The labels that are called so, as ``named`` finds them; empty if there are none."""
        wanted = folded(text)
        others = list(in_other_number(wanted))
        for called, of_nodes in (
            ([wanted], self._by_name), ([wanted], self._by_key), ([wanted], self._by_synonym),
            (others, self._by_name), (others, self._by_synonym),
            (list(filter(None, [_unpunctuated(text)])), self._by_letters),
        ):  # fmt: skip
            if found := {node for one in called for node in of_nodes.get(one, ())}:
                return sorted(found)
        return []

    def ending(self, text: str) -> list[int]:
        """The labels whose name ends in these words; empty if there are none.

        The last words of a name say what kind of thing it is: a wall clock is a clock. ``clocks``
        finds it, too. Synonyms do not count, because many are figures of speech, such as
        ``big house`` for a prison; nor do names of several things, such as ``clock or watch``.
        """
        ends = tuple(f" {words}" for one in _numbers(text) if (words := _words(one).strip()))
        found = (nodes for name, nodes in self._kinds if name.endswith(ends))
        return sorted(node for nodes in found for node in nodes)

    @cached_property
    def _kinds(self) -> list[tuple[str, list[int]]]:
        """The words of each name of one thing, with a space before, and the labels."""
        names = ((name, nodes) for name, nodes in self._by_name.items() if not KINDS.search(name))
        return [(_words(name).rstrip(), nodes) for name, nodes in names]

    def is_written(self, text: str) -> bool:
        """Whether a label is called so with all signs of the text, such as brackets."""
        by_any = (self._written, self._by_key)
        return any(one in names for one in _numbers(text) for names in by_any)

    def is_own(self, text: str, node: int) -> bool:
        """Whether the text is the label's own name, not a synonym, its id or its last words."""
        own = self._by_name, self._by_letters_of_name
        forms = (*_numbers(text), _unpunctuated(text))
        return any(node in names.get(one, ()) for one in forms for names in own)

    @cached_property
    def _by_letters_of_name(self) -> dict[str, list[int]]:
        found = defaultdict[str, list[int]](list)
        for name, nodes in self._by_name.items():
            found[_unpunctuated(name)] += nodes
        return found

    def misspelled(self, text: str) -> list[str]:
        """The names, and last words of names, that the text may be a misspelling of."""
        written = {_unpunctuated(name): self._written[name] for name in self._written}
        last = {name.split()[-1] for name, _ in self._kinds if name.split()}
        known = {word: word for word in last} | written
        found = spelling.nearest(_unpunctuated(text), known, MAX_NEAREST)
        return [known[name] for name in found]

    def nearest(self, text: str) -> list[str]:
        """Names and synonyms that have the text as a word, or else are most similar."""
        words = _words(text)
        found = [name for name in self._written if words.strip() and words in _words(name)]
        found = found or get_close_matches(folded(text), self._written, MAX_NEAREST)
        return [self._written[name] for name in found[:MAX_NEAREST]]


def named(taxonomy: Taxonomy, text: str) -> list[int]:
    """The labels that are called so: by name, else by id or class index, else by a synonym.

    Case is ignored. If there is none, the other grammatical number counts: ``cats``; then hyphens,
    brackets, points and apostrophes do not. Raises ``UsageError``, which names the nearest names,
    if there is none either.
    """
    names = Names(taxonomy)
    if found := names.called(text):
        return found
    nearest = ", ".join(map(folded, names.nearest(text)))
    raise UsageError(f"no label is called {text!r}" + f" (nearest: {nearest})" * bool(nearest))


def _found(taxonomy: Taxonomy, text: str) -> set[int]:
    wanted, words = folded(text), _words(text)
    if not wanted:
        raise UsageError("the word to search for is empty")
    labels = {node: label for node, label in enumerate(taxonomy.labels) if node != taxonomy.root}
    names = {node: list(map(folded, _names(label))) for node, label in labels.items()}
    found = {node for node in labels if wanted in _keys(taxonomy, node)}
    if words.strip():
        found |= {node for node, own in names.items() if any(words in _words(one) for one in own)}
    found = found or {node for node, own in names.items() if any(wanted in one for one in own)}
    if not found:
        raise UsageError(f"no label has {text!r} in its name{_nearest(wanted, labels.values())}")
    return found


def _names(label: Label) -> tuple[str, ...]:
    return (label.name, *label.synonyms)


def _keys(taxonomy: Taxonomy, node: int) -> set[str]:
    """The id of the label, and of a class the index."""
    index = {str(node)} if node < taxonomy.root else set()
    return {folded(taxonomy.ids[node]), *index}


def _words(text: str) -> str:
    """The words of a text between single spaces: one text in another is then whole words of it."""
    return f" {' '.join(WORD.findall(folded(text)))} "


def _unpunctuated(text: str) -> str:
    return " ".join(PUNCTUATION.sub(" ", folded(text)).split())


def _numbers(text: str) -> Iterator[str]:
    """The text, then what it may be in the other grammatical number."""
    yield folded(text)
    yield from in_other_number(folded(text))


def _nearest(wanted: str, labels: Iterable[Label]) -> str:
    """The names, and words of names, that are most similar; in brackets, or nothing."""
    names = [name for label in labels for name in _names(label)]
    known = {folded(name): name for name in [*(WORD.findall(" ".join(names))), *names]}
    found = [known[one] for one in get_close_matches(wanted, known, MAX_NEAREST)]
    return f" (nearest: {', '.join(found)})" if found else ""
