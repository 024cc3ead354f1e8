"""A pool for runtimes that serve one thread at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import LifoQueue
from typing import Generic, TypeVar

from pictell.processors import available_cores

T = TypeVar("T")


class Pool(Generic[T]):
    """Lends objects that ``make`` returns, each to one thread at a time.

    It makes an object only when all others are lent, and never more than there are processors:
    further threads wait.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        # Last in, first out: the None entries come up only when every object is lent.
        self._free: LifoQueue[T | None] = LifoQueue()
        for _ in range(available_cores()):
            self._free.put(None)

    @contextmanager
    def borrow(self) -> Iterator[T]:
        """Lend one object to this thread. Raises what ``make`` raises."""
        item = self._free.get()
        try:
            if item is None:
                item = self._make()
            yield item
        finally:
            self._free.put(item)
