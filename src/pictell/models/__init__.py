"""Models are data: find one by name or path and read its spec."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from pictell.errors import ModelUnavailableError, UnknownModelError
from pictell.models.folder import BUILT_IN as BUILT_IN
from pictell.models.folder import SPEC_FILE, read_model_folder
from pictell.options import ModelOptions
from pictell.types import ModelSpec

# A word that ends like this is a file, not the name of a model.
MODEL_SUFFIXES = (
    ".onnx", ".ort", ".tflite", ".lite", ".pb", ".pbtxt", ".h5", ".hdf5", ".keras", ".pt", ".pt2",
    ".pth", ".ckpt", ".safetensors", ".mlmodel", ".mlpackage", ".xml", ".bin", ".pkl", ".joblib",
    ".zip", ".tar", ".gz", ".tgz", ".json", ".toml", ".txt",
)  # fmt: skip


def find(model: str | os.PathLike[str], options: ModelOptions = ModelOptions()) -> ModelSpec:
    """The model of that name (built in or in the store), or in the folder or file at that path.

    ``options`` are for bare files. Raises a ``ModelError``, or ``UsageError`` for wrong options.
    """
    name = os.fspath(model)
    if options == ModelOptions() and name in BUILT_IN:
        return read_model_folder(BUILT_IN[name])
    # Imported only when needed: the default model starts faster.
    from pictell.models import bare
    from pictell.models.bare_options import refuse_options

    path = locate(name)
    if os.path.isfile(path / SPEC_FILE):
        refuse_options(name, options)
        return read_model_folder(path)
    return bare.describe(path, options)


def locate(name: str) -> Path:
    """The path of a built-in model, of one in the store, or ``name`` itself as a path.

    Raises ``ModelUnavailableError`` if it is not downloaded, ``UnknownModelError`` if there is no
    such model.
    """
    from pictell.models.store import catalog
    from pictell.models.store import local as store

    path = BUILT_IN.get(name) or store.folder_of(name)
    if path is not None:
        return path
    if name and os.path.exists(name):
        return Path(name)
    if name in catalog.load():
        raise ModelUnavailableError(f"{name} is not downloaded: run pictell models pull {name}")
    if os.sep in name or name.lower().endswith(MODEL_SUFFIXES):
        raise UnknownModelError(f"{name}: no such file or folder")
    nearest = _nearest(name, [*BUILT_IN, *store.installed(), *catalog.load()])
    raise UnknownModelError(
        f"no model named {name!r}{nearest}: "
        f"give one of {', '.join([*BUILT_IN, *store.installed()])}, "
        f"a model's file, a folder with a {SPEC_FILE}, or a name that pictell models lists"
    )


def _nearest(name: str, known: Iterable[str]) -> str:
    """The known names that begin with ``name``, else similar ones, in brackets; or nothing."""
    from difflib import get_close_matches

    known = dict.fromkeys(known)
    found = [one for one in known if name and one.startswith(name)] or get_close_matches(
        name, known
    )
    return f" (nearest: {', '.join(found)})" if found else ""
