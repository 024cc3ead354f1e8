"""The store: models that were pulled or imported, each a model folder.

    <root>/<name>/              a model
    <root>/.work/<name>/        its download and its draft, while a process makes it
    <cache>/.locks/<name>.lock  held by the process that changes the model

There are two roots. Pulled models lie in the user's cache folder; imported ones, which cannot be
downloaded again, in the data folder. ``PICTELL_MODELS`` replaces both. A name exists only once.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pictell.errors import UnknownModelError, UsageError
from pictell.files import new_folder
from pictell.graphs import Weights
from pictell.models import BUILT_IN, find
from pictell.models.folder import (
    SPEC_FILE,
    absolute,
    read_weights,
    store_errors,
    write_model_folder,
)
from pictell.models.store import catalog
from pictell.options import ModelOptions
from pictell.types import ModelSpec
from pictell.user_folders import cache_folder, data_folder

if TYPE_CHECKING:
    from filelock import BaseFileLock

# How long an interrupted download may wait until the same model is pulled again.
MAX_WORK_AGE_S = 7 * 24 * 3600.0
FAILED = "the model store {} cannot be used"


def cache_root() -> Path:
    """The folder of pulled models. It need not exist yet."""
    return _chosen_root() or cache_folder() / "models"


def data_root() -> Path:
    """The folder of imported models. It need not exist yet."""
    return _chosen_root() or data_folder() / "models"


def installed() -> dict[str, Path]:
    """The folder of each model in the store, sorted by name. Raises ``StoreError``."""
    names = set[str]()
    for root in (data_root(), cache_root()):
        with store_errors(FAILED.format(root)), suppress(FileNotFoundError):
            names |= {entry.name for entry in root.iterdir()}
    return {name: folder for name in sorted(names) if (folder := folder_of(name))}


def folder_of(name: str) -> Path | None:
    """The folder of a model in the store; ``None`` if there is none of that name.

    A name is never a path: one that could lead out of the store names no model.
    """
    if not catalog.NAME.fullmatch(name):
        return None
    folders = (root / name for root in (data_root(), cache_root()))
    return next((folder for folder in folders if os.path.isfile(folder / SPEC_FILE)), None)


def add(
    name: str,
    path: Path,
    options: ModelOptions = ModelOptions(),
    check: Callable[[ModelSpec, Weights], None] = lambda spec, weights: None,
) -> Path:
    """Import a model's file or folder as ``name``; its folder in the store.

    ``check`` may refuse the model before anything is written. Raises ``UsageError`` if the name is
    not valid or taken, ``StoreError``, what ``find`` raises and what ``check`` raises.
    """
    check_name(name)
    if not os.path.exists(path):
        raise UnknownModelError(f"no file or folder {str(path)!r}")
    # An absolute path is never the name of a model.
    spec = find(absolute(path), options)
    row = catalog.load().get(name)
    if row is not None and spec.sha256 not in row.weights_sha256:
        raise UsageError(f"{name} is another model in the catalogue: choose another name")
    weights, root = read_weights(spec), data_root()
    check(spec, weights)
    with changing(root, name) as work:
        check_name(name)
        with new_folder(root / name, drafts=work) as draft:
            write_model_folder(draft, replace(spec, name=name), weights)
    return root / name


def check_name(name: str) -> None:
    """Check that a new model can have this name. Raises ``UsageError``."""
    if not catalog.NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is not a valid model name: use 1 to 64 of A-Z a-z 0-9 _ . + - and begin "
            "with a letter, a digit or _"
        )
    if name in BUILT_IN:
        raise UsageError(f"{name} is the built-in model: choose another name")
    if folder_of(name) is not None:
        raise UsageError(
            f"{name} exists already: choose another name, or first run pictell models rm {name}"
        )


def remove(name: str) -> None:
    """Remove a model. Raises ``UnknownModelError``, ``UsageError`` or ``StoreError``."""
    if name in BUILT_IN:
        raise UsageError(f"{name} is built in and cannot be removed")
    folder = folder_of(name)
    if folder is None:
        names = ", ".join(installed()) or "none"
        raise UnknownModelError(f"no model named {name!r} is installed; installed models: {names}")
    with changing(folder.parent, name) as work:
        folder.rename(work / "removed")


@contextmanager
def changing(root: Path, name: str) -> Iterator[Path]:
    """A work folder for changing one model, while no other process changes it.

    Files ``*.part`` stay in it after an error, for the next attempt; the rest is removed. Raises
    ``StoreError`` for every ``OSError``.
    """
    with store_errors(FAILED.format(root)):
        _sweep(root)
        work = root / ".work" / name
        with _lock(name):
            work.mkdir(parents=True, exist_ok=True)
            for path in work.iterdir():  # from a process that was killed
                if path.suffix != ".part":
                    shutil.rmtree(path)
            yield work
            shutil.rmtree(work)


def _chosen_root() -> Path | None:
    folder = os.environ.get("PICTELL_MODELS")
    return Path(folder).absolute() if folder else None


def _lock(name: str) -> BaseFileLock:
    # Imported here: few commands change the store.
    from filelock import FileLock

    folder = cache_root() / ".locks"
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"{name}.lock")


def _sweep(root: Path) -> None:
    """Remove work folders that no process has used for long."""
    for work in root.glob(".work/*"):
        # filelock's Timeout, an OSError: another process works there.
        with suppress(OSError), _lock(work.name).acquire(timeout=0):
            newest_s = max(path.stat().st_mtime for path in [work, *work.iterdir()])
            if time.time() - newest_s > MAX_WORK_AGE_S:
                shutil.rmtree(work)
