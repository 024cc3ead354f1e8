"""Where the work of a stream runs: a protocol, and the threads of this process."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar

from pictell.processors import available_cores

T = TypeVar("T")
R = TypeVar("R")


class Executor(Protocol):
    """Runs a function on the items of a stream, in batches."""

    def map_batches(
        self, function: Callable[[list[T]], Sequence[R]], items: Iterable[T], batch_size: int
    ) -> Iterator[list[R]]:
        """The results of ``function`` for all items: lazy, in order, bounded.

        ``function`` takes a batch of 1 to ``batch_size`` items and returns a result for each.
        Results come as soon as they are ready, also while ``items`` waits for its next item: each
        list has all that are ready, 1 or more. ``items`` is read on another thread. An exception of
        ``function`` or ``items`` is raised when its turn comes.
        """


class Threads:
    """An executor on ``workers`` threads of this process, by default one for each processor.

    At most ``look_ahead`` items have been taken whose results are not ready, and at most as many
    more results wait for the caller. A caller who stops early waits for nothing; the batches that
    have begun end in the background. The interpreter waits for them before it ends, unless the
    threads are ``daemon``.
    """

    def __init__(
        self, workers: int | None = None, look_ahead: int | None = None, *, daemon: bool = False
    ) -> None:
        self.workers = workers or available_cores()
        self.look_ahead = look_ahead
        self.daemon = daemon

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """``map_batches`` for a function of one item."""
        batches = self.map_batches(lambda batch: [function(item) for item in batch], items, 1)
        for batch in batches:
            yield from batch

    def map_batches(
        self, function: Callable[[list[T]], Sequence[R]], items: Iterable[T], batch_size: int
    ) -> Iterator[list[R]]:
        """See ``Executor``."""
        look_ahead = self.look_ahead or 2 * self.workers * batch_size
        stream = _Stream(function, batch_size, self.workers, look_ahead)
        pool = ThreadPoolExecutor(self.workers, "pictell")
        start = _start_daemon if self.daemon else pool.submit

        def feed() -> None:
            stream.feed(items, start)
            pool.shutdown(wait=False)

        # A daemon, because ``items`` may wait without end for a program that writes a list.
        threading.Thread(target=feed, daemon=True).start()
        try:
            yield from stream.results()
        finally:
            stream.close()


def _start_daemon(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="pictell", daemon=True).start()


class _Stream(Generic[T, R]):
    """The state that the feeding thread, the workers and the caller share.

    Every wait and every wake-up hands over the interpreter's lock, which takes longer than the rest
    of the work here. So there is one of each for a batch, not for an item.
    """

    def __init__(
        self,
        function: Callable[[list[T]], Sequence[R]],
        batch_size: int,
        workers: int,
        look_ahead: int,
    ) -> None:
        self._function = function
        self._batch_size = batch_size
        self._workers = workers
        self._lock = threading.Lock()
        self._waiting = deque[T]()  # not taken by a worker yet
        self._active = 0  # workers that take batches
        self._fed = self._closed = False
        self._error: BaseException | None = None  # of the items
        # The batches that workers have taken, in order; then, if the items failed, the error; then
        # None.
        self._batches = SimpleQueue[Future[Sequence[R]] | None]()
        # Numbers of items that may be taken; 0 to stop.
        self._room = SimpleQueue[int]()
        self._room.put(look_ahead)

    def feed(self, items: Iterable[T], start: Callable[[Callable[[], None]], object]) -> None:
        """Take items while the look-ahead permits; ``start`` runs a worker on a thread."""
        error = None
        try:
            iterator = iter(items)
            room = 0
            while not self._closed and (room := room or self._room.get()):
                room -= 1
                try:
                    item = next(iterator)
                except StopIteration:
                    break
                self._add(item, start)
        except BaseException as raised:
            error = raised
        self._end(error)
        if isinstance(items, Generator):
            items.close()

    def results(self) -> Iterator[list[R]]:
        """The results in order: all that are ready at a time."""
        batches = deque[Future[Sequence[R]] | None]([self._batches.get()])
        while (first := batches.popleft()) is not None:
            results = [*first.result()]
            while not self._batches.empty():
                batches.append(self._batches.get())
            while batches and (ready := _results_if_ready(batches[0])):
                results += ready
                batches.popleft()
            self._room.put(len(results))
            yield results
            if not batches:
                batches.append(self._batches.get())

    def close(self) -> None:
        """Take no more items and begin no more batches.

        It takes no lock, because the garbage collector calls it for a stream that a caller has
        left, on any thread, whatever lock that thread holds. ``SimpleQueue.put`` is made for that.
        """
        self._closed = True
        self._room.put(0)

    def _add(self, item: T, start: Callable[[Callable[[], None]], object]) -> None:
        with self._lock:
            self._waiting.append(item)
            if self._active == self._workers:
                return
            self._active += 1
        try:
            start(self._work)
        except BaseException as error:
            # No thread can be started, or the program ends. The pool may still run the work on
            # another thread. The caller gets the error without waiting for that.
            self._closed = True
            self._fail(error)
            raise

    def _end(self, error: BaseException | None) -> None:
        """No more items come, because of an error or because there are none."""
        with self._lock:
            self._fed, self._error = True, error
            self._end_if_idle()

    def _end_if_idle(self) -> None:
        if self._active or not self._fed:
            return
        if self._error is not None:
            self._fail(self._error)
        self._batches.put(None)

    def _fail(self, error: BaseException) -> None:
        failed = Future[Sequence[R]]()
        failed.set_exception(error)
        self._batches.put(failed)

    def _work(self) -> None:
        """Run batches until no items wait."""
        while batch := self._take():
            future, items = batch
            try:
                results = self._function(items)
                if len(results) != len(items):
                    raise ValueError(f"{len(results)} results for a batch of {len(items)}")
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(results)

    def _take(self) -> tuple[Future[Sequence[R]], list[T]] | None:
        """The next batch and the future of its results, or ``None`` to stop."""
        with self._lock:
            # A share for each worker: a few items keep all of them busy.
            share = -(-len(self._waiting) // self._workers)
            if self._closed or not share:
                self._active -= 1
                self._end_if_idle()
                return None
            items = [self._waiting.popleft() for _ in range(min(share, self._batch_size))]
            future = Future[Sequence[R]]()
            self._batches.put(future)
            return future, items


def _results_if_ready(batch: Future[Sequence[R]] | None) -> Sequence[R]:
    """The results of a batch that has succeeded, else none."""
    if batch is None or not batch.done() or batch.exception() is not None:
        return ()
    return batch.result()
