"""The store: the folder of models that were pulled or imported, each a model folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pictell.errors import StoreError, UnknownModelError, UsageError
from pictell.models import BUILT_IN, bare
from pictell.models.folder import SPEC_FILE, read_model_folder, read_weights, write_model_folder
from pictell.models.store import catalog
from pictell.models.store.staging import BUILT, incoming, install, sweep_parts
from pictell.options import ModelOptions
from pictell.types import ModelSpec


def root() -> Path:
    """The store's folder: ``PICTELL_MODELS``, or in the user's cache. It need not exist yet."""
    if folder := os.environ.get("PICTELL_MODELS"):
        return Path(folder).absolute()
    # Loaded where it decides something.
    from platformdirs import user_cache_path

    return user_cache_path("pictell", appauthor=False) / "models"


def installed() -> list[str]:
    """The names of the models in the store, sorted. Raises ``StoreError``."""
    with store_errors():
        try:
            return sorted(entry.name for entry in root().iterdir() if folder_of(entry.name))
        except FileNotFoundError:
            return []


def folder_of(name: str) -> Path | None:
    """The folder of the model in the store; ``None`` where there is none of that name.

    A name is never a path: one that could lead elsewhere names no model.
    """
    if not catalog.NAME.fullmatch(name):
        return None
    folder = root() / name
    return folder if os.path.isfile(folder / SPEC_FILE) else None


def add(name: str, path: Path, stated: ModelOptions = ModelOptions()) -> Path:
    """Put a model's file or folder into the store as ``name``.

    Returns its folder there. Raises ``UsageError`` for a name it cannot have or another model has,
    ``StoreError``, or what describing a model raises.
    """
    check_name(name)
    spec = _describe(path, stated)
    row = catalog.load().get(name)
    if row is not None and spec.sha256 not in row.weights_sha256:
        raise UsageError(f"{name} is the catalogue's name of another model: choose another one")
    content = read_weights(spec)
    with store_errors(), incoming(root(), name) as draft:
        check_name(name)
        write_model_folder(draft / BUILT, replace(spec, name=name), content)
        install(draft, root() / name)
        sweep_parts(root())
    return root() / name


def check_name(name: str) -> None:
    """See that a new model may be called so. Raises ``UsageError``."""
    if not catalog.NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name for a model: up to 64 of A-Z a-z 0-9 _ . + - do, not beginning "
            "with . + or -"
        )
    if name in BUILT_IN:
        raise UsageError(f"{name} is the name of pictell's own model: choose another one")
    if folder_of(name) is not None:
        raise UsageError(
            f"{name} is already here: choose another name, or first pictell models rm {name}"
        )


def remove(name: str) -> None:
    """Remove a model. Raises ``UnknownModelError``, ``UsageError`` or ``StoreError``."""
    if name in BUILT_IN:
        raise UsageError(f"{name} is part of pictell and cannot be removed")
    if folder_of(name) is None:
        names = ", ".join(installed()) or "none"
        raise UnknownModelError(f"no model named {name!r} is in the store; there are: {names}")
    with store_errors(), incoming(root(), name) as draft:
        (root() / name).rename(draft / "removed")
        sweep_parts(root())


@contextmanager
def store_errors() -> Iterator[None]:
    """Make the disk's errors a ``StoreError``."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreError(f"the folder of models {root()} cannot be used: {reason}") from error


def _describe(path: Path, stated: ModelOptions) -> ModelSpec:
    if os.path.isfile(path / SPEC_FILE):
        bare.refuse_options(str(path), stated)
        return read_model_folder(path)
    if not os.path.exists(path):
        raise UnknownModelError(f"no file or folder {str(path)!r}")
    return bare.describe(path, stated)
