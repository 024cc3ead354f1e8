"""The files of an exported folder: found without leaving it, read with limits."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from pictell.errors import InvalidModelError, UsageError
from pictell.files import TextFileError, os_reason, read_text
from pictell.inspection.model_files import member
from pictell.inspection.selection import listed
from pictell.models.labels import labels_from_text
from pictell.models.stated import Stated
from pictell.models.toml import explain
from pictell.options import ModelOptions
from pictell.types import Label

T = TypeVar("T")


def find(folder: Path, *names: str) -> Path | None:
    """The first of these files that the folder has. Raises ``UnsafeModelError`` for a link."""
    for name in names:
        if os.path.lexists(folder / name):
            return named(folder, name)
    return None


def named(folder: Path, name: str) -> Path:
    """The file that another one names. Raises ``InvalidModelError`` or ``UnsafeModelError``."""
    try:
        return member(folder, name)
    except (OSError, ValueError) as error:
        raise InvalidModelError(f"{name!r:.60} cannot be read: {os_reason(error)}") from error


def names_in(folder: Path, *suffixes: str) -> list[str]:
    """The names of the files and folders in a folder that end so, sorted; empty if there is none.

    Raises ``InvalidModelError`` for a folder that cannot be listed.
    """
    if not os.path.isdir(folder):
        return []
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError as error:
        raise InvalidModelError(f"the folder cannot be read: {error.strerror}") from error
    return sorted(name for name in names if name.lower().endswith(suffixes))


def only_file(folder: Path, *suffixes: str) -> Path | None:
    """The file that ends so, ``None`` if there is none.

    Raises ``InvalidModelError`` if there are several.
    """
    names = names_in(folder, *suffixes)
    if len(names) > 1:
        raise InvalidModelError(f"the folder has {listed(names)}: keep one of them in it")
    return find(folder, *names)


def read_text_in(folder: Path, name: str) -> str:
    """The text of a file in the folder. Raises ``InvalidModelError`` or ``UnsafeModelError``."""
    try:
        return read_text(named(folder, name))
    except TextFileError as error:
        raise InvalidModelError(f"{name} {error}") from error


def read_json(path: Path) -> Mapping[str, Any]:
    """The object in a JSON file. Raises ``InvalidModelError`` for anything else."""
    try:
        return msgspec.json.decode(read_text(path), type=dict[str, Any])
    except TextFileError as error:
        raise InvalidModelError(f"{path.name} {error}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidModelError(f"{path.name}: {explain(error)}") from error


def convert(values: Mapping[str, Any], name: str, document: type[T]) -> T:
    """The values as a document; ``name`` is that of their file. Raises ``InvalidModelError``."""
    try:
        return msgspec.convert(values, document)
    except (ValueError, RecursionError) as error:
        raise InvalidModelError(f"{name}: {explain(error)}") from error


def labels_in(text: str, name: str, problems: dict[str, str]) -> tuple[Label, ...] | None:
    """The labels in a text, which is called ``name`` in errors.

    What is wrong with them goes to ``problems``: it matters only if the user gives no others.
    """
    try:
        return labels_from_text(text, name)
    except InvalidModelError as error:
        problems["labels"] = f"{error}; or give --labels FILE"
        return None


def state(
    name: str,
    origin: str,
    options: Mapping[str, Any],
    labels: tuple[Label, ...] | None = None,
    problems: Mapping[str, str] = {},
) -> Stated:
    """What the file ``name`` states. Raises ``InvalidModelError`` for options out of range."""
    try:
        return Stated(origin, ModelOptions(**options), labels, problems=problems)
    except UsageError as error:
        raise InvalidModelError(f"{name}: {error}") from error
