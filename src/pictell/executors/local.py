"""Threads of this process."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def available_cores() -> int:
    """The processors this process may run on, which a container can make fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_ordered(
    function: Callable[[T], R], items: Iterable[T], *, workers: int, look_ahead: int
) -> Iterator[R]:
    """``map`` on ``workers`` threads: lazy, in order, at most ``look_ahead`` items under way.

    An exception of ``function`` is raised when its item's turn comes. A caller that stops early
    waits for nothing: what has not begun is dropped.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="pictell")
    pending: deque[Future[R]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) >= look_ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
