"""How a report may look."""

from __future__ import annotations

from dataclasses import dataclass

# Between the names of a path, from the top down.
STEP = " › "


@dataclass(frozen=True, slots=True)
class Style:
    """What formats for people may do, others ignore it.

    ``colour``: whether ANSI colours may be used, which a terminal alone can show. ``columns``:
    how many characters a line may have; ``None`` is for any number.
    """

    colour: bool = False
    columns: int | None = None
