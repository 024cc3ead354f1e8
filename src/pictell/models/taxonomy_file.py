"""A taxonomy file: the broader labels above a model's classes. Its format is in docs/models.md."""

from __future__ import annotations

import re
from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from pictell.errors import InvalidModelError
from pictell.models.labels import positions
from pictell.scoring.taxonomy import Taxonomy, build
from pictell.types import Attachment, Label

TOP = "-"
HEADING = "heading"
SYNSET = re.compile(r"n\d{8}")


class _Line(NamedTuple):
    """The entry in a line: a broader label, or without a name a class."""

    number: int
    key: str
    name: str | None
    above: str
    heading: bool = False

    def error(self, message: str) -> InvalidModelError:
        return InvalidModelError(f"line {self.number}: {message}")


def read_taxonomy(file: Attachment, labels: Sequence[Label]) -> Taxonomy:
    """The taxonomy of a model with these labels. Raises ``InvalidModelError``."""
    try:
        return _taxonomy(_lines(file.text), labels)
    except InvalidModelError as error:
        raise InvalidModelError(f"{file.name}: {error}") from error


def _lines(text: str) -> list[_Line]:
    found = []
    for number, raw in enumerate(text.split("\n"), start=1):
        cells = list(map(str.strip, raw.split("\t")))
        if len(cells) == 1 and (not cells[0] or raw.startswith("#")):
            continue
        heading = len(cells) == 4 and cells[-1] == HEADING
        if heading:
            cells.pop()
        if not 2 <= len(cells) <= 3 or not all(cells):
            raise InvalidModelError(
                f"line {number}: must be fields separated by tabs: id, name, id of the label above "
                f"or -, and {HEADING} if it is never an answer; or class, id of the label above"
            )
        name = cells[1] if len(cells) == 3 else None
        found.append(_Line(number, cells[0], name, cells[-1], heading))
    return found


def _taxonomy(lines: Sequence[_Line], labels: Sequence[Label]) -> Taxonomy:
    root = len(labels)
    broader = [line for line in lines if line.name is not None]
    nodes = {TOP: root}
    for node, line in enumerate(broader, start=root + 1):
        if line.key in nodes:
            raise line.error(f"another broader label has the id {line.key!r}")
        nodes[line.key] = node
    for line in lines:
        if line.above not in nodes:
            raise line.error(f"no broader label has the id {line.above!r}")
    _check_no_cycle(broader)
    parents = [root] * root + [nodes[line.above] for line in broader]
    for index, line in _class_lines(lines, labels).items():
        parents[index] = nodes[line.above]
    _check_all_used(broader, parents, root)
    return build(
        labels,
        [*map(_label, broader)],
        parents,
        keys=[line.key for line in broader],
        headings=[line.heading for line in broader],
    )


def _class_lines(lines: Sequence[_Line], labels: Sequence[Label]) -> dict[int, _Line]:
    """The line of each class in the file."""
    indices = _class_indices(labels, [line.key for line in lines if line.name is None])
    class_lines: dict[int, _Line] = {}
    for line in lines:
        if line.name is not None:
            continue
        if line.key not in indices:
            raise line.error(f"the model has no class {line.key!r}")
        index, *others = indices[line.key]
        if others:
            raise line.error(
                f"{1 + len(others)} classes are called {line.key!r}: give the index of the class"
            )
        if index in class_lines:
            raise line.error(f"this is the same class as in line {class_lines[index].number}")
        class_lines[index] = line
    return class_lines


def _class_indices(labels: Sequence[Label], keys: Sequence[str]) -> dict[str, list[int]]:
    """The classes by WordNet id, name or index, the first of these that the model has."""
    by_synset = positions(label.synset for label in labels)
    if all(key in by_synset for key in keys):
        return by_synset
    by_index = positions(map(str, range(len(labels))))
    return by_index | positions(label.name for label in labels) | by_synset


def _check_no_cycle(broader: Sequence[_Line]) -> None:
    lines = {line.key: line for line in broader}
    try:
        TopologicalSorter({line.key: [line.above] for line in broader}).prepare()
    except CycleError as error:
        line = lines[error.args[1][0]]
        raise line.error(f"{line.name!r} is above itself") from None


def _check_all_used(broader: Sequence[_Line], parents: Sequence[int], root: int) -> None:
    """Check that a class is below each broader label. ``parents``: of the classes, then of them."""
    used = {root}
    for node in parents[:root]:
        while node not in used:
            used.add(node)
            node = parents[node - 1]
    for node, line in enumerate(broader, start=root + 1):
        if node not in used:
            raise line.error(f"no class is below {line.name!r}")


def _label(line: _Line) -> Label:
    return Label(line.name or "", line.key if SYNSET.fullmatch(line.key) else None)
