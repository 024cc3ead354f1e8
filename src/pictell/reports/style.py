"""How a report may look. Formats for programs ignore it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Style:
    """``colour``: whether ANSI colours may be used, which a terminal alone can show."""

    colour: bool = False
