"""A stream cut into batches: the work of one call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from typing import TypeVar

T = TypeVar("T")


def batches(items: Iterable[T], size: int, singles: int) -> Iterator[list[T]]:
    """Lists of ``size`` items, lazily; the first ``singles`` are of one.

    So few items meet all processors. What came before a failure of ``items`` still comes.
    """
    sizes = chain(repeat(1, singles), repeat(size))
    wanted, batch = next(sizes), list[T]()
    try:
        for item in items:
            batch.append(item)
            if len(batch) == wanted:
                yield batch
                wanted, batch = next(sizes), []
    except Exception:
        if batch:
            yield batch
        raise
    if batch:
        yield batch
