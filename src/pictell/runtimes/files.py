"""Temporary folders, and weights as files in one, for runtimes that read only files."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pictell.errors import InvalidModelError
from pictell.graphs import Weights

PREFIX = "pictell-run-"
# What ``tempfile`` adds has eight characters.
NAME = re.compile(rf"{PREFIX}[a-z0-9_]{{8}}")
# No folder is needed for longer than it takes to open a model.
MAX_AGE_S = 24 * 60 * 60


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A private folder; it is removed at the end. Raises ``OSError``.

    Also removes those that programs of this user left when they were killed, after a day.
    """
    _sweep(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        yield Path(folder)


@contextmanager
def temporary_files(weights: Weights) -> Iterator[Path]:
    """A temporary folder with the model's files.

    Raises ``InvalidModelError`` for a name that leads out of the folder, and ``OSError``.
    """
    with temporary_folder() as folder:
        for name, content in weights.files.items():
            path = folder / name
            if not path.resolve().is_relative_to(folder.resolve()):
                raise InvalidModelError(f"the model's file {name!r} is outside its folder")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        yield folder


def _sweep(parent: Path) -> None:
    """Remove the folders that were left there. What cannot be removed stays."""
    with suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            if NAME.fullmatch(entry.name) and _is_left(entry):
                shutil.rmtree(entry.path, ignore_errors=True)


def _is_left(entry: os.DirEntry[str]) -> bool:
    """Whether a folder is old and belongs to this user. A link to one is not."""
    try:
        about = entry.stat(follow_symlinks=False)
    except OSError:
        return False
    # Windows has a temporary folder for each user, and no numbers of users.
    own = not hasattr(os, "getuid") or about.st_uid == os.getuid()
    return own and stat.S_ISDIR(about.st_mode) and time.time() - about.st_mtime > MAX_AGE_S
