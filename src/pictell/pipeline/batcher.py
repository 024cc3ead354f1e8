"""Items that come one by one, from many threads, are prepared one by one and run in batches."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")
P = TypeVar("P")
R = TypeVar("R")


class Batcher(Generic[T, P, R]):
    """Threads that prepare items, and run a function on those that are prepared.

    A worker that is free runs what is prepared if that is a full batch or nothing else waits;
    otherwise it prepares the next item. So a single item is prepared and run at once, on one
    thread, and batches grow as the load does, up to ``batch_size``. No item waits for one that
    takes long to prepare, as long as another worker is free. An item whose future is cancelled
    before its turn is left out, and is forgotten at once: it may be large.

    ``run`` gets a batch and returns a result for each item, in order. What it or ``prepare`` raises
    is raised by the futures. Safe to use from several threads.
    """

    def __init__(
        self,
        prepare: Callable[[T], P],
        run: Callable[[list[P]], Sequence[R]],
        batch_size: int,
        workers: int,
    ) -> None:
        self._prepare, self._run, self._batch_size = prepare, run, batch_size
        self._waiting = OrderedDict[Future[R], T]()
        self._prepared = deque[tuple[P, Future[R]]]()
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
            self._waiting[future] = item
            self._changed.notify()
        future.add_done_callback(self._forget)
        return future

    def close(self) -> None:
        """Wait until all items have run, then end the threads. Safe to call again."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _forget(self, future: Future[R]) -> None:
        if future.cancelled():
            with self._changed:
                self._waiting.pop(future, None)

    def _work(self) -> None:
        while (work := self._next()) is not None:
            if isinstance(work, list):
                self._run_batch(work)
            else:
                self._prepare_item(*work)
            # While the thread waits, it keeps no item.
            del work

    def _next(self) -> list[tuple[P, Future[R]]] | tuple[T, Future[R]] | None:
        """A batch to run, an item to prepare, or ``None`` after ``close``."""
        with self._changed:
            while True:
                if self._prepared and (
                    len(self._prepared) >= self._batch_size or not self._waiting
                ):
                    size = min(self._batch_size, len(self._prepared))
                    return [self._prepared.popleft() for _ in range(size)]
                if self._waiting:
                    future, item = self._waiting.popitem(last=False)
                    return item, future
                if self._closed:
                    return None
                self._changed.wait()

    def _prepare_item(self, item: T, future: Future[R]) -> None:
        try:
            prepared = self._prepare(item)
        except BaseException as error:  # whoever waits for the future gets it
            if future.set_running_or_notify_cancel():
                future.set_exception(error)
        else:
            with self._changed:
                self._prepared.append((prepared, future))

    def _run_batch(self, batch: list[tuple[P, Future[R]]]) -> None:
        batch = [one for one in batch if one[1].set_running_or_notify_cancel()]
        if not batch:
            return
        items, futures = zip(*batch, strict=True)
        try:
            results = self._run(list(items))
        except BaseException as error:  # whoever waits for the futures gets it
            for future in futures:
                future.set_exception(error)
        else:
            for future, result in zip(futures, results, strict=True):
                future.set_result(result)
