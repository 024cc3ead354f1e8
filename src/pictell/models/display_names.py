"""Other names for what a model knows: another language, or a house's own words.

A file in UTF-8 that gives names to some or all classes and names of the taxonomy:

    n02121620,Katze
    n02123045,Tigerkatze
    282,Tigerkätzchen

CSV, or the same with tabs; or JSON, an object with these keys and names. A key is a WordNet id, or
a class's index from 0. A first line ``synset,name`` or ``index,name`` is a heading. What is not in
the file keeps its name.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from pictell.errors import UsageError
from pictell.naming import Naming
from pictell.types import Label
from pictell.weights.files import because

HEADINGS = {"synset", "index", "class_index"}
MAX_BYTES = 16 * 1024 * 1024


def rename(naming: Naming, path: Path) -> Naming:
    """The naming with the names in a file. Raises ``UsageError``, naming the line that is wrong."""
    tree = naming.taxonomy
    classes = naming.labels
    above = () if tree is None else tree.labels[len(classes) :]
    known = {label.synset for label in (*classes, *above)} | set(map(str, range(len(classes))))
    names = _read(path, known)
    labels = tuple(_renamed(label, str(index), names) for index, label in enumerate(classes))
    if tree is not None:
        tree = replace(tree, labels=(*labels, *(_renamed(label, None, names) for label in above)))
    return replace(naming, labels=labels, taxonomy=tree)


def _renamed(label: Label, index: str | None, names: Mapping[str, str]) -> Label:
    """A class's own index goes before its WordNet id, which another class may have too."""
    for key in (index, label.synset):
        if key is not None and key in names:
            return replace(label, name=names[key])
    return label


def _read(path: Path, known: set[str | None]) -> dict[str, str]:
    names: dict[str, str] = {}
    for place, key, name in _entries(_text(path), path.name):
        if key not in known:
            raise UsageError(f"{place}: the model has no WordNet id or class index {key!r}")
        if key in names:
            raise UsageError(f"{place}: {key!r} has a name already")
        if not name:
            raise UsageError(f"{place}: {key!r} has no name")
        names[key] = name
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
    delimiter = "\t" if "\t" in text else ","
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for number, row in enumerate(rows):
            cells = [cell.strip() for cell in row]
            if not any(cells) or (number == 0 and cells[0].lower() in HEADINGS):
                continue
            place = f"{file}: line {rows.line_num}"
            if len(cells) != 2:
                raise UsageError(f"{place}: a line is a WordNet id or a class index, and a name")
            yield place, cells[0], cells[1]
    except csv.Error as error:
        raise UsageError(f"{file}: line {rows.line_num}: {error}") from error


def _json_entries(text: str, file: str) -> Iterator[tuple[str, str, str]]:
    try:
        pairs = json.loads(text, object_pairs_hook=list)
    except json.JSONDecodeError as error:
        raise UsageError(f"{file}: line {error.lineno}: {error.msg}") from error
    except RecursionError as error:
        raise UsageError(f"{file} is nested too deeply") from error
    for number, (key, name) in enumerate(pairs, start=1):
        place = f"{file}: entry {number}"
        if not isinstance(name, str):
            raise UsageError(f"{place}: the name of {key!r} is not a text")
        yield place, key.strip(), name.strip()
