"""Bytes in flight: bounded, shared by all threads, and never a deadlock."""

import multiprocessing
import os
import random
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress

import pytest

from pictell.budget import Budget, Line, Ticket, shared_budget


def in_thread(function: Callable[[], object]) -> Future[None]:
    """Run a function that may block on another thread, which does not keep the tests running."""
    done: Future[None] = Future()

    def run() -> None:
        try:
            function()
        except BaseException as error:
            done.set_exception(error)
        else:
            done.set_result(None)

    threading.Thread(target=run, daemon=True).start()
    return done


def reserved(ticket: Ticket, n_bytes: int) -> Future[None]:
    return in_thread(lambda: ticket.reserve(n_bytes))


def waits(work: Future[None]) -> bool:
    try:
        work.exception(0.1)
    except TimeoutError:
        return True
    return False


def line_of(max_bytes: int) -> Line:
    """A line that may take all of a budget."""
    return Budget(max_bytes).decoding


def test_a_ticket_waits_until_an_older_one_releases() -> None:
    line = line_of(10)
    old, young = line.ticket(), line.ticket()
    old.reserve(8)
    young.reserve(2)
    waiting = reserved(young, 1)
    assert waits(waiting)
    old.release()
    waiting.result(10)


def test_the_oldest_ticket_may_exceed_the_budget() -> None:
    line = line_of(10)
    old, young = line.ticket(), line.ticket()
    young.reserve(10)
    old.reserve(50)
    waiting = reserved(young, 1)
    assert waits(waiting)
    old.release()
    waiting.result(10)


def test_nobody_overtakes_one_that_waits() -> None:
    line = line_of(10)
    first, large, small = (Ticket(line) for _ in range(3))
    first.reserve(8)
    waiting = reserved(large, 9)
    assert waits(waiting)
    behind = reserved(small, 2)
    assert waits(behind)
    first.release()
    waiting.result(10)
    assert waits(behind)
    large.release()
    behind.result(10)


def test_a_ticket_without_a_place_takes_it_when_it_first_reserves() -> None:
    line = line_of(10)
    late, early = Ticket(line), Ticket(line)
    early.reserve(10)
    waiting = reserved(late, 1)
    assert waits(waiting)
    early.release()
    waiting.result(10)


def test_closing_a_line_ends_its_waits() -> None:
    line = line_of(1)
    old, young = line.ticket(), line.ticket()
    old.reserve(1)
    waiting = reserved(young, 5)
    assert waits(waiting)
    line.close()
    with pytest.raises(CancelledError):
        waiting.result(10)


def test_releasing_a_ticket_ends_its_own_wait_and_its_work() -> None:
    line = line_of(1)
    old, young = line.ticket(), line.ticket()
    old.reserve(1)
    waiting = reserved(young, 5)
    assert waits(waiting)
    young.release()
    with pytest.raises(CancelledError):
        waiting.result(10)
    with pytest.raises(CancelledError):
        young.reserve(0)
    old.release()
    line.ticket().reserve(1)


def test_releasing_twice_gives_back_once() -> None:
    line = line_of(2)
    first, second, third = line.ticket(), line.ticket(), line.ticket()
    first.reserve(1)
    first.release()
    first.release()
    second.reserve(1)
    third.reserve(1)
    assert waits(reserved(third, 1))


def test_an_error_releases() -> None:
    budget = Budget(1)
    with suppress(ValueError), Ticket(budget.decoding) as ticket:
        ticket.reserve(1)
        raise ValueError
    assert budget.held == 0


def test_lines_share_one_budget() -> None:
    budget = Budget(10)
    downloads = budget.line(100)
    first, second = downloads.ticket(), downloads.ticket()
    decoding = Ticket(budget.decoding)
    first.reserve(4)
    decoding.reserve(6)
    waiting = reserved(second, 1)
    assert waits(waiting)
    decoding.release()
    waiting.result(10)


def test_downloads_take_at_most_half_of_the_budget() -> None:
    downloads = Budget(10).line(100)
    first, second = downloads.ticket(), downloads.ticket()
    first.reserve(5)
    assert waits(reserved(second, 1))


def test_what_waits_to_be_decoded_does_not_keep_the_oldest_from_decoding() -> None:
    """All memory is held by downloads that wait for their turn to be decoded."""
    budget = Budget(10)
    downloads = [budget.line(100).ticket() for _ in range(3)]
    for one in downloads:
        one.reserve(5)
    first, second = Ticket(budget.decoding), Ticket(budget.decoding)
    first.reserve(1000)
    waiting = reserved(second, 1000)
    assert waits(waiting)
    first.release()
    waiting.result(10)


def test_a_stream_that_is_paused_does_not_hold_up_another_one() -> None:
    budget = Budget(10)
    paused, other = budget.line(100), budget.line(100)
    paused.ticket().reserve(10)
    for _ in range(3):
        ticket = other.ticket()
        reserved(ticket, 5).result(10)
        ticket.release()


def test_many_threads_stay_within_the_budget_or_run_alone() -> None:
    """Each reads, then decodes, as the workers of a stream do."""
    budget, lock = Budget(100), threading.Lock()
    sizes = [random.Random(number).choice([1, 10, 60, 250]) for number in range(300)]
    held, most, largest = 0, 0, max(sizes)

    def work(size: int) -> None:
        nonlocal held, most
        with Ticket(budget.reading) as read, Ticket(budget.decoding) as ticket:
            read.reserve(size % 7)
            ticket.reserve(size)
            with lock:
                held += size
                most = max(most, held)
            with lock:
                held -= size

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, sizes, timeout=60))
    assert budget.held == held == 0
    assert most <= 100 + largest


def test_all_callers_with_the_same_size_share_a_budget() -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: shared_budget(123_456), range(8)))
    assert len(found) == 1
    assert shared_budget(123_457) not in found
    assert shared_budget().max_bytes > 1


def _reserve_in_child() -> None:
    shared_budget(10).decoding.ticket().reserve(10)
    os._exit(0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX systems fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_has_a_budget_of_its_own() -> None:
    with shared_budget(10).decoding.ticket() as ticket:
        ticket.reserve(10)
        child = multiprocessing.get_context("fork").Process(target=_reserve_in_child)
        child.start()
        child.join(20)
        assert child.exitcode == 0
