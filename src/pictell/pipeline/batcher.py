"""Items that come one by one, from many threads, run together in batches."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Batcher(Generic[T, R]):
    """Runs a function on the items that wait, at most ``batch_size`` at a time.

    A worker that is free takes what waits and never waits for more: a single item runs at once, and
    batches grow as the load does. There are ``workers`` threads, so as many batches run at a time.
    An item whose future is cancelled before its batch begins is not run.

    ``function`` gets a batch and returns a result for each item, in order. What it raises is raised
    by all futures of the batch. Safe to use from several threads.
    """

    def __init__(
        self, function: Callable[[list[T]], Sequence[R]], batch_size: int, workers: int
    ) -> None:
        self._function, self._batch_size = function, batch_size
        self._waiting = deque[tuple[T, Future[R]]]()
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name="pictell-batcher", daemon=True)
            for _ in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, item: T) -> Future[R]:
        """The result of an item. Raises ``RuntimeError`` after ``close``."""
        future: Future[R] = Future()
        with self._changed:
            if self._closed:
                raise RuntimeError("the batcher is closed")
            self._waiting.append((item, future))
            self._changed.notify()
        return future

    def close(self) -> None:
        """Wait until all items have run, then end the threads. Safe to call again."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while batch := self._next_batch():
            items, futures = zip(*batch, strict=True)
            try:
                results = self._function(list(items))
            except BaseException as error:  # whoever waits for the futures gets it
                for future in futures:
                    future.set_exception(error)
            else:
                for future, result in zip(futures, results, strict=True):
                    future.set_result(result)
            # While the thread waits, it keeps no pictures.
            del batch, items, futures
            results = ()

    def _next_batch(self) -> list[tuple[T, Future[R]]]:
        """The next items, or none after ``close``."""
        with self._changed:
            while True:
                batch = list[tuple[T, Future[R]]]()
                while self._waiting and len(batch) < self._batch_size:
                    item, future = self._waiting.popleft()
                    if future.set_running_or_notify_cancel():
                        batch.append((item, future))
                if batch or self._closed:
                    return batch
                self._changed.wait()
