"""The labels of the data are found among the model's, by stated rules, or reported.

The first of these that fits, without regard to case, with underscores as spaces:

1. a WordNet id: ``n02219486``, or with a name behind it, ``n02085620-Chihuahua``;
2. the name of a class; 3. one of its synonyms; both also in the other grammatical number, made by
   adding or dropping -s, -es or -y/-ies: ``ants`` is ``ant``;
4. a class index. A leading class ``background`` does not count: 0 is the class after it.

What fits several classes fits none. A label with commas that fits nothing is tried again by what
stands before the first one: ``tench, Tinca tinca``. A name above the classes is none of them.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from pictell.errors import UsageError
from pictell.evaluation.dataset import Dataset
from pictell.models.taxonomy_file import read_taxonomy
from pictell.scoring.taxonomy import Taxonomy
from pictell.types import Label, ModelSpec

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

    ``nearest``: the names that are most like it, or those that it could mean. ``kinds``: how many
    classes it is the name above of, of which ``nearest`` has the first; 0 where it is none.
    """

    label: str
    nearest: tuple[str, ...]
    ambiguous: bool = False
    kinds: int = 0


def match(
    labels: Sequence[str],
    classes: Sequence[Label],
    *,
    by_index: bool = False,
    taxonomy: Callable[[], Taxonomy | None] = lambda: None,
) -> tuple[Match | Unmatched, ...]:
    """What each label of the data means among the model's classes.

    ``by_index``: the labels are class indices and nothing else. ``taxonomy`` gives the names above
    the classes; it is called for labels that match nothing.
    """
    names = _Names(classes)
    found = [names.find_index(label) if by_index else names.find(label) for label in labels]
    unmatched = [result for result in found if isinstance(result, Unmatched)][:SUGGESTIONS]
    tree = taxonomy() if unmatched and not by_index else None
    suggested = {one.label: _as_kind(one, tree) or names.suggest(one) for one in unmatched}
    return tuple(suggested.get(result.label, result) for result in found)


def match_dataset(dataset: Dataset, spec: ModelSpec) -> tuple[Match | Unmatched, ...]:
    """What the labels of the data mean to a model, see ``match``.

    Raises ``InvalidModelError`` for a taxonomy that is needed and wrong.
    """

    def taxonomy() -> Taxonomy | None:
        return None if spec.taxonomy is None else read_taxonomy(spec.taxonomy, spec.labels)

    return match(dataset.labels, spec.labels, by_index=dataset.by_index, taxonomy=taxonomy)


def check(
    dataset: Dataset, matches: Sequence[Match | Unmatched], model: str, alternative: str = ""
) -> None:
    """Raises ``UsageError``, with the nearest names, when a label means no class of the model.

    ``alternative`` is told behind the remedy, where some labels do mean a class.
    """
    unmatched = [one for one in matches if isinstance(one, Unmatched)]
    if not unmatched:
        return
    if dataset.nested and len(unmatched) == len(matches):
        folders = ", ".join(dataset.labels[:SHOWN]) + ", …" * (len(dataset.labels) > SHOWN)
        raise UsageError(
            f"{dataset.name}: {folders} hold folders of pictures, and are no classes of {model}: "
            f"choose one, such as {dataset.root / dataset.labels[0]}"
        )
    more = ", …" if len(unmatched) > SHOWN else ""
    raise UsageError(
        f"{len(unmatched)} of {len(matches)} labels name no class of {model}: "
        f"{describe(unmatched[:SHOWN])}{more}: name them by classes"
        + (alternative if len(unmatched) < len(matches) else "")
    )


def check_weights(dataset: Dataset, matches: Sequence[Match | Unmatched], model: str) -> None:
    """Raises ``UsageError`` when no picture of any weight has a label that means a class."""
    known = np.array([isinstance(one, Match) for one in matches])[dataset.label_of]
    if dataset.weights is not None and not dataset.weights[known].any():
        raise UsageError(f"{dataset.name}: all pictures whose labels {model} knows weigh 0")


def describe(unmatched: Iterable[Unmatched]) -> str:
    """One line that names labels that were not found and what they might have been."""
    return ", ".join(map(_described, unmatched))


def _described(one: Unmatched) -> str:
    names = ", ".join(one.nearest)
    if one.kinds:
        more = ", …" if one.kinds > len(one.nearest) else ""
        classes = "class" if one.kinds == 1 else "classes"
        return f"{one.label!r} is a kind of {one.kinds} {classes} ({names}{more})"
    lead = "could be" if one.ambiguous else "nearest:"
    return repr(one.label) + f" ({lead} {names})" * bool(names)


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


def _as_kind(unmatched: Unmatched, tree: Taxonomy | None) -> Unmatched | None:
    """The label as a name above some classes, if it is one: they are told instead."""
    if tree is None or unmatched.ambiguous:
        return None
    name = folded(unmatched.label)
    called = {name, *_in_other_number(name)}
    for node in range(tree.root + 1, len(tree.labels)):
        label = tree.labels[node]
        if folded(label.name) in called or label.synset == name:
            below = np.sort(tree.classes_below(node)).tolist()
            classes = tuple(tree.labels[index].name for index in below[:NEAREST])
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
