"""Weights as temporary files, for runtimes that read only files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pictell.errors import InvalidModelError
from pictell.types import Weights

PREFIX = "pictell-"


@contextmanager
def temporary_files(weights: Weights) -> Iterator[Path]:
    """A private folder with the model's files; it is removed at the end.

    Raises ``InvalidModelError`` for a name that leads out of the folder, and ``OSError``.
    """
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        for name, content in weights.files.items():
            path = Path(folder, name)
            if not path.resolve().is_relative_to(Path(folder).resolve()):
                raise InvalidModelError(f"the model's file {name!r} is outside its folder")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        yield Path(folder)
