"""The labels of a model as a tree: its classes below the broader labels, listed and searched."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import NamedTuple

from pictell.errors import UsageError
from pictell.models.labels import folded, in_other_number
from pictell.scoring.taxonomy import Taxonomy
from pictell.types import Label

MAX_NEAREST = 3
WORD = re.compile(r"[^\W_]+")


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


def named(taxonomy: Taxonomy, text: str) -> list[int]:
    """The labels that are called so: by name, else by id or class index, else by a synonym.

    Case is ignored. If there is none, the other grammatical number counts: ``cats``. Raises
    ``UsageError``, which names the nearest names, if there is none either.
    """
    nodes = [node for node in range(len(taxonomy.labels)) if node != taxonomy.root]
    keys = {node: _keys(taxonomy, node) for node in nodes}
    names = {node: {folded(taxonomy.labels[node].name)} for node in nodes}
    synonyms = {node: {*map(folded, taxonomy.labels[node].synonyms)} for node in nodes}
    wanted = {folded(text)}
    others = {*in_other_number(folded(text))}
    for called, of_nodes in (
        (wanted, names), (wanted, keys), (wanted, synonyms), (others, names), (others, synonyms)
    ):  # fmt: skip
        if found := [node for node in nodes if called & of_nodes[node]]:
            return found
    known = sorted(set().union(*names.values(), *synonyms.values()))
    nearest = ", ".join(get_close_matches(folded(text), known, MAX_NEAREST))
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


def _nearest(wanted: str, labels: Iterable[Label]) -> str:
    """The names, and words of names, that are most similar; in brackets, or nothing."""
    names = [name for label in labels for name in _names(label)]
    known = {folded(name): name for name in [*(WORD.findall(" ".join(names))), *names]}
    found = [known[one] for one in get_close_matches(wanted, known, MAX_NEAREST)]
    return f" (nearest: {', '.join(found)})" if found else ""
