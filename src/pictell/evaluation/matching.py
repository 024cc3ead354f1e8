"""Match the labels of a dataset to the labels of a model: its classes and its broader labels.

The first rule that fits is used. Case is ignored, and underscores are spaces.

1. a WordNet id: ``n02219486``, or with a name behind it, ``n02085620-Chihuahua``;
2. the name of a class; 3. the name of a broader label of the taxonomy, such as ``cat``;
4. a synonym of a class;
5. the same in the other grammatical number, made by adding or removing -s, -es or -y/-ies: ``ants``
   matches ``ant``;
6. a class index. A leading class ``background`` is not counted: 0 is the class after it.

A label that fits several classes is unmatched. If a label with commas fits nothing, the part before
the first comma is tried: ``tench, Tinca tinca``.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pictell.errors import UsageError
from pictell.evaluation.dataset import Dataset
from pictell.models.labels import folded, in_other_number
from pictell.scoring.taxonomy import Taxonomy

# "broader": a broader label, by its WordNet id or by its name in either number.
Rule = Literal["synset", "name", "broader", "synonym", "number", "index"]

SYNSET = re.compile(r"(n\d{8})(?:[ _-](.*))?", re.DOTALL)
INDEX = re.compile(r"\s*([0-9]{1,9})\s*")
NONE = -1
BACKGROUND = "background"
MAX_NAMES = 3
# Finding the nearest of a thousand names takes about 10 ms.
MAX_SUGGESTIONS = 20
MAX_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Match:
    """A label, the node of the taxonomy it means, and the rule that found it.

    The node of a class is its index. ``node`` and ``matched_by`` are ``None`` for an unmatched
    label; ``hint`` then says what it may mean, such as ``nearest: bee``.
    """

    label: str
    node: int | None = None
    matched_by: Rule | None = None
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.label!r} ({self.hint})" if self.hint else repr(self.label)


def match_dataset(dataset: Dataset, tree: Taxonomy) -> tuple[Match, ...]:
    """Match the labels of a dataset to the nodes of a taxonomy; hints for unmatched labels.

    Raises ``UsageError`` for a list with several labels a picture.
    """
    if dataset.labels_of is not None:
        raise UsageError(
            f"{dataset.name}: the column labels is for several labels a picture: name the column "
            "label and give one a picture"
        )
    names = _Names(tree)
    found = {label: names.find(label, dataset.by_index) for label in dataset.labels}
    unknown = [one.label for one in found.values() if one.node is None and not one.hint]
    if not dataset.by_index:
        for label in unknown[:MAX_SUGGESTIONS]:
            found[label] = Match(label, hint=names.nearest(label))
    return tuple(found.values())


def check_matches(
    dataset: Dataset, matches: Sequence[Match], model: str, alternative: str = ""
) -> None:
    """Raise ``UsageError``, with the nearest names, if a label is unmatched.

    ``alternative`` is added to the remedy if some labels match.
    """
    unmatched = [one for one in matches if one.node is None]
    if not unmatched:
        return
    remedy = "labels and class folders must have names that the model knows"
    if len(unmatched) < len(matches):
        remedy = f"rename them{alternative}"
    raise UsageError(
        f"{dataset.name}: {len(unmatched)} of {len(matches)} labels match no label of {model}: "
        f"{listed(map(str, unmatched), MAX_SHOWN)}: {remedy}"
    )


def target_nodes(matches: Sequence[Match]) -> NDArray[np.int64]:
    """The node of each label, ``NONE`` for unmatched ones."""
    return np.array([NONE if one.node is None else one.node for one in matches], np.int64)


def group_classes(
    tree: Taxonomy, matches: Sequence[Match], *, narrowest: bool = False
) -> NDArray[np.int64]:
    """The labels of the data as groups of classes: the group of each class, a node, (classes,).

    The group of a class is the broadest of the targets that cover it, or the ``narrowest``; without
    any, the class itself.
    """
    group_of = np.arange(tree.root)
    targets = np.unique(target_nodes(matches))
    targets = targets[targets != NONE]
    sizes = (tree.stops - tree.starts)[targets]
    # The last of several targets stays.
    for target in targets[np.argsort(-sizes if narrowest else sizes, kind="stable")].tolist():
        group_of[tree.classes_below(target)] = target
    return group_of


def listed(names: Iterable[str], limit: int) -> str:
    """The first ``limit`` names, with commas, and dots for more."""
    shown = list(names)
    return ", ".join(shown[:limit]) + (", …" if len(shown) > limit else "")


class _Names:
    """The labels of a model by WordNet id, name and synonym."""

    def __init__(self, tree: Taxonomy) -> None:
        self._labels, self._root = tree.labels, tree.root
        classes, broader = tree.labels[: tree.root], tree.labels[tree.root + 1 :]
        self._first = int(folded(classes[0].name) == BACKGROUND and len(classes) > 1)
        self._synsets = _index((label.synset or "",) for label in classes)
        self._names = _index((folded(label.name),) for label in classes)
        self._synonyms = _index(map(folded, label.synonyms) for label in classes)
        keys = ((label.synset or "", folded(label.name)) for label in broader)
        self._broader = _index(keys, tree.root + 1)

    def find(self, label: str, by_index: bool) -> Match:
        """Match a label. ``by_index``: it can only be a class index."""
        for text in (label, label.partition(",")[0]):
            for rule, nodes in self._candidates(text, by_index):
                if len(nodes) == 1:
                    return Match(label, nodes[0], rule)
                if nodes:
                    names = (self._labels[node].name for node in nodes)
                    return Match(label, hint=f"could be {listed(names, MAX_NAMES)}")
        return Match(label)

    def nearest(self, label: str) -> str:
        """A hint with the most similar names, empty if there are none."""
        name = folded(label)
        known = {} if name.isdigit() else self._names | self._broader | self._synonyms
        close = difflib.get_close_matches(name, known, MAX_NAMES)
        return f"nearest: {', '.join(close)}" if close else ""

    def _candidates(self, text: str, by_index: bool) -> Iterator[tuple[Rule, list[int]]]:
        if not by_index:
            synset = SYNSET.fullmatch(text.strip().lower())
            if synset:
                yield "synset", self._synsets.get(synset[1], [])
                yield "broader", self._broader.get(synset[1], [])
            name = folded(synset[2] if synset and synset[2] else text)
            yield "name", self._names.get(name, [])
            yield "broader", self._broader.get(name, [])
            yield "synonym", self._synonyms.get(name, [])
            for other in in_other_number(name):
                yield "number", self._names.get(other, [])
                yield "broader", self._broader.get(other, [])
                yield "number", self._synonyms.get(other, [])
        if number := INDEX.fullmatch(text):
            index = int(number[1]) + self._first
            yield "index", [index] if index < self._root else []


def _index(names_of_labels: Iterable[Iterable[str]], start: int = 0) -> dict[str, list[int]]:
    """The nodes of each name; ``start`` is the node of the first label."""
    nodes = defaultdict[str, list[int]](list)
    for node, names in enumerate(names_of_labels, start):
        for name in dict.fromkeys(filter(None, names)):
            nodes[name].append(node)
    return dict(nodes)
