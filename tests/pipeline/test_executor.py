"""A map on threads: in order, lazy, bounded."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from pictell.pipeline.executor import map_ordered
from pictell.processors import available_cores


def counted(items: list[int], taken: list[int]) -> Iterator[int]:
    for item in items:
        taken.append(item)
        yield item


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("look_ahead", [1, 3, 100])
def test_results_come_in_the_order_of_the_items(workers: int, look_ahead: int) -> None:
    results = map_ordered(str, range(50), workers=workers, look_ahead=look_ahead)
    assert list(results) == [str(item) for item in range(50)]


def test_order_holds_when_a_later_item_is_done_first() -> None:
    second_is_done = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert second_is_done.wait(10)
        else:
            second_is_done.set()
        return item

    assert list(map_ordered(work, range(2), workers=2, look_ahead=2)) == [0, 1]


def test_nothing_is_taken_before_the_first_result_is_asked_for() -> None:
    taken: list[int] = []
    results = map_ordered(str, counted([1, 2], taken), workers=1, look_ahead=1)
    assert taken == []
    assert next(results) == "1"
    assert taken == [1]
    results.close()


@pytest.mark.parametrize("look_ahead", [1, 5])
def test_no_more_items_than_allowed_are_under_way(look_ahead: int) -> None:
    taken: list[int] = []
    results = map_ordered(str, counted(list(range(30)), taken), workers=2, look_ahead=look_ahead)
    for given, _ in enumerate(results):
        assert len(taken) - given <= look_ahead


def test_an_endless_stream_is_fine() -> None:
    results = map_ordered(abs, iter(int, 1), workers=2, look_ahead=4)
    assert [next(results) for _ in range(10)] == [0] * 10
    results.close()


def test_no_items_give_no_results() -> None:
    assert list(map_ordered(str, [], workers=2, look_ahead=2)) == []


def test_an_exception_comes_at_its_items_turn() -> None:
    results = map_ordered(lambda item: 1 // item, [1, 1, 0, 1], workers=4, look_ahead=4)
    assert [next(results), next(results)] == [1, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert list(results) == []


def test_who_stops_early_waits_for_nothing_and_what_has_not_begun_is_dropped() -> None:
    begun: list[int] = []
    released_in_time: list[bool] = []
    second_began, may_end = threading.Event(), threading.Event()

    def work(item: int) -> None:
        begun.append(item)
        if item == 1:
            second_began.set()
            released_in_time.append(may_end.wait(10))

    results = map_ordered(work, range(10), workers=1, look_ahead=5)
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
    results = map_ordered(lambda _: all_here.wait() >= 0, range(3), workers=3, look_ahead=3)
    assert list(results) == [True] * 3


def test_cores_are_those_this_process_may_use() -> None:
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no processor affinity here")
def test_a_process_bound_to_one_core_has_one() -> None:
    def bound() -> int:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # this thread alone
        return available_cores()

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(bound).result() == 1
