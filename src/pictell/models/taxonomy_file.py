"""A taxonomy file: the names above a model's classes.

    # animals
    animal      animal          -
    n02121808   cat             animal
    n02123045   n02121808
    tiger cat   n02121808

The file is UTF-8 text. Each line is one entry, its fields separated by tabs, in any order:

- Three fields are a name: its id, the name to show, and the id of the name above it (``-`` at the
  top). An id is any text. A WordNet 3.0 id (``n02121808``) is part of the answer.
- Two fields are a class of the model and the id of the name above it. The class is given by its
  WordNet id, its name or its index (from 0), the first of these that the model has.
- Lines that begin with ``#`` and have no tab are comments. Blank lines are ignored.

A class that the file does not mention has no name above it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from pictell.errors import InvalidModelError
from pictell.scoring.taxonomy import Taxonomy, build
from pictell.types import Attachment, Label

TOP = "-"
SYNSET = re.compile(r"n\d{8}")


class _Line(NamedTuple):
    """The number of a line, its fields without the last, and the last: the id of the name above."""

    number: int
    fields: tuple[str, ...]
    above: str


class _BrokenLineError(Exception):
    """A line of a taxonomy file is wrong."""

    def __init__(self, line: _Line, message: str) -> None:
        super().__init__(f"line {line.number}: {message}")


def read_taxonomy(file: Attachment, labels: Sequence[Label]) -> Taxonomy:
    """The taxonomy of a model with these labels. Raises ``InvalidModelError``."""
    try:
        return _taxonomy(_lines(file.text), labels)
    except _BrokenLineError as error:
        raise InvalidModelError(f"{file.name}: {error}") from error


def _lines(text: str) -> list[_Line]:
    found = []
    for number, raw in enumerate(text.split("\n"), start=1):
        cells = tuple(map(str.strip, raw.split("\t")))
        if len(cells) == 1 and (not cells[0] or raw.startswith("#")):
            continue
        line = _Line(number, cells[:-1], cells[-1])
        if not 2 <= len(cells) <= 3 or not all(cells):
            raise _BrokenLineError(
                line,
                "must be three fields separated by tabs (id, name, id of the name above or -) "
                "or two (class, id of the name above)",
            )
        found.append(line)
    return found


def _taxonomy(lines: Sequence[_Line], labels: Sequence[Label]) -> Taxonomy:
    root = len(labels)
    names = [line for line in lines if len(line.fields) == 2]
    nodes = _number_names(names, root)
    above_names = [_above(line, nodes) for line in names]
    _check_no_cycle(names)
    parents = [root] * root + above_names
    class_lines = _class_lines([line for line in lines if len(line.fields) == 1], labels)
    for index, line in class_lines.items():
        parents[index] = _above(line, nodes)
    _check_all_used(names, parents, root)
    return build(labels, [_label(line) for line in names], parents)


def _class_lines(lines: Sequence[_Line], labels: Sequence[Label]) -> dict[int, _Line]:
    """The line of each class in the file."""
    indices = _class_indices(labels)
    class_lines: dict[int, _Line] = {}
    for line in lines:
        key = line.fields[0]
        index = indices.get(key)
        if index is None:
            raise _BrokenLineError(line, f"the model has no class {key!r}")
        if index < 0:
            raise _BrokenLineError(
                line, f"{-index} classes are called {key!r}: give the index of the class"
            )
        if index in class_lines:
            raise _BrokenLineError(
                line, f"this is the same class as in line {class_lines[index].number}"
            )
        class_lines[index] = line
    return class_lines


def _number_names(names: Sequence[_Line], root: int) -> dict[str, int]:
    nodes = {TOP: root}
    for node, line in enumerate(names, start=root + 1):
        identifier = line.fields[0]
        if identifier in nodes:
            raise _BrokenLineError(line, f"another name has the id {identifier!r}")
        nodes[identifier] = node
    return nodes


def _above(line: _Line, nodes: Mapping[str, int]) -> int:
    if line.above not in nodes:
        raise _BrokenLineError(line, f"no name has the id {line.above!r}")
    return nodes[line.above]


def _class_indices(labels: Sequence[Label]) -> dict[str | None, int]:
    """The index of a class by its WordNet id, name or index; minus their number for several."""
    ways: tuple[Sequence[str | None], ...] = (
        list(map(str, range(len(labels)))),
        [label.name for label in labels],
        [label.synset for label in labels],
    )
    indices: dict[str | None, int] = {}
    for names in ways:
        indices.update(zip(names, range(len(labels)), strict=True))
        if len(set(names)) < len(names):
            indices.update((name, -count) for name, count in Counter(names).items() if count > 1)
    return indices


def _check_no_cycle(names: Sequence[_Line]) -> None:
    lines = {line.fields[0]: line for line in names}
    try:
        TopologicalSorter({line.fields[0]: [line.above] for line in names}).prepare()
    except CycleError as error:
        line = lines[error.args[1][0]]
        raise _BrokenLineError(line, f"{line.fields[1]!r} is above itself") from None


def _check_all_used(names: Sequence[_Line], parents: Sequence[int], root: int) -> None:
    """Check that a class is below each name. ``parents``: of the classes, then of the names."""
    used = {root}
    for leaf in parents[:root]:
        node = leaf
        while node not in used:
            used.add(node)
            node = parents[node - 1]
    for node, line in enumerate(names, start=root + 1):
        if node not in used:
            raise _BrokenLineError(line, f"no class is below {line.fields[1]!r}")


def _label(line: _Line) -> Label:
    identifier, name = line.fields
    return Label(name, identifier if SYNSET.fullmatch(identifier) else None)
