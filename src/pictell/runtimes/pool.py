"""Engines that serve one thread at a time: as many of them as there are threads, within reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import LifoQueue
from typing import Generic, TypeVar

from pictell.processors import available_cores

T = TypeVar("T")


class Pool(Generic[T]):
    """Hands out what ``make`` makes, each to one thread at a time.

    There are never more than processors: a thread beyond them waits, as it would anyway.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._free: LifoQueue[T | None] = LifoQueue()
        # Last in, first out: these are reached when all that was made is in use.
        for _ in range(available_cores()):
            self._free.put(None)

    @contextmanager
    def one(self) -> Iterator[T]:
        """One of them, for this thread alone. Raises what ``make`` raises."""
        item = self._free.get()
        try:
            if item is None:
                item = self._make()
            yield item
        finally:
            self._free.put(item)
