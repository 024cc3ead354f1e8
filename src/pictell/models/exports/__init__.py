"""Folders that other tools export: a file of weights with labels and preprocessing beside it.

Each tool is one module. A file that a folder names lies in the folder, and no link is followed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pictell.models.exports import (
    automl,
    custom_vision,
    hugging_face,
    lobe,
    teachable_machine,
    timm_config,
    ultralytics_folder,
)
from pictell.models.exports.export import Export

__all__ = ["Export", "find_export"]

Reader = Callable[[Path], Export | None]
# The only list of tools, the most specific first.
READERS: tuple[Reader, ...] = (
    lobe.read,
    custom_vision.read,
    automl.read,
    ultralytics_folder.read,
    timm_config.read,
    hugging_face.read,
    teachable_machine.read,
)


def find_export(folder: Path) -> Export | None:
    """The model in an exported folder, ``None`` if it is of no known tool.

    Raises ``InvalidModelError`` for the folder of a known tool that lacks something or is of a kind
    that pictell does not run, ``UnsafeModelError`` for a file outside the folder.
    """
    return next(filter(None, (read(folder) for read in READERS)), None)
