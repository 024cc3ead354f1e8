"""A call with a deadline."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

R = TypeVar("R")


def run_with_deadline(function: Callable[[], R], timeout_s: float, *, daemon: bool = False) -> R:
    """The result of ``function``, which runs on another thread.

    Raises ``TimeoutError`` after ``timeout_s`` seconds; the function then ends in the background,
    and the end of the program waits for it unless the thread is a ``daemon``.
    """
    future = Future[R]()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="pictell-deadline", daemon=daemon).start()
    return future.result(timeout_s)
