"""What the terminal shows: colours and the width of a line."""

from __future__ import annotations

import os
import sys
from typing import Literal, get_args

Colour = Literal["auto", "always", "never"]
COLOURS: tuple[Colour, ...] = get_args(Colour)


def shows_colour(choice: Colour, *, to_file: bool) -> bool:
    """Whether the output has colours. ``auto``: on a terminal, if no variable says otherwise.

    NO_COLOR (no-color.org) wins over FORCE_COLOR (force-color.org).
    """
    if choice != "auto":
        return choice == "always"
    if to_file or os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def line_columns() -> int | None:
    """The width of standard output in characters, ``None`` if it is no terminal."""
    if not sys.stdout.isatty():
        return None
    # Some terminals report a width of 0.
    return os.get_terminal_size(sys.stdout.fileno()).columns or None
