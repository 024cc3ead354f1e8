"""Threads of this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def map_ordered(
    function: Callable[[T], R], items: Iterable[T], *, workers: int, look_ahead: int
) -> Iterator[R]:
    """``map`` on ``workers`` threads: lazy, in order, at most ``look_ahead`` items under way.

    An exception of ``function`` or of ``items`` is raised when its turn comes. A caller that
    stops early waits for nothing: what has not begun is dropped. Only the end of the whole
    program waits for what has.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="pictell")
    pending: deque[Future[R]] = deque()
    try:
        for future in _submit(pool, function, items):
            pending.append(future)
            if len(pending) >= look_ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _submit(
    pool: ThreadPoolExecutor, function: Callable[[T], R], items: Iterable[T]
) -> Iterator[Future[R]]:
    try:
        for item in items:
            yield pool.submit(function, item)
    except Exception as error:
        failed: Future[R] = Future()
        failed.set_exception(error)
        yield failed
