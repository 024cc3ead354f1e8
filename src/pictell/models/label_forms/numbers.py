"""Numbers of names: the index of a class, from 0 or 1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pictell.models.label_forms.values import INTEGER, FormError, Row

MAX_SHOWN = 3


def in_order(rows: Sequence[Row], form: str) -> list[str]:
    """The names sorted by their numbers, or as they are if none has a number.

    Raises ``FormError`` unless the numbers are complete from 0 or 1.
    """
    keys = [row.key for row in rows if row.key is not None]
    if not keys:
        return [row.name for row in rows]
    if len(keys) < len(rows):
        raise FormError(f"{form} in which only some names have a number")
    for key in keys:
        if not INTEGER.fullmatch(key):
            raise FormError(f"{form} whose keys, such as {key!r}, are no class indices")
    numbers = [int(key) for key in keys]
    names = [row.name for row in rows]
    if wrong := problem(numbers):
        raise FormError(f"{wrong}; {as_read(numbers, names)}")
    return by_number(numbers, names)


def by_number(numbers: Sequence[int], names: Sequence[str]) -> list[str]:
    """The names in the order of their numbers."""
    return [name for _, name in sorted(zip(numbers, names, strict=True), key=lambda pair: pair[0])]


def problem(numbers: Sequence[int]) -> str | None:
    """Why the numbers are not all of those from 0 or 1; ``None`` if they are."""
    known, start = set(numbers), min(numbers)
    if len(known) < len(numbers):
        twice = [number for number, count in Counter(numbers).items() if count > 1]
        return f"more than one name has the number {twice[0]}"
    if start > 1:
        return f"the numbers begin at {start}, not at 0 or 1"
    missing = max(numbers) - start + 1 - len(numbers)
    if missing:
        # A hole is below the number of numbers, however large the largest is.
        first = (n for n in range(start, start + len(numbers) + MAX_SHOWN) if n not in known)
        shown = [next(first) for _ in range(min(missing, MAX_SHOWN))]
        more = f" and {missing - len(shown)} more" * (missing > len(shown))
        return f"the numbers go up to {max(numbers)}, but without {_list(shown)}{more}"
    return None


def check_only_index(numbers: Sequence[int], names: Sequence[str]) -> None:
    """Raise ``FormError`` if the names are numbers too, complete and in another order."""
    if all(map(INTEGER.fullmatch, names)):
        others = [int(name) for name in names]
        if problem(others) is None and by_number(numbers, names) != by_number(others, names):
            raise FormError("either of two numbers could be the index: add a heading, index,name")


def are_dense(numbers: Sequence[int]) -> bool:
    """Whether the numbers look like an index with mistakes: from 0 or 1, few holes and doubles."""
    first, last = min(numbers), max(numbers)
    return first <= 1 and last - first < 2 * len(set(numbers)) and are_distinct(numbers)


def are_distinct(numbers: Sequence[int]) -> bool:
    """Whether few numbers are there twice."""
    return 2 * len(set(numbers)) > len(numbers)


def as_read(numbers: Sequence[int], names: Sequence[str]) -> str:
    """The first two names and their numbers, for errors."""
    first = [f"{number} = {name!r:.60}" for number, name in zip(numbers, names, strict=True)][:2]
    return f"the first are read as {', '.join(first)}"


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:MAX_SHOWN]))
