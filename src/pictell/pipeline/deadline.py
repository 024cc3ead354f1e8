"""Deadlines: for one call, and for the work of many threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

R = TypeVar("R")


def run_with_deadline(
    function: Callable[[], R], timeout_s: float | None, *, daemon: bool = False
) -> R:
    """The result of ``function``, which runs on another thread.

    Raises ``TimeoutError`` after ``timeout_s`` seconds, never if it is ``None``. Ctrl-C interrupts
    the wait, also if the function does not return to Python. The function then ends in the
    background, and the end of the program waits for it unless the thread is a ``daemon``.
    """
    future = Future[R]()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="pictell-deadline", daemon=daemon).start()
    return future.result(timeout_s)


class Deadline:
    """The end of one piece of work, by ``time.monotonic``; ``passed`` is true after it."""

    def __init__(self, end_s: float, action: Callable[[], None]) -> None:
        self.end_s = end_s
        self.action = action
        self.passed = False


class Deadlines:
    """Calls an action for each piece of work that does not end in time.

    Safe to use from several threads. All deadlines share one thread, which sleeps until the first
    of them, and ends if there are no others.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open = set[Deadline]()
        self._wakes_s: float | None = None  # None: there is no thread

    @contextmanager
    def limit(self, timeout_s: float, action: Callable[[], None]) -> Iterator[Deadline]:
        """Call ``action`` on another thread if the block takes more than ``timeout_s`` seconds."""
        deadline = Deadline(time.monotonic() + timeout_s, action)
        with self._changed:
            self._open.add(deadline)
            if self._wakes_s is None:
                self._wakes_s = deadline.end_s
                threading.Thread(target=self._watch, name="pictell-deadlines", daemon=True).start()
            elif deadline.end_s < self._wakes_s:
                self._changed.notify()
        try:
            yield deadline
        finally:
            with self._changed:
                self._open.discard(deadline)

    def _watch(self) -> None:
        with self._changed:
            while self._open:
                now = time.monotonic()
                for deadline in [one for one in self._open if one.end_s <= now]:
                    self._open.remove(deadline)
                    deadline.passed = True
                    deadline.action()
                self._wakes_s = min((one.end_s for one in self._open), default=now)
                self._changed.wait(min(self._wakes_s - now, threading.TIMEOUT_MAX))
            self._wakes_s = None
