"""How a report may look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

# Between the names of a path, from the top down.
STEP = " › "


class Style(NamedTuple):
    """How a format for people may look; other formats ignore it.

    ``details``: a paragraph for each picture, not a line. ``colour`` permits ANSI colours, for a
    terminal. ``columns`` is the width of a line in characters, ``None`` for any. ``names`` are
    those of the first pictures, from which their column gets its width. ``end`` follows a name that
    stands alone.
    """

    details: bool = False
    colour: bool = False
    columns: int | None = None
    names: Sequence[str] = ()
    end: str = "\n"
