"""Match the labels of a dataset to the classes of a model.

The first rule that fits is used. Case is ignored, and underscores are spaces.

1. a WordNet id: ``n02219486``, or with a name behind it, ``n02085620-Chihuahua``;
2. the name of a class; 3. a synonym of a class; both also in the other grammatical number, made by
   adding or removing -s, -es or -y/-ies: ``ants`` matches ``ant``;
4. a class index. A leading class ``background`` is not counted: 0 is the class after it.

A label that fits several classes is unmatched. If a label with commas fits nothing, the part before
the first comma is tried: ``tench, Tinca tinca``. A broader label of the taxonomy never matches.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pictell.errors import UsageError
from pictell.evaluation.dataset import Dataset
from pictell.models.labels import folded, in_other_number
from pictell.models.taxonomy_file import read_taxonomy
from pictell.scoring.taxonomy import Taxonomy
from pictell.types import Label, ModelSpec

Rule = Literal["synset", "name", "synonym", "number", "index"]

SYNSET = re.compile(r"(n\d{8})(?:[ _-](.*))?", re.DOTALL)
INDEX = re.compile(r"\s*([0-9]{1,9})\s*")
BACKGROUND = "background"
MAX_NAMES = 3
# Finding the nearest of a thousand names takes about 10 ms.
MAX_SUGGESTIONS = 20
MAX_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Match:
    """A label, the class it means, and the rule that found it.

    ``class_index`` and ``matched_by`` are ``None`` for a label without a class; ``hint`` then says
    what it may mean, such as ``nearest: bee``.
    """

    label: str
    class_index: int | None = None
    matched_by: Rule | None = None
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.label!r} ({self.hint})" if self.hint else repr(self.label)


def match_dataset(dataset: Dataset, spec: ModelSpec) -> tuple[Match, ...]:
    """Match the labels of a dataset to the classes of a model; hints for those without a class.

    Raises ``InvalidModelError`` for an invalid taxonomy. It is read only if a label is unmatched.
    """
    names = _Names(spec.labels)
    found = {label: names.find(label, dataset.by_index) for label in dataset.labels}
    unknown = [one.label for one in found.values() if one.class_index is None and not one.hint]
    if unknown and not dataset.by_index:
        taxonomy = None if spec.taxonomy is None else read_taxonomy(spec.taxonomy, spec.labels)
        for label in unknown[:MAX_SUGGESTIONS]:
            hint = (taxonomy and _classes_below(label, taxonomy)) or names.nearest(label)
            found[label] = Match(label, hint=hint)
    return tuple(found.values())


def check_matches(
    dataset: Dataset, matches: Sequence[Match], model: str, alternative: str = ""
) -> None:
    """Raise ``UsageError``, with the nearest names, if a label is unmatched.

    ``alternative`` is added to the remedy if some labels match.
    """
    unmatched = [one for one in matches if one.class_index is None]
    if not unmatched:
        return
    remedy = "labels and class folders must have the names of classes of the model"
    if len(unmatched) < len(matches):
        remedy = f"rename them{alternative}"
    raise UsageError(
        f"{dataset.name}: {len(unmatched)} of {len(matches)} labels match no class of {model}: "
        f"{listed(map(str, unmatched), MAX_SHOWN)}: {remedy}"
    )


def listed(names: Iterable[str], limit: int) -> str:
    """The first ``limit`` names, with commas, and dots for more."""
    shown = list(names)
    return ", ".join(shown[:limit]) + (", …" if len(shown) > limit else "")


class _Names:
    """The classes of a model by WordNet id, name and synonym."""

    def __init__(self, classes: Sequence[Label]) -> None:
        self._classes = classes
        self._first = int(folded(classes[0].name) == BACKGROUND and len(classes) > 1)
        self._synsets = _index((label.synset or "",) for label in classes)
        self._names = _index((folded(label.name),) for label in classes)
        self._synonyms = _index(map(folded, label.synonyms) for label in classes)

    def find(self, label: str, by_index: bool) -> Match:
        """Match a label. ``by_index``: it can only be a class index."""
        for text in (label, label.partition(",")[0]):
            for rule, classes in self._candidates(text, by_index):
                if len(classes) == 1:
                    return Match(label, classes[0], rule)
                if classes:
                    names = (self._classes[index].name for index in classes)
                    return Match(label, hint=f"could be {listed(names, MAX_NAMES)}")
        return Match(label)

    def nearest(self, label: str) -> str:
        """A hint with the most similar names, empty if there are none."""
        name = folded(label)
        known = {} if name.isdigit() else self._names | self._synonyms
        close = difflib.get_close_matches(name, known, MAX_NAMES)
        return f"nearest: {', '.join(close)}" if close else ""

    def _candidates(self, text: str, by_index: bool) -> Iterator[tuple[Rule, list[int]]]:
        if not by_index:
            synset = SYNSET.fullmatch(text.strip().lower())
            yield "synset", self._synsets.get(synset[1], []) if synset else []
            name = folded(synset[2] if synset and synset[2] else text)
            yield "name", self._names.get(name, [])
            yield "synonym", self._synonyms.get(name, [])
            for other in in_other_number(name):
                yield "number", self._names.get(other) or self._synonyms.get(other, [])
        if number := INDEX.fullmatch(text):
            index = int(number[1]) + self._first
            yield "index", [index] if index < len(self._classes) else []


def _classes_below(label: str, taxonomy: Taxonomy) -> str:
    """A hint with the classes below a broader label of the taxonomy, empty for other labels."""
    name = folded(label)
    names = {name, *in_other_number(name)}
    for node in range(taxonomy.root + 1, len(taxonomy.labels)):
        broader = taxonomy.labels[node]
        if folded(broader.name) in names or broader.synset == name:
            below = np.sort(taxonomy.classes_below(node)).tolist()
            classes = listed((taxonomy.labels[index].name for index in below), MAX_NAMES)
            number = f"{len(below)} class{'' if len(below) == 1 else 'es'}"
            return f"a broader label of {number}: {classes}"
    return ""


def _index(names_of_classes: Iterable[Iterable[str]]) -> dict[str, list[int]]:
    classes = defaultdict[str, list[int]](list)
    for index, names in enumerate(names_of_classes):
        for name in dict.fromkeys(filter(None, names)):
            classes[name].append(index)
    return dict(classes)
