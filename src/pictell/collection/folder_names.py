"""Names of folders that every file system can have, made from labels."""

from __future__ import annotations

import os
import unicodedata
from pathlib import PurePath

from pictell.scoring.taxonomy import Taxonomy

NOT_SURE = "not-sure"
NO_DATE = "no-date"
# Most file systems take 255 bytes; encrypted ones take fewer.
MAX_BYTES = 120
INSTEAD = "-"
UNNAMED = "unnamed"
# Windows and exFAT refuse these in a name.
REFUSED = frozenset('/\\:*?"<>|')
# Names of devices on Windows, whatever follows a point.
DEVICES = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [f"{port}{number}" for port in ("com", "lpt") for number in "0123456789¹²³"]
)
# Persian and Indic names, and emoji, are written with these joiners.
JOINERS = frozenset("\u200c\u200d")


def folder_name(label: str) -> str:
    """The label as the name of a folder on any file system.

    Characters that a file system or a terminal does not take become ``-``. A name that is hidden,
    empty, too long or that of a device is changed too.
    """
    spelled = "".join(map(_or_instead, unicodedata.normalize("NFC", label)))
    name = _trimmed(" ".join(spelled.split()))
    while len(os.fsencode(name)) > MAX_BYTES:
        name = _trimmed(name[:-1])
    if name.partition(".")[0].rstrip().casefold() in DEVICES:
        name = f"_{name}"
    return name or UNNAMED


def name_key(name: str) -> str:
    """The same text for names that are one name on some file system."""
    folded = unicodedata.normalize("NFC", name).casefold()
    return unicodedata.normalize("NFC", folded)


class LabelFolders:
    """The folders of all labels of a taxonomy, each with one of its own.

    Labels below the same one whose names are the same on some file system get numbers.
    """

    def __init__(self, tree: Taxonomy) -> None:
        self._parents = tree.parents
        self._names = _distinct_names(tree)
        self._nodes = {one: node for node, one in reversed([*enumerate(tree.ids)])}

    def of_class(self, index: int) -> PurePath:
        """The folder of a class: the names of the labels from the top down to it."""
        folder, node = PurePath(), index
        while node != self._parents[node]:
            folder, node = self._names[node] / folder, self._parents[node]
        return folder

    def of_id(self, answer_id: str) -> PurePath:
        """The folder of the label with the id of an answer."""
        return self.of_class(self._nodes[answer_id])


def _distinct_names(tree: Taxonomy) -> list[PurePath]:
    taken = {(tree.root, NOT_SURE), (tree.root, NO_DATE)}
    names = list[PurePath]()
    for label, parent in zip(tree.labels, tree.parents, strict=True):
        plain = name = folder_name(label.name)
        number = 1
        while (parent, name_key(name)) in taken:
            number += 1
            name = f"{plain}-{number}"
        taken.add((parent, name_key(name)))
        names.append(PurePath(name))
    return names


def _trimmed(name: str) -> str:
    """Without the points that hide a name, and without what Windows cuts off at the end."""
    return name.lstrip(". ").rstrip(". ")


def _or_instead(character: str) -> str:
    if character.isspace():
        return " "
    if character in REFUSED or not (character.isprintable() or character in JOINERS):
        return INSTEAD
    return character
