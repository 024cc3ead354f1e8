"""A map on threads: in order, lazy, bounded."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import chain

import pytest

from pictell.pipeline.executor import Threads
from waiting import wait_until


def counted(items: list[int], taken: list[int]) -> Iterator[int]:
    for item in items:
        taken.append(item)
        yield item


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("look_ahead", [1, 3, 100])
def test_results_come_in_the_order_of_the_items(workers: int, look_ahead: int) -> None:
    results = Threads(workers, look_ahead).map(str, range(50))
    assert list(results) == [str(item) for item in range(50)]


def test_order_holds_when_a_later_item_is_done_first() -> None:
    second_is_done = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert second_is_done.wait(10)
        else:
            second_is_done.set()
        return item

    assert list(Threads(2, 2).map(work, range(2))) == [0, 1]


def test_nothing_is_taken_before_the_first_result_is_asked_for() -> None:
    taken: list[int] = []
    results = Threads(1, 1).map(str, counted([1, 2], taken))
    assert taken == []
    assert next(results) == "1"
    results.close()


@pytest.mark.parametrize("look_ahead", [1, 5])
def test_no_more_items_than_allowed_are_under_way(look_ahead: int) -> None:
    taken: list[int] = []
    results = Threads(2, look_ahead).map(str, counted(list(range(30)), taken))
    for given, _ in enumerate(results, start=1):
        assert len(taken) - given <= 2 * look_ahead


def test_an_endless_stream_gives_results() -> None:
    results = Threads(2, 4).map(abs, iter(int, 1))
    assert [next(results) for _ in range(10)] == [0] * 10
    results.close()


def test_no_items_give_no_results() -> None:
    assert list(Threads(2, 2).map(str, [])) == []


def test_an_exception_comes_at_its_items_turn() -> None:
    results = Threads(4, 4).map(lambda item: 1 // item, [1, 1, 0, 1])
    assert [next(results), next(results)] == [1, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert list(results) == []


def test_a_caller_who_stops_early_does_not_wait_and_drops_what_has_not_begun() -> None:
    begun: list[int] = []
    released_in_time: list[bool] = []
    second_began, may_end = threading.Event(), threading.Event()

    def work(item: int) -> None:
        begun.append(item)
        if item == 1:
            second_began.set()
            released_in_time.append(may_end.wait(10))

    results = Threads(1, 5).map(work, range(10))
    next(results)
    assert second_began.wait(10)
    results.close()  # while the second may not end
    may_end.set()
    for thread in threading.enumerate():
        if thread.name.startswith("pictell"):
            thread.join(10)
    assert begun == [0, 1]
    assert released_in_time == [True]


def test_work_runs_on_as_many_threads_as_asked_for() -> None:
    all_here = threading.Barrier(3, timeout=10)
    results = Threads(3, 3).map(lambda _: all_here.wait() >= 0, range(3))
    assert list(results) == [True] * 3


def test_results_come_before_the_next_item_is_there() -> None:
    go_on = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        assert go_on.wait(10)
        yield 2

    results = Threads(2).map(str, items())
    assert next(results) == "1"
    go_on.set()
    assert list(results) == ["2"]


def test_an_exception_of_the_items_comes_after_the_results_before_it() -> None:
    def items() -> Iterator[int]:
        yield from (1, 2)
        raise KeyError("lost")

    results = Threads(2).map(str, items())
    assert [next(results), next(results)] == ["1", "2"]
    with pytest.raises(KeyError, match="lost"):
        next(results)


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, asyncio.CancelledError])
def test_items_may_raise_any_base_exception(error: type[BaseException]) -> None:
    def items() -> Iterator[int]:
        yield 1
        raise error

    results = Threads(2).map(str, items())
    assert next(results) == "1"
    with pytest.raises(error):
        next(results)


NO_THREADS = """
import threading
from pictell.pipeline.executor import Threads
start = threading.Thread.start
def refuse(thread):
    if thread.name.startswith("pictell"):
        raise RuntimeError("can't start new thread")
    start(thread)
threading.Thread.start = refuse
try:
    list(Threads(2, daemon={daemon}).map(str, [1, 2, 3]))
except RuntimeError as error:
    print(error)
"""


@pytest.mark.parametrize("daemon", [True, False])
def test_a_system_without_threads_is_an_error(daemon: bool) -> None:
    code = NO_THREADS.format(daemon=daemon)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=20)
    assert (run.stdout, run.stderr) == (b"can't start new thread\n", b"")


LATER_THREADS_REFUSED = """
import threading, time
from pictell.pipeline.executor import Threads
start, started = threading.Thread.start, []
def refuse_the_second(thread):
    if thread.name.startswith("pictell"):
        started.append(thread)
        if len(started) > 1:
            time.sleep(0.05)
            raise RuntimeError("can't start new thread")
    start(thread)
threading.Thread.start = refuse_the_second
try:
    print(list(Threads(2).map(str, [1, 2, 3])))
except RuntimeError as error:
    print(error)
"""


def test_a_worker_that_cannot_be_started_is_an_error_beside_others() -> None:
    command = [sys.executable, "-c", LATER_THREADS_REFUSED]
    run = subprocess.run(command, capture_output=True, timeout=20)
    assert (run.stdout, run.stderr) == (b"can't start new thread\n", b"")


def test_the_end_of_the_program_does_not_wait_for_daemons() -> None:
    code = (
        "import threading\n"
        "from pictell.pipeline.executor import Threads\n"
        "wait = lambda item: item or threading.Event().wait()\n"
        "print(next(Threads(2, 2, daemon=True).map(wait, [1, 0, 0])))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=20)
    assert (run.stdout, run.stderr) == (b"1\n", b"")


def test_items_that_are_a_generator_are_closed_when_the_caller_stops() -> None:
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            yield from iter(int, 1)
        finally:
            closed.set()

    results = Threads(1, 2).map(abs, items())
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert closed.wait(10)


def test_batches_grow_with_what_waits_and_no_further_than_allowed() -> None:
    sizes: list[int] = []
    all_fed = threading.Event()

    def items() -> Iterator[int]:
        yield from range(9)
        all_fed.set()

    def work(batch: list[int]) -> list[int]:
        assert all_fed.wait(10)
        sizes.append(len(batch))
        return batch

    results = chain.from_iterable(Threads(1, look_ahead=20).map_batches(work, items(), 4))
    assert list(results) == list(range(9))
    # The first worker began when one item waited.
    assert sizes[0] <= 4
    assert max(sizes) == 4
    assert sum(sizes) == 9


def test_a_few_items_keep_all_workers_busy() -> None:
    all_here = threading.Barrier(3, timeout=10)

    def work(batch: list[int]) -> list[int]:
        all_here.wait()
        return batch

    results = chain.from_iterable(Threads(3).map_batches(work, range(3), 4))
    assert list(results) == [0, 1, 2]


def test_all_results_that_are_ready_come_at_once() -> None:
    go_on = threading.Event()

    def work(batch: list[int]) -> list[int]:
        assert 0 in batch or go_on.wait(10)
        return batch

    before = set(threading.enumerate())
    lists = Threads(1, look_ahead=20).map_batches(work, range(9), 2)
    first = next(lists)
    assert first == list(range(len(first)))
    assert len(first) <= 2
    go_on.set()
    wait_until(
        lambda: not any(one.name.startswith("pictell") for one in {*threading.enumerate()} - before)
    )
    assert list(lists) == [list(range(len(first), 9))]


@pytest.mark.parametrize("count", [0, 2])
def test_a_batch_must_give_a_result_for_each_item(count: int) -> None:
    with pytest.raises(ValueError, match=f"{count} results for a batch of 1"):
        list(Threads(1).map_batches(lambda _: [1] * count, range(3), 1))


STREAMING = """
import itertools, sys, threading, time
from pictell.pipeline.executor import Threads
def items():
    yield 1
    {wait}
results = Threads(2).map(str, items())
print(next(results), flush=True)
"""


@pytest.mark.parametrize(
    "wait", ["threading.Event().wait()", "sys.stdin.read()", "yield from itertools.repeat(1)"]
)
def test_a_stream_under_way_does_not_keep_the_program_from_ending(wait: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", STREAMING.format(wait=wait)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        assert process.wait(20) == 0
        assert process.stdout is not None
        assert process.stderr is not None
        assert (process.stdout.read(), process.stderr.read()) == (b"1\n", b"")


def test_streams_that_the_garbage_collector_ends_block_no_other() -> None:
    program = """
import gc, itertools, sys
from pictell.pipeline.executor import Threads

sys.setswitchinterval(1e-5)
gc.set_threshold(3)
for _ in range(50):
    cycle = [Threads(2, 1000).map(abs, itertools.count()) for _ in range(4)]
    for stream in cycle:
        next(stream)
    cycle.append(cycle)
    del cycle, stream
    assert list(Threads(2).map(abs, range(200))) == list(range(200))
"""
    # In a process of its own, because a deadlock would hold up the tests.
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
