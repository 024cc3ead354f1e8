"""Reads a model's files: regular files in the model's folder only, no links."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pictell.errors import InvalidModelError, UnsafeModelError
from pictell.files import os_reason

SAVED_MODEL = "saved_model.pb"
# The folders in a SavedModel that pictell reads (tensorflow/cc/saved_model/constants.h).
SAVED_MODEL_FOLDERS = ("variables", "assets")
# The folders of a SavedModel usually have no folders in them.
MAX_DEPTH = 8
# All files of a model together. The largest published classifiers have a tenth of this.
MAX_BYTES = 8 * 1024**3
# A relative path that means the same on all systems: parts of letters, digits and a few marks,
# joined with '/'. No part is '.' or '..'; no path is absolute, a drive, a stream or a pattern. For
# ONNX Runtime '*' marks an address in memory (core/framework/tensor_external_data_info.h).
NAME_PART = r"(?!\.{1,2}(/|\Z))[\w.+@=, ()#~-]+"
SAFE_NAME = re.compile(rf"{NAME_PART}(/{NAME_PART})*\Z")


class OneFile(Mapping[str, bytes]):
    """A model's only file by its name, read at each use."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __getitem__(self, name: str) -> bytes:
        return read_files(self._path)[name]

    def __iter__(self) -> Iterator[str]:
        return iter([self._path.name])

    def __len__(self) -> int:
        return 1


def read_files(path: Path, external_data: Sequence[str] = ()) -> Mapping[str, bytes]:
    """The contents of a model's files by relative name (with ``/``), the graph first.

    ``path`` is a file, or the folder of a SavedModel or its ``saved_model.pb``. ``external_data``
    names files in the folder of an ONNX graph.

    Raises ``InvalidModelError``, and ``UnsafeModelError`` for links and files outside the folder.
    """
    try:
        if path.is_dir() or path.name == SAVED_MODEL:
            paths = _saved_model(path)
        else:
            paths = _beside(path, external_data)
        _refuse_too_large(paths.values())
        return {name: found.read_bytes() for name, found in paths.items()}
    except (OSError, ValueError) as error:
        raise InvalidModelError(f"the weights cannot be read: {os_reason(error)}") from error


def read_head(path: Path, max_bytes: int) -> bytes:
    """The first bytes of a regular file. Raises ``InvalidModelError``."""
    try:
        _refuse_irregular(path)
        with path.open("rb") as file:
            return file.read(max_bytes)
    except (OSError, ValueError) as error:
        raise InvalidModelError(f"the model cannot be read: {os_reason(error)}") from error


def check_name(name: str) -> str:
    """Return the name. Raises ``UnsafeModelError`` if it could lead out of the model's folder."""
    if not SAFE_NAME.match(name):
        raise UnsafeModelError(f"the model names a file outside its folder: {name!r:.200}")
    return name


def _saved_model(path: Path) -> dict[str, Path]:
    folder = path if path.is_dir() else path.parent
    graph = folder / SAVED_MODEL
    _refuse_irregular(graph)
    found = {SAVED_MODEL: graph}
    for name in SAVED_MODEL_FOLDERS:
        for member in _regular_files(folder / name):
            found[member.relative_to(folder).as_posix()] = member
    return found


def _regular_files(folder: Path, depth: int = 0) -> Iterator[Path]:
    """The files in a folder and its folders. Raises ``UnsafeModelError`` for anything else."""
    if depth > MAX_DEPTH:
        raise UnsafeModelError(f"{folder.name} is nested more than {MAX_DEPTH} folders deep")
    if folder.is_symlink():
        raise UnsafeModelError(f"{folder.name} is a link: copy the folder itself into the model")
    if not folder.is_dir():
        return
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.is_dir(follow_symlinks=False):
            yield from _regular_files(Path(entry), depth + 1)
        elif entry.is_file(follow_symlinks=False):
            yield Path(entry)
        else:
            raise UnsafeModelError(f"{entry.name} is a link or not a regular file: copy the file")


def _beside(path: Path, external_data: Sequence[str]) -> dict[str, Path]:
    _refuse_irregular(path)
    return {path.name: path} | {name: member(path.parent, name) for name in external_data}


def member(folder: Path, name: str) -> Path:
    """The file of that name in a folder. Raises ``UnsafeModelError`` for links on the way."""
    place = folder
    for part in check_name(name).split("/"):
        place = place / part
        if place.is_symlink():
            raise UnsafeModelError(f"{name!r} is a link or leads through one: copy the file itself")
    if not place.exists():
        raise InvalidModelError(f"the model's file {name!r} is missing: put it into its folder")
    if not place.is_file():
        raise UnsafeModelError(f"{name!r} is not a regular file")
    return place


def _refuse_irregular(path: Path) -> None:
    """Refuse devices and pipes, which may never end. Raises ``OSError`` if nothing is there."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise InvalidModelError("not a regular file: give a model's file, or a SavedModel's folder")


def _refuse_too_large(paths: Iterable[Path]) -> None:
    if sum(path.stat().st_size for path in paths) > MAX_BYTES:
        raise InvalidModelError(f"the model has more than {MAX_BYTES >> 30} GiB")
