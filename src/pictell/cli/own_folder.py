"""Where a command may store a file with a model: the folder of a model of the user's own."""

from __future__ import annotations

import os
from pathlib import Path

from pictell import models
from pictell.errors import UsageError
from pictell.models.folder import SPEC_FILE


def own_folder(model: str) -> Path:
    """The folder of a model, to write to. Raises ``UsageError``, or a ``ModelError`` if unknown."""
    folder = models.locate(model)
    for name, built_in in models.BUILT_IN.items():
        if folder.samefile(built_in):
            raise UsageError(
                f"{model} is part of pictell: use a copy of its folder (pictell models path {name})"
            )
    if not os.path.isfile(folder / SPEC_FILE):
        raise UsageError(
            f"{model} is not a model folder, where the result is stored: "
            "convert it with pictell inspect --write"
        )
    if not os.access(folder, os.W_OK):
        raise UsageError(f"{model} is not writable: use a copy of the folder")
    return folder
