"""Rename classes and names of the taxonomy: another language, or your own words.

The file is UTF-8 text with a key and a new name on each line:

    animal,Tier
    n02121808,Katze
    n02123159,Tigerkatze
    892,Wanduhr

A key is a class index (from 0), a WordNet id, or a current name, which renames everything of that
name. If several keys mean the same class or name, the first of these three kinds wins. WordNet ids
are in the ``labels.tsv`` and ``taxonomy.tsv`` of the model. Ids of other models are ignored,
so one file serves several models. Anything that is not in the file keeps its name.

The separator is the tab if the first line with any separator has one, else the comma or the
semicolon, whichever comes first outside quotes. A first line whose key is in ``HEADINGS`` is a
heading. The file can also be a JSON object from keys to names.
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
from pictell.files import TextFileError, read_text
from pictell.models.taxonomy_file import SYNSET
from pictell.scoring.decision import Scorer
from pictell.types import Label

HEADINGS = {"synset", "wnid", "index", "class_index", "name"}
QUOTED = re.compile('"[^"]*"?')
LINE = "a WordNet id, a class index or a current name, then the new name"


def rename(scorer: Scorer, path: Path) -> Scorer:
    """The scorer with the names in a file. Raises ``UsageError``, which names the wrong line."""
    classes, taxonomy = scorer.labels, scorer.taxonomy
    labels = list(classes if taxonomy is None else taxonomy.labels)
    # The root is the first node after the classes and never shown.
    nodes = [node for node in range(len(labels)) if node != len(classes)]
    for node, name in _new_names(path, _Keys(labels, nodes, len(classes))).items():
        labels[node] = replace(labels[node], name=name)
    if taxonomy is not None:
        taxonomy = replace(taxonomy, labels=tuple(labels))
    return replace(scorer, labels=tuple(labels[: len(classes)]), taxonomy=taxonomy)


class _Keys:
    """The nodes of a taxonomy that each key means, numbered as in the taxonomy."""

    def __init__(self, labels: Sequence[Label], nodes: Iterable[int], classes: int) -> None:
        self._classes = classes
        synsets, names = defaultdict[str, list[int]](list), defaultdict[str, list[int]](list)
        for node in nodes:
            label = labels[node]
            names[label.name].append(node)
            if label.synset is not None:
                synsets[label.synset].append(node)
        indices = {str(index): [index] for index in range(classes)}
        self._kinds = (indices, synsets, names)

    def find(self, key: str) -> tuple[int, list[int]]:
        """The rank of a key (0 wins) and its nodes; none for a WordNet id of another model.

        Raises ``UsageError`` for any other key that the model does not have.
        """
        for rank, nodes in enumerate(self._kinds):
            if key in nodes:
                return rank, nodes[key]
        if SYNSET.fullmatch(key):
            return len(self._kinds), []
        if key.isdigit():
            raise UsageError(
                f"the model has no class index {key!r}: they are 0 to {self._classes - 1}"
            )
        from difflib import get_close_matches

        names = list(self._kinds[-1])
        # For crane: "crane (bird)" and "crane (machine)".
        longer = [name for name in names if name.startswith(f"{key} (")]
        nearest = ", ".join(longer or get_close_matches(key, names))
        raise UsageError(
            f"the model has no name {key!r}" + f" (nearest: {nearest})" * bool(nearest)
        )


def _new_names(path: Path, keys: _Keys) -> dict[int, str]:
    """The new names, by node."""
    seen, found = set[str](), list[tuple[int, list[int], str]]()
    for place, key, name in _entries(_read(path), path.name):
        try:
            rank, nodes = keys.find(key)
        except UsageError as error:
            raise UsageError(f"{place}: {error}") from error
        if key in seen:
            raise UsageError(f"{place}: {key!r} was named before")
        if not name:
            raise UsageError(f"{place}: {key!r} has no name")
        seen.add(key)
        found.append((rank, nodes, name))
    if not found:
        raise UsageError(f"{path.name} has no names: each line must be {LINE}")
    # Later names replace earlier ones, so the keys with rank 0 come last.
    found.sort(key=lambda entry: entry[0], reverse=True)
    names = {node: name for _, nodes, name in found for node in nodes}
    if not names:
        raise UsageError(f"{path.name}: the model has none of the WordNet ids in it")
    return names


def _read(path: Path) -> str:
    try:
        return read_text(path)
    except TextFileError as error:
        raise UsageError(f"the file of names {path} {error}") from error


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
                raise UsageError(f"{place}: a line must be {LINE}")
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
        raise UsageError(f"{file}: line {error.lineno}: invalid JSON: {error.msg}") from error
    except RecursionError as error:
        raise UsageError(f"{file} is nested too deeply") from error
    except ValueError as error:
        # Python refuses to parse a number of more than 4300 digits.
        raise UsageError(f"{file} has a number in place of a name") from error
    for number, (key, name) in enumerate(pairs, start=1):
        place = f"{file}: entry {number}"
        if not isinstance(name, str):
            raise UsageError(f"{place}: the name of {key!r} must be text")
        yield place, key.strip(), name.strip()
