"""How a report may look."""

from __future__ import annotations

from typing import NamedTuple

# Between the names of a path, from the top down.
STEP = " › "


class Style(NamedTuple):
    """How a format for people may look; other formats ignore it.

    ``colour`` permits ANSI colours, for a terminal. ``columns`` is the width of a line in
    characters, ``None`` for any.
    """

    colour: bool = False
    columns: int | None = None
