"""Waits for what another thread or process does."""

import threading
from collections.abc import Callable

import pytest


def wait_until(truth: Callable[[], object]) -> None:
    """Return once ``truth`` holds; the test fails after a minute."""
    tick = threading.Event()
    for _ in range(6000):
        if truth():
            return
        tick.wait(0.01)
    pytest.fail("timed out")
