"""Folders that other tools export: a file of weights with labels and preprocessing beside it.

Each tool is one module.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pictell.models.stated import Stated


class Export(NamedTuple):
    """The weights in an exported folder, and what the files beside them state."""

    weights: Path
    stated: Stated


Reader = Callable[[Path], Export | None]
# The only list of tools, the most specific first.
READERS: tuple[Reader, ...] = ()


def find_export(folder: Path) -> Export | None:
    """The model in an exported folder, ``None`` if it is of no known tool.

    Raises ``InvalidModelError`` for the folder of a known tool that lacks something.
    """
    return next(filter(None, (read(folder) for read in READERS)), None)
