"""Deadlines that many threads share."""

import threading
import time

from pictell.pipeline.deadline import Deadlines
from waiting import wait_until

LONG_S = 1000.0


def test_work_that_is_late_meets_its_action_once() -> None:
    calls: list[int] = []
    late = threading.Event()
    deadlines = Deadlines()
    with deadlines.limit(LONG_S, lambda: calls.append(1)) as first:
        # It ends before the first one, which the thread already waits for.
        with deadlines.limit(0.01, lambda: (calls.append(2), late.set())) as second:
            assert late.wait(20)
        assert second.passed
        assert not first.passed
    assert calls == [2]


def test_work_in_time_meets_no_action() -> None:
    deadlines, calls = Deadlines(), list[int]()
    for _ in range(100):
        with deadlines.limit(0.5, lambda: calls.append(1)) as deadline:
            pass
        assert not deadline.passed
    time.sleep(0.6)
    assert calls == []


def test_a_thread_that_has_nothing_to_watch_ends_and_starts_again() -> None:
    before = set(threading.enumerate())
    deadlines = Deadlines()
    for _ in range(2):
        with deadlines.limit(0.05, lambda: None):
            assert set(threading.enumerate()) - before
        wait_until(lambda: not set(threading.enumerate()) - before)
    with deadlines.limit(0.01, lambda: None) as deadline:
        wait_until(lambda: deadline.passed)
