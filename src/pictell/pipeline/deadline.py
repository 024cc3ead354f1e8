"""A call with a deadline."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pictell.errors import DeadlineError

R = TypeVar("R")


def run_with_deadline(function: Callable[[], R], timeout_s: float) -> R:
    """The result of ``function``, which runs on another thread.

    Raises ``DeadlineError`` after ``timeout_s`` seconds; the function then ends in the background.
    """
    pool = ThreadPoolExecutor(1, "pictell-deadline")
    try:
        return pool.submit(function).result(timeout_s)
    except TimeoutError:
        raise DeadlineError(f"not finished within {timeout_s:g} s", timeout_s=timeout_s) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
