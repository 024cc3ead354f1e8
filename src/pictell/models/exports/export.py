"""What a reader of exported folders finds."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pictell.models.stated import Stated


class Export(NamedTuple):
    """The weights in an exported folder, and what the files beside them state."""

    weights: Path
    stated: Stated
