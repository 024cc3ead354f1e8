"""Rename classes and broader labels: another language, or your own words.

The file is UTF-8 text with a key and a new name on each line:

    animal,Tier
    n02121808,Katze
    n02123159,Tigerkatze
    892,Wanduhr

A key is a class index (from 0), a WordNet id, or a current name, which renames everything of that
name; if several keys mean the same label, the first of these three wins. WordNet ids of other
models are ignored, so one file serves several models.

The separator is the tab if the first line with any separator has one, else the comma or the
semicolon, whichever comes first outside quotes; without these in the file it is the colon. A first
line whose key is in ``HEADINGS`` is a heading. The file can also be a map from keys to names, or
the names of all classes, in any form that a labels file may have (``label_forms``).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from pictell.errors import UsageError
from pictell.files import TextFileError, read_text
from pictell.models.label_forms import FormError, Row, one_line, read_names, read_structured
from pictell.models.labels import positions
from pictell.models.taxonomy_file import SYNSET
from pictell.scoring.decision import Scorer
from pictell.types import Label

HEADINGS = {"synset", "wnid", "index", "class_index", "name"}
QUOTED = re.compile('"[^"]*"?')
LINE = "a WordNet id, a class index or a current name, then the new name"


class Target(NamedTuple):
    """The nodes of a taxonomy that a key means; of two keys for a node the lower ``rank`` wins."""

    rank: int
    nodes: list[int]


class Entry(NamedTuple):
    """A key and its new name; the place is for errors."""

    place: str
    key: str
    name: str


def rename(scorer: Scorer, path: Path) -> Scorer:
    """The scorer with the names in a file. Raises ``UsageError``, which names the wrong line."""
    classes, taxonomy = len(scorer.labels), scorer.taxonomy
    labels = list(scorer.labels if taxonomy is None else taxonomy.labels)
    for node, name in _new_names(path, _targets(labels, classes)).items():
        labels[node] = replace(labels[node], name=name)
    if taxonomy is not None:
        taxonomy = replace(taxonomy, labels=tuple(labels))
    return replace(scorer, labels=tuple(labels[:classes]), taxonomy=taxonomy)


def _targets(labels: Sequence[Label], classes: int) -> dict[str, Target]:
    """What each key means: an index (rank 0), else a WordNet id (1), else a current name (2)."""
    # The root is the first node after the classes and never shown.
    shown = [None if node == classes else label for node, label in enumerate(labels)]
    kinds = (
        positions(map(str, range(classes))),
        positions(label.synset if label else None for label in shown),
        positions(label.name if label else None for label in shown),
    )
    # Later entries replace earlier ones, so the keys with rank 0 come last.
    ranked = reversed(list(enumerate(kinds)))
    return {key: Target(rank, nodes) for rank, kind in ranked for key, nodes in kind.items()}


def _new_names(path: Path, targets: Mapping[str, Target]) -> dict[int, str]:
    """The new names, by node."""
    found = dict[str, str]()
    classes = sum(target.rank == 0 for target in targets.values())
    entries = [*_entries(_read(path), path.name, classes)]
    if {entry.key for entry in entries} == {*map(str, range(1, classes + 1))}:
        # The names of all classes, counted from 1.
        entries = [entry._replace(key=str(int(entry.key) - 1)) for entry in entries]
    for place, key, name in entries:
        if key not in targets and not SYNSET.fullmatch(key):
            raise UsageError(f"{place}: {_unknown(key, targets)}")
        if key in found:
            raise UsageError(f"{place}: {key!r} was named before")
        if not name:
            raise UsageError(f"{place}: {key!r} has no name")
        found[key] = name
    if not found:
        raise UsageError(f"{path.name} has no names: each line must be {LINE}")
    keys = sorted(found.keys() & targets.keys(), key=lambda key: targets[key].rank, reverse=True)
    if not keys:
        raise UsageError(f"{path.name}: the model has none of the WordNet ids in it")
    return {node: found[key] for key in keys for node in targets[key].nodes}


def _unknown(key: str, targets: Mapping[str, Target]) -> str:
    """Why no label has this key."""
    from difflib import get_close_matches

    if key.isdigit():
        classes = sum(target.rank == 0 for target in targets.values())
        return f"the model has no class index {key!r}: they are 0 to {classes - 1}"
    names = [name for name, target in targets.items() if target.rank == 2]
    # For crane: "crane (bird)" and "crane (machine)".
    longer = [name for name in names if name.startswith(f"{key} (")]
    nearest = ", ".join(longer or get_close_matches(key, names))
    return f"the model has no name {key!r}" + f" (nearest: {nearest})" * bool(nearest)


def _read(path: Path) -> str:
    try:
        return read_text(path)
    except TextFileError as error:
        raise UsageError(f"the file of names {path} {error}") from error


def _entries(text: str, file: str, classes: int) -> Iterator[Entry]:
    """The entries of the file. Raises ``UsageError``."""
    try:
        rows = _rows(text, classes)
        rows = rows and [Row(row.key, one_line(row.name)) for row in rows]
    except FormError as error:
        raise UsageError(f"{file}: {error}") from error
    if rows is None:
        yield from _lines(text, file)
        return
    for number, (given, called) in enumerate(rows, start=1):
        synset, name = _without_synset(called)
        key = given or synset
        if key is None and len(rows) != classes:
            raise UsageError(f"{file}: {len(rows)} names without keys for {classes} classes")
        yield Entry(f"{file}: entry {number}", (key or str(number - 1)).strip(), name)


def _rows(text: str, classes: int) -> list[Row] | None:
    """The entries of a text with a structure, or of all classes; ``None`` for lines with keys."""
    found = read_structured(text)
    if found is not None:
        return found[1]
    if re.search("[\t,;:]", text) or text.strip().count("\n") + 1 != classes:
        return None
    return [Row(None, name) for name in read_names(text)]


def _without_synset(name: str) -> tuple[str | None, str]:
    """The WordNet id before a name, and the name."""
    match = re.fullmatch(rf"({SYNSET.pattern})[\s-]+(.+)", name)
    return (match[1], match[2]) if match else (None, name)


def _lines(text: str, file: str) -> Iterator[Entry]:
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
            yield Entry(place, *cells)
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
    return ":"
