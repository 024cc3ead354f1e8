"""Build the taxonomy of the default model: everyday names above its classes.

    apt-get install wordnet-base
    python tools/build_taxonomy.py

``everyday_names.txt`` has the names, edited by hand, and the rules for them. WordNet 3.0 says which
name each class belongs to. The result is the ``taxonomy.tsv`` of the default model (for its format
see ``pictell.models.taxonomy_file``). The same input gives the same bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pictell.models.labels import IMAGENET, read_labels
from pictell.models.taxonomy_file import HEADING, TOP
from pictell.types import Label

OUTLINE = Path(__file__).parent / "everyday_names.txt"
NOUNS = Path("/usr/share/wordnet/data.noun")
TAXONOMY = IMAGENET.with_name("taxonomy.tsv")
INDENT = 2
HEADER = """\
# The broader labels of the default model's classes: tools/build_taxonomy.py, from WordNet 3.0.
# Broader labels: id, name, id of the label above, and "heading" if it is too broad for an answer.
# Classes: WordNet id, id of the label above.
"""

Hypernyms = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Name:
    """A name in the outline. ``parent`` is the index of the name above, ``None`` at the top.

    A ``heading`` only groups the names below it.
    """

    text: str
    parent: int | None
    synsets: tuple[str, ...]
    classes: tuple[str, ...]
    heading: bool

    @property
    def identifier(self) -> str:
        """The first WordNet id, or the name if it has none."""
        return self.synsets[0] if self.synsets else self.text


def read_hypernyms(path: Path) -> dict[str, tuple[str, ...]]:
    """The hypernyms of every noun synset, by id (``n`` and the offset), in the order of the file.

    The format is that of wndb(5WN): offset, file number, part of speech, the number of words in
    hexadecimal, word and id of each, the number of pointers, then symbol, offset, part of speech
    and source/target of each; ``@`` points to a hypernym, ``@i`` to that of an instance. Lines
    that begin with a space are the licence.
    """
    hypernyms = {}
    for line in path.read_text(encoding="ascii").splitlines():
        if line.startswith(" "):
            continue
        fields = line.partition(" | ")[0].split()
        first = 4 + 2 * int(fields[3], 16) + 1
        pointers = fields[first : first + 4 * int(fields[first - 1])]
        found = zip(pointers[::4], pointers[1::4], strict=True)
        hypernyms[f"n{fields[0]}"] = tuple(f"n{to}" for kind, to in found if kind in {"@", "@i"})
    return hypernyms


def read_outline(text: str) -> list[Name]:
    """The names of an outline, each one after the name above it."""
    names: list[Name] = []
    above: list[int] = []
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        name, _, members = line.strip().partition(":")
        heading = name.startswith("(")
        text = name[1:-1] if heading else name
        synsets, _, classes = members.partition(";")
        depth = (len(line) - len(line.lstrip())) // INDENT
        del above[depth:]
        parent = above[-1] if above else None
        named = tuple(part.strip() for part in classes.split(",") if part.strip())
        above.append(len(names))
        names.append(Name(text, parent, tuple(synsets.split()), named, heading))
    return names


def find_parents(labels: Sequence[Label], names: Sequence[Name], hypernyms: Hypernyms) -> list[int]:
    """For each class the index of the name above it: the one that lists it, else the nearest."""
    by_class = _index(name.classes for name in names)
    by_synset = _index(name.synsets for name in names)
    if unknown := by_class.keys() - {label.name for label in labels}:
        raise SystemExit(f"no such classes: {', '.join(sorted(unknown))}")
    return [
        by_class[label.name] if label.name in by_class else _nearest(label, by_synset, hypernyms)
        for label in labels
    ]


def _index(members: Iterable[Sequence[str]]) -> dict[str, int]:
    """The index of the group of each member. Exits if a member is in two groups."""
    places: dict[str, int] = {}
    for place, group in enumerate(members):
        for member in group:
            if member in places:
                raise SystemExit(f"{member} is listed twice")
            places[member] = place
    return places


def _nearest(label: Label, by_synset: Mapping[str, int], hypernyms: Hypernyms) -> int:
    """The name with the fewest hypernyms between; among several, the lowest WordNet id."""
    level = {str(label.synset)}
    while level:
        level = {above for synset in level for above in hypernyms[synset]}
        if found := sorted(level & by_synset.keys()):
            return by_synset[found[0]]
    raise SystemExit(f"nothing is above {label.name}")


def check(names: Sequence[Name], labels: Sequence[Label], parents: Sequence[int]) -> None:
    """Exit if two names are equal or a name has the same classes as the name above it."""
    texts = [*(name.text for name in names), *(label.name for label in labels)]
    if repeated := {text for text in texts if texts.count(text) > 1}:
        raise SystemExit(f"names that are used twice: {', '.join(sorted(repeated))}")
    below: list[set[int]] = [set() for _ in names]
    for index, parent in enumerate(parents):
        above: int | None = parent
        while above is not None:
            below[above].add(index)
            above = names[above].parent
    for name, classes in zip(names, below, strict=True):
        if len(classes) < 2:
            raise SystemExit(f"{name.text} has fewer than two classes below it")
        if name.parent is not None and classes == below[name.parent]:
            raise SystemExit(f"{name.text} has the same classes as {names[name.parent].text}")


def to_text(names: Sequence[Name], labels: Sequence[Label], parents: Sequence[int]) -> str:
    """The content of a taxonomy file."""
    rows = [
        (
            name.identifier,
            name.text,
            TOP if name.parent is None else names[name.parent].identifier,
            *[HEADING] * name.heading,
        )
        for name in names
    ]
    leaves = [
        (str(label.synset), names[parent].identifier)
        for label, parent in zip(labels, parents, strict=True)
    ]
    return HEADER + "".join("\t".join(row) + "\n" for row in (*rows, *leaves))


def build() -> str:
    """The default model's taxonomy file."""
    labels = read_labels(IMAGENET)
    names = read_outline(OUTLINE.read_text(encoding="utf-8"))
    parents = find_parents(labels, names, read_hypernyms(NOUNS))
    check(names, labels, parents)
    return to_text(names, labels, parents)


def main() -> None:
    """Write the taxonomy file."""
    if not NOUNS.exists():
        sys.exit("WordNet 3.0 is missing: apt-get install wordnet-base")
    TAXONOMY.write_text(build(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
