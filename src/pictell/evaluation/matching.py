"""Match the labels of a dataset to the classes of a model.

The first rule that fits is used. Case is ignored, and underscores are spaces.

1. a WordNet id: ``n02219486``, or with a name behind it, ``n02085620-Chihuahua``;
2. the name of a class; 3. a synonym of a class; both also in the other grammatical number, made by
   adding or removing -s, -es or -y/-ies: ``ants`` matches ``ant``;
4. a class index. A leading class ``background`` is not counted: 0 is the class after it.

A label that fits several classes is unmatched. If a label with commas fits nothing, the part before
the first comma is tried: ``tench, Tinca tinca``. Categories above the classes are never matched.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from pictell.errors import UsageError
from pictell.evaluation.dataset import Dataset
from pictell.models.taxonomy_file import read_taxonomy
from pictell.scoring.taxonomy import Taxonomy
from pictell.types import Label, ModelSpec

Rule = Literal["synset", "name", "synonym", "number", "index"]

SYNSET = re.compile(r"(n\d{8})(?:[ _-](.*))?", re.DOTALL)
BACKGROUND = "background"
MAX_NEAREST = 3
# Finding the nearest of a thousand names takes about 10 ms.
MAX_SUGGESTIONS = 20
MAX_SHOWN = 5
MAX_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Match:
    """A label, the class it means, and the rule that found it."""

    label: str
    class_index: int
    matched_by: Rule


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A label that means no class, or several (``ambiguous``).

    ``nearest``: the classes it may mean, or the most similar names. ``kinds``: for a category, the
    number of classes below it, of which ``nearest`` holds the first; else 0.
    """

    label: str
    nearest: tuple[str, ...] = ()
    ambiguous: bool = False
    kinds: int = 0


def match(
    labels: Sequence[str], classes: Sequence[Label], *, by_index: bool = False
) -> tuple[Match | Unmatched, ...]:
    """Match each label to a class. ``by_index``: the labels can only be class indices."""
    names = _Names(classes)
    return tuple(names.find_index(label) if by_index else names.find(label) for label in labels)


def match_dataset(dataset: Dataset, spec: ModelSpec) -> tuple[Match | Unmatched, ...]:
    """Match the labels of a dataset; unmatched ones get the nearest names or the classes below.

    Raises ``InvalidModelError`` for an invalid taxonomy. It is read only if a label is unmatched.
    """
    found = match(dataset.labels, spec.labels, by_index=dataset.by_index)
    unmatched = [one for one in found if isinstance(one, Unmatched) and not one.ambiguous]
    if dataset.by_index or not unmatched:
        return found
    taxonomy = None if spec.taxonomy is None else read_taxonomy(spec.taxonomy, spec.labels)
    names = _Names(spec.labels)
    suggested = {
        one.label: (taxonomy and _as_category(one, taxonomy)) or names.suggest(one)
        for one in unmatched[:MAX_SUGGESTIONS]
    }
    return tuple(suggested.get(one.label, one) for one in found)


def check_matches(
    dataset: Dataset, matches: Sequence[Match | Unmatched], model: str, alternative: str = ""
) -> None:
    """Raise ``UsageError``, with the nearest names, if a label is unmatched.

    ``alternative`` is added to the remedy if some labels match.
    """
    unmatched = [one for one in matches if isinstance(one, Unmatched)]
    if not unmatched:
        return
    more = ", …" if len(unmatched) > MAX_SHOWN else ""
    remedy = "labels and class folders must have the names of classes of the model"
    if len(unmatched) < len(matches):
        remedy = f"rename them{alternative}"
    raise UsageError(
        f"{dataset.name}: {len(unmatched)} of {len(matches)} labels match no class of {model}: "
        f"{describe(unmatched[:MAX_SHOWN])}{more}: {remedy}"
    )


def describe(unmatched: Iterable[Unmatched]) -> str:
    """One line with the labels and what they might mean."""
    return ", ".join(map(_description, unmatched))


def _description(one: Unmatched) -> str:
    names = ", ".join(one.nearest)
    if one.kinds:
        more = ", …" if one.kinds > len(one.nearest) else ""
        classes = "class" if one.kinds == 1 else "classes"
        return f"{one.label!r} is a category of {one.kinds} {classes} ({names}{more})"
    lead = "could be" if one.ambiguous else "nearest:"
    return f"{one.label!r} ({lead} {names})" if names else repr(one.label)


def folded(name: str) -> str:
    """The name as it is compared: case folded, underscores as spaces, single spaces."""
    return " ".join(name.replace("_", " ").casefold().split())


class _Names:
    """The classes of a model by WordNet id, name and synonym."""

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
        return replace(part, label=label) if isinstance(part, Match) else whole

    def find_index(self, label: str) -> Match | Unmatched:
        text = label.strip()
        if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS:
            index = int(text) + self._first
            if index < len(self._classes):
                return Match(label, index, "index")
        return Unmatched(label)

    def suggest(self, unmatched: Unmatched) -> Unmatched:
        name = folded(unmatched.label)
        if name.isdigit():
            return unmatched
        known = dict.fromkeys(known for known in (*self._names, *self._synonyms) if known)
        close = difflib.get_close_matches(name, known, MAX_NEAREST)
        return Unmatched(unmatched.label, tuple(close))

    def _find_name(self, label: str) -> Match | Unmatched:
        for rule, classes in self._candidates(label):
            if len(classes) == 1:
                return Match(label, classes[0], rule)
            if classes:
                could_be = tuple(self._classes[index].name for index in classes[:MAX_NEAREST])
                return Unmatched(label, could_be, ambiguous=True)
        return self.find_index(label)

    def _candidates(self, label: str) -> Iterator[tuple[Rule, list[int]]]:
        synset = SYNSET.fullmatch(label.strip().lower())
        yield "synset", self._synsets.get(synset[1], []) if synset else []
        name = folded(synset[2] if synset and synset[2] else label)
        yield "name", self._names.get(name, [])
        yield "synonym", self._synonyms.get(name, [])
        for other in _in_other_number(name):
            yield "number", self._names.get(other, []) or self._synonyms.get(other, [])


def _as_category(unmatched: Unmatched, taxonomy: Taxonomy) -> Unmatched | None:
    """The label with the classes below it, if it names a category of the taxonomy."""
    name = folded(unmatched.label)
    names = {name, *_in_other_number(name)}
    for node in range(taxonomy.root + 1, len(taxonomy.labels)):
        label = taxonomy.labels[node]
        if folded(label.name) in names or label.synset == name:
            below = np.sort(taxonomy.classes_below(node)).tolist()
            classes = tuple(taxonomy.labels[index].name for index in below[:MAX_NEAREST])
            return replace(unmatched, nearest=classes, kinds=len(below))
    return None


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
