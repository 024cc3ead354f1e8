"""Selects inputs and outputs by name; names and shapes in messages."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import islice

from pictell.errors import InvalidModelError

MAX_NAMES, MAX_NAME = 10, 100


def select(wanted: Sequence[str], found: Collection[str], kind: str = "output") -> list[str]:
    """The wanted names, or all that were found if none are wanted.

    Raises ``InvalidModelError`` for a name that was not found.
    """
    for name in wanted:
        if name not in found:
            raise InvalidModelError(f"the model has no {kind} {name!r}: it has {listed(found)}")
    return list(wanted or found)


def listed(names: Collection[str], suggested: Iterable[str] | None = None) -> str:
    """At most ten names, the suggested ones first, and the number of the others.

    Each is cut to 100 characters.
    """
    shown = list(islice(dict.fromkeys([*(suggested or ()), *names]), MAX_NAMES))
    more = len(names) - len(shown)
    return (
        ", ".join(name[:MAX_NAME] for name in shown) + (f" and {more} more" if more > 0 else "")
        or "none"
    )


def shape_text(shape: Sequence[int | None]) -> str:
    """A shape as text: ``(N, 224, 224, 3)``."""
    return f"({', '.join('N' if size is None else str(size) for size in shape)})"
