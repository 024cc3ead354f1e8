"""Models as data: where they are found and what is known of each."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from pictell.errors import ModelUnavailableError, UnknownModelError
from pictell.models.folder import SPEC_FILE, read_model_folder
from pictell.options import ModelOptions
from pictell.types import ModelSpec

# Models that are part of the package, by name.
BUILT_IN = {"default": Path(__file__).parent / "default"}


def find(model: str | os.PathLike[str], options: ModelOptions = ModelOptions()) -> ModelSpec:
    """The model of that name (built in, or in the store), or in the folder or file at that path.

    ``options`` is about bare files: whatever their own content does not say. Raises a
    ``ModelError``, or ``UsageError`` for what cannot be options.
    """
    name = os.fspath(model)
    if options == ModelOptions() and name in BUILT_IN:
        return read_model_folder(BUILT_IN[name])
    return _find_elsewhere(name, options)


def locate(name: str) -> Path:
    """Where a model is: of the package, of the store, or at the path that ``name`` then is."""
    from pictell.models.store import local as store

    return BUILT_IN.get(name) or store.folder_of(name) or Path(name)


def _find_elsewhere(name: str, options: ModelOptions) -> ModelSpec:
    # The default model shall not wait for what is imported here.
    from pictell.models import bare
    from pictell.models.store import catalog
    from pictell.models.store import local as store

    folder = locate(name)
    if os.path.isfile(folder / SPEC_FILE):
        bare.refuse_options(name, options)
        return read_model_folder(folder)
    if name and os.path.exists(name):
        return bare.describe(Path(name), options)
    if name in catalog.load():
        raise ModelUnavailableError(f"{name} is not here: get it with pictell models pull {name}")
    nearest = _nearest(name, [*BUILT_IN, *store.installed(), *catalog.load()])
    raise UnknownModelError(
        f"no model named {name!r}{nearest}: "
        f"give one of {', '.join([*BUILT_IN, *store.installed()])}, "
        f"a model's file, a folder with a {SPEC_FILE}, or a name that pictell models lists"
    )


def _nearest(name: str, known: Iterable[str]) -> str:
    """The known names that begin so, else those most like it, in brackets; nothing without any."""
    from difflib import get_close_matches

    known = dict.fromkeys(known)
    begun = [one for one in known if name and one.startswith(name)]
    found = begun or get_close_matches(name, known)
    return f" (nearest: {', '.join(found)})" if found else ""
