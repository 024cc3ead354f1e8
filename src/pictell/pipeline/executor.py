"""Where the work of a stream runs: a protocol, and the threads of this process."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar

from pictell.processors import available_cores

T = TypeVar("T")
R = TypeVar("R")


class Executor(Protocol):
    """Runs a function on the items of a stream, in batches."""

    def map_batches(
        self, function: Callable[[list[T]], Sequence[R]], items: Iterable[T], batch_size: int
    ) -> Iterator[R]:
        """The results of ``function`` for all items: lazy, in order, bounded.

        ``function`` takes a batch of 1 to ``batch_size`` items and returns a result for each.
        Results come as soon as they are ready, also while ``items`` waits for its next item.
        ``items`` is read on another thread. An exception of ``function`` or ``items`` is raised
        when its turn comes.
        """


class Threads:
    """An executor on ``workers`` threads of this process, by default one for each processor.

    At most ``look_ahead`` items have been taken whose results have not been given. A caller who
    stops early waits for nothing; the batches that have begun end in the background. The end of the
    program waits for them, unless the threads are ``daemon``; then a thread serves one batch.
    """

    def __init__(
        self, workers: int | None = None, look_ahead: int | None = None, *, daemon: bool = False
    ) -> None:
        self.workers = workers or available_cores()
        self.look_ahead = look_ahead
        self.daemon = daemon

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """``map_batches`` for a function of one item."""
        return self.map_batches(lambda batch: [function(item) for item in batch], items, 1)

    def map_batches(
        self, function: Callable[[list[T]], Sequence[R]], items: Iterable[T], batch_size: int
    ) -> Iterator[R]:
        """See ``Executor``."""
        look_ahead = self.look_ahead or 2 * self.workers * batch_size
        stream = _Stream(function, batch_size, self.workers, look_ahead)
        pool = ThreadPoolExecutor(self.workers, "pictell")
        begin = _begin_daemon if self.daemon else pool.submit

        def feed() -> None:
            stream.feed(items, begin)
            pool.shutdown(wait=False)

        # A daemon, because ``items`` may wait without end for a program that writes a list.
        threading.Thread(target=feed, daemon=True).start()
        try:
            yield from stream.results()
        finally:
            stream.close()


def _begin_daemon(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="pictell", daemon=True).start()


class _Slot(Generic[R]):
    """The place of a result, in the order of the items."""

    __slots__ = ("done", "error", "result")

    def __init__(self) -> None:
        self.result: R
        self.error: BaseException | None = None
        self.done = False


class _Stream(Generic[T, R]):
    """The state that the feeding thread, the workers and the caller share."""

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
        self._waiting = deque[tuple[_Slot[R], T]]()  # not taken by a worker yet
        self._ordered = deque[_Slot[R]]()  # not given to the caller yet
        self._fed = self._closed = False
        self._has_result = threading.Condition(threading.Lock())
        # One for each item that may be taken.
        self._room = SimpleQueue[None]()
        for _ in range(look_ahead):
            self._room.put(None)

    def feed(self, items: Iterable[T], begin: Callable[[Callable[[], None]], object]) -> None:
        """Take items while the look-ahead permits; ``begin`` starts work on a thread."""
        try:
            iterator = iter(items)
            while self._wait_for_room():
                try:
                    item = next(iterator)
                except StopIteration:
                    break
                self._add(item)
                self._begin(begin)
        except BaseException as error:
            self._fail(error)
        with self._has_result:
            self._fed = True
            self._has_result.notify()
        if isinstance(items, Generator):
            items.close()

    def results(self) -> Iterator[R]:
        """The results in order."""
        while True:
            with self._has_result:
                while not (self._ordered and self._ordered[0].done):
                    if self._fed and not self._ordered:
                        return
                    self._has_result.wait()
                slot = self._ordered.popleft()
            self._room.put(None)
            if slot.error is not None:
                raise slot.error
            yield slot.result

    def close(self) -> None:
        """Take no more items and begin no more batches.

        It takes no lock, because the garbage collector calls it for a stream that a caller has
        left, on any thread, whatever lock that thread holds. ``SimpleQueue.put`` is made for that.
        """
        self._closed = True
        self._room.put(None)

    def _wait_for_room(self) -> bool:
        self._room.get()
        return not self._closed

    def _add(self, item: T) -> None:
        slot = _Slot[R]()
        with self._has_result:
            self._waiting.append((slot, item))
            self._ordered.append(slot)

    def _begin(self, begin: Callable[[Callable[[], None]], object]) -> None:
        try:
            begin(self._work)
        except RuntimeError as error:
            # No thread can be started, or the program ends: no worker takes the waiting items.
            self._end([slot for slot, _ in self._take(len(self._waiting))], error)
            raise

    def _take(self, at_most: int) -> list[tuple[_Slot[R], T]]:
        with self._has_result:
            n_items = 0 if self._closed else min(at_most, len(self._waiting))
            return [self._waiting.popleft() for _ in range(n_items)]

    def _work(self) -> None:
        """Run the next batch, of the items that are there; another worker may have taken them."""
        # A share for each worker: a few items keep all of them busy.
        share = -(-len(self._waiting) // self._workers)
        batch = self._take(min(share, self._batch_size))
        slots = [slot for slot, _ in batch]
        error = None
        try:
            results = self._function([item for _, item in batch]) if batch else ()
            for slot, result in zip(slots, results, strict=True):
                slot.result = result
        except BaseException as raised:
            error = raised
        self._end(slots, error)

    def _end(self, slots: Sequence[_Slot[R]], error: BaseException | None) -> None:
        with self._has_result:
            for slot in slots:
                slot.error, slot.done = error, True
            self._has_result.notify()

    def _fail(self, error: BaseException) -> None:
        slot = _Slot[R]()
        with self._has_result:
            self._ordered.append(slot)
        self._end([slot], error)
