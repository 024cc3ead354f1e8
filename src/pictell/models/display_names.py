"""Other names for what a model knows: another language, or a house's own words.

A file in UTF-8 that gives names to some or all classes and names of the taxonomy:

    animal,Tier
    n02121808,Katze
    n02123159,Tigerkatze
    892,Wanduhr

A key is a class's index from 0, or else a WordNet id, or else a name as it is without the file,
which is given to all that bear it; where several keys mean the same thing, the first of these kinds
wins. WordNet ids are in the model's ``labels.tsv`` and ``taxonomy.tsv``; those that the model has
not are passed over, so that one file serves several models. What is not in the file keeps its name.

Key and name are parted by tabs, commas or semicolons: by tabs if the first line that has any of
the three has one, else by whichever of the others comes first in it, quoted text not counted. A
first line with one of ``HEADINGS`` for a key is a heading. Or the file is JSON: an object with
these keys and names.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pictell.errors import UsageError
from pictell.inspection.model_files import because
from pictell.models.taxonomy_file import SYNSET
from pictell.scoring.decision import Scorer
from pictell.types import Label

HEADINGS = {"synset", "wnid", "index", "class_index", "name"}
MAX_BYTES = 16 * 1024 * 1024
QUOTED = re.compile('"[^"]*"?')
LINE = "a WordNet id, a class index or a name as it is now, and the new name"


def rename(scorer: Scorer, path: Path) -> Scorer:
    """The naming with the names in a file. Raises ``UsageError``, naming the line that is wrong."""
    classes, tree = scorer.labels, scorer.taxonomy
    labels = list(classes if tree is None else tree.labels)
    # The root, the first node behind the classes, is never shown.
    nodes = [node for node in range(len(labels)) if node != len(classes)]
    for node, name in _new_names(path, _Keys(labels, nodes, len(classes))).items():
        labels[node] = replace(labels[node], name=name)
    if tree is not None:
        tree = replace(tree, labels=tuple(labels))
    return replace(scorer, labels=tuple(labels[: len(classes)]), taxonomy=tree)


class _Keys:
    """What each key of a file means: nodes of a taxonomy, numbered as there."""

    def __init__(self, labels: Sequence[Label], nodes: Iterable[int], classes: int) -> None:
        self._classes = classes
        synsets, names = defaultdict[str, list[int]](list), defaultdict[str, list[int]](list)
        for node in nodes:
            label = labels[node]
            names[label.name].append(node)
            if label.synset is not None:
                synsets[label.synset].append(node)
        indices = {str(index): [index] for index in range(classes)}
        self._ways = (indices, synsets, names)

    def find(self, key: str) -> tuple[int, list[int]]:
        """How much a key counts, 0 the most, and its nodes; none for a foreign WordNet id.

        Raises ``UsageError`` for any other key that the model has not.
        """
        for rank, way in enumerate(self._ways):
            if key in way:
                return rank, way[key]
        if SYNSET.fullmatch(key):
            return len(self._ways), []
        if key.isdigit():
            raise UsageError(
                f"the model has no class index {key!r}: they are 0 to {self._classes - 1}"
            )
        from difflib import get_close_matches

        names = list(self._ways[-1])
        # crane is told apart as "crane (bird)" and "crane (machine)".
        meant = [name for name in names if name.startswith(f"{key} (")]
        nearest = ", ".join(meant or get_close_matches(key, names))
        raise UsageError(
            f"the model has no name {key!r}" + f" (nearest: {nearest})" * bool(nearest)
        )


def _new_names(path: Path, keys: _Keys) -> dict[int, str]:
    """The new name of each node that gets one."""
    seen, found = set[str](), list[tuple[int, list[int], str]]()
    for place, key, name in _entries(_text(path), path.name):
        try:
            rank, nodes = keys.find(key)
        except UsageError as error:
            raise UsageError(f"{place}: {error}") from error
        if key in seen:
            raise UsageError(f"{place}: {key!r} has a name already")
        if not name:
            raise UsageError(f"{place}: {key!r} has no name")
        seen.add(key)
        found.append((rank, nodes, name))
    if not found:
        raise UsageError(f"{path.name} has no names: each line is {LINE}")
    # The keys that count the most come last, and stay.
    found.sort(key=lambda entry: entry[0], reverse=True)
    names = {node: name for _, nodes, name in found for node in nodes}
    if not names:
        raise UsageError(f"{path.name}: the model has none of the WordNet ids in it")
    return names


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {because(error)}") from error
    if len(content) > MAX_BYTES:
        raise UsageError(f"{path.name} is too long for a file of names")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path.name} is no text in UTF-8, as names are") from error


def _entries(text: str, file: str) -> Iterator[tuple[str, str, str]]:
    """(place, key, name) of each entry; the place is for errors."""
    if text.lstrip().startswith("{"):
        yield from _json_entries(text, file)
        return
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    first = True
    try:
        for row in rows:
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            heading, first = first and cells[0].lower() in HEADINGS, False
            if heading:
                continue
            place = f"{file}: line {rows.line_num}"
            if len(cells) != 2 or not cells[0]:
                raise UsageError(f"{place}: a line is {LINE}")
            yield place, cells[0], cells[1]
    except csv.Error as error:
        raise UsageError(f"{file}: line {rows.line_num}: {error}") from error


def _delimiter(text: str) -> str:
    for line in text.splitlines():
        unquoted = QUOTED.sub("", line)
        if "\t" in unquoted:
            return "\t"
        found = re.search("[,;]", unquoted)
        if found:
            return found[0]
    return ","


def _json_entries(text: str, file: str) -> Iterator[tuple[str, str, str]]:
    try:
        pairs = json.loads(text, object_pairs_hook=list)
    except json.JSONDecodeError as error:
        raise UsageError(f"{file}: line {error.lineno}: this is no JSON: {error.msg}") from error
    except RecursionError as error:
        raise UsageError(f"{file} is nested too deeply") from error
    except ValueError as error:
        # Python refuses to parse numbers of thousands of digits.
        raise UsageError(f"{file} holds a number where a name should be") from error
    for number, (key, name) in enumerate(pairs, start=1):
        place = f"{file}: entry {number}"
        if not isinstance(name, str):
            raise UsageError(f"{place}: the name of {key!r} is not a text")
        yield place, key.strip(), name.strip()
