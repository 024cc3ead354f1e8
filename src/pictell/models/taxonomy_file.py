"""A taxonomy file: the broader labels above a model's classes. Its format is in docs/models.md."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from pictell.errors import InvalidModelError
from pictell.models.labels import positions
from pictell.scoring.taxonomy import Taxonomy, build
from pictell.types import MAX_LABELS, Attachment, Label

# WordNet has 82,000 nouns, the deepest below 19 others.
MAX_BROADER, MAX_DEPTH = 100_000, 100
# A name may be as long as the file.
MAX_ERROR = 300
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
        return InvalidModelError(f"line {self.number}: {message:.{MAX_ERROR}}")


def read_taxonomy(file: Attachment, labels: Sequence[Label]) -> Taxonomy:
    """The taxonomy of a model with these labels. Raises ``InvalidModelError``."""
    try:
        return _taxonomy(_lines(file.text), labels)
    except InvalidModelError as error:
        raise InvalidModelError(f"{file.name}: {error}") from error


def _lines(text: str) -> list[_Line]:
    if text.count("\n") > MAX_LABELS + MAX_BROADER:
        raise InvalidModelError(f"it has more than {MAX_LABELS + MAX_BROADER:,} lines")
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
    if len(broader) > MAX_BROADER:
        raise InvalidModelError(f"it has more than {MAX_BROADER:,} broader labels")
    nodes = {TOP: root}
    for node, line in enumerate(broader, start=root + 1):
        if line.key in nodes:
            raise line.error(f"another broader label has the id {line.key!r}")
        nodes[line.key] = node
    for line in lines:
        if line.above not in nodes:
            raise line.error(f"no broader label has the id {line.above!r}")
    _check_depth(broader)
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


def _check_depth(broader: Sequence[_Line]) -> None:
    """Check that no label is above itself, or more than ``MAX_DEPTH`` below the top."""
    lines = {line.key: line for line in broader}
    depths = {TOP: 0}
    for line in broader:
        # The labels from this one up to the first whose depth is known.
        path = dict[str, _Line]()
        key = line.key
        while key not in depths:
            if key in path:
                raise lines[key].error(f"{lines[key].name!r} is above itself")
            path[key] = lines[key]
            key = lines[key].above
        for depth, below in enumerate(reversed(path.values()), start=depths[key] + 1):
            if depth > MAX_DEPTH:
                raise below.error(f"{below.name!r} has {MAX_DEPTH} labels above it, or more")
            depths[below.key] = depth


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
