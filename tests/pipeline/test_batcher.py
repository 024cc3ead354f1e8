"""Items of many threads, prepared one by one and run in batches."""

import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait

import pytest

from pictell.pipeline.batcher import Batcher

TIMEOUT_S = 30


class Work:
    """Batches as they were run. A text is prepared once its gate, if it has one, is open."""

    def __init__(self) -> None:
        self.gates: dict[str, threading.Event] = {}
        self.batches: list[list[str]] = []

    def gate(self, item: str) -> threading.Event:
        return self.gates.setdefault(item, threading.Event())

    def prepare(self, item: str) -> str:
        if item in self.gates:
            assert self.gates[item].wait(TIMEOUT_S)
        if item == "unfit":
            raise ValueError(item)
        return item.upper()

    def run(self, batch: list[str]) -> list[str]:
        self.batches.append(batch)
        if "BAD" in batch:
            raise RuntimeError("bad")
        return [f"{item}!" for item in batch]


@pytest.fixture
def work() -> Iterator[Work]:
    work = Work()
    yield work
    for gate in work.gates.values():
        gate.set()


def test_a_single_item_runs_at_once(work: Work) -> None:
    batcher = Batcher(work.prepare, work.run, batch_size=4, workers=2)
    assert batcher.submit("a").result(TIMEOUT_S) == "A!"
    assert work.batches == [["A"]]
    batcher.close()


def test_what_has_waited_runs_together_up_to_the_size_of_a_batch(work: Work) -> None:
    gate = work.gate("first")
    batcher = Batcher(work.prepare, work.run, batch_size=3, workers=1)
    futures = [batcher.submit(item) for item in ("first", "b", "c", "d", "e")]
    gate.set()
    assert [one.result(TIMEOUT_S) for one in futures] == ["FIRST!", "B!", "C!", "D!", "E!"]
    assert work.batches == [["FIRST", "B", "C"], ["D", "E"]]
    batcher.close()


def test_an_item_that_takes_long_to_prepare_holds_up_no_other(work: Work) -> None:
    gate = work.gate("slow")
    batcher = Batcher(work.prepare, work.run, batch_size=4, workers=2)
    slow = batcher.submit("slow")
    others = [batcher.submit(item) for item in "abcdefg"]
    assert [one.result(TIMEOUT_S) for one in others] == [f"{one}!" for one in "ABCDEFG"]
    assert not slow.done()
    gate.set()
    assert slow.result(TIMEOUT_S) == "SLOW!"
    batcher.close()


def test_a_cancelled_item_is_neither_prepared_nor_run(work: Work) -> None:
    first = work.gate("first")
    batcher = Batcher(work.prepare, work.run, batch_size=4, workers=1)
    futures = [batcher.submit(item) for item in ("first", "gone", "last")]
    assert futures[1].cancel()
    # This one is being prepared.
    assert futures[0].cancel()
    first.set()
    assert futures[2].result(TIMEOUT_S) == "LAST!"
    with pytest.raises(CancelledError):
        futures[0].result(TIMEOUT_S)
    assert work.batches == [["LAST"]]
    batcher.close()


class Large(str):
    """An item that a weak reference can watch."""

    __slots__ = ("__weakref__",)


def test_a_cancelled_item_is_kept_by_nobody(work: Work) -> None:
    first = work.gate("first")
    batcher = Batcher(work.prepare, work.run, batch_size=4, workers=1)
    running = batcher.submit("first")
    item = Large("large")
    kept, future = weakref.ref(item), batcher.submit(item)
    del item
    assert future.cancel()
    assert kept() is None
    first.set()
    assert running.result(TIMEOUT_S) == "FIRST!"
    batcher.close()


def test_errors_go_to_those_who_wait(work: Work) -> None:
    batcher = Batcher(work.prepare, work.run, batch_size=1, workers=1)
    with pytest.raises(ValueError, match="unfit"):
        batcher.submit("unfit").result(TIMEOUT_S)
    with pytest.raises(RuntimeError, match="bad"):
        batcher.submit("bad").result(TIMEOUT_S)
    assert batcher.submit("a").result(TIMEOUT_S) == "A!"
    batcher.close()


def test_closing_waits_for_all_items(work: Work) -> None:
    gate = work.gate("first")
    batcher = Batcher(work.prepare, work.run, batch_size=2, workers=1)
    futures = [batcher.submit(item) for item in ("first", "b", "c", "d")]
    with ThreadPoolExecutor(1) as pool:
        closing = pool.submit(batcher.close)
        gate.set()
        closing.result(TIMEOUT_S)
    assert all(one.done() for one in futures)
    batcher.close()
    with pytest.raises(RuntimeError):
        batcher.submit("late")


def test_many_threads_get_their_own_results(work: Work) -> None:
    batcher = Batcher(work.prepare, work.run, batch_size=4, workers=3)

    def submit(item: str) -> Future[str]:
        return batcher.submit(item)

    items = [f"item {number}" for number in range(500)]
    with ThreadPoolExecutor(8) as pool:
        futures = list(pool.map(submit, items))
    wait(futures, TIMEOUT_S)
    assert [one.result() for one in futures] == [f"{item.upper()}!" for item in items]
    assert max(map(len, work.batches)) <= 4
    batcher.close()
