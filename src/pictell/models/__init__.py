"""Models as data: where they are found and what is known of each."""

from __future__ import annotations

import os
from pathlib import Path

from pictell.errors import UnknownModelError
from pictell.models.folder import SPEC_FILE, read_model_folder
from pictell.types import ModelSpec, Stated

# Models that are part of the package, by name.
BUILT_IN = {"default": Path(__file__).parent / "default"}


def find(model: str | os.PathLike[str], stated: Stated = Stated()) -> ModelSpec:
    """The model of that name, or in the folder at that path.

    Raises ``UnknownModelError``, which lists the names there are, or ``InvalidModelError``.
    """
    name = os.fspath(model)
    folder = BUILT_IN.get(name, Path(name))
    # Not Path.is_file and is_dir, which raise for names that no file can have.
    if os.path.isfile(folder / SPEC_FILE):  # noqa: PTH113
        return read_model_folder(folder)
    if name and os.path.isdir(name):  # noqa: PTH112
        raise UnknownModelError(f"the folder {name!r} has no {SPEC_FILE}")
    raise UnknownModelError(
        f"no model named {name!r}: give one of {', '.join(BUILT_IN)}, "
        f"or a folder with a {SPEC_FILE}"
    )
