"""Bytes in flight: bounded, and never a deadlock."""

import threading

from pictell.pipeline.budget import Budget, Ticket


def in_thread(ticket: Ticket, n_bytes: int) -> threading.Event:
    """Reserve on another thread; the event says that it is done."""
    done = threading.Event()

    def reserve() -> None:
        ticket.reserve(n_bytes)
        done.set()

    threading.Thread(target=reserve, daemon=True).start()
    return done


def test_a_ticket_waits_until_an_older_one_releases() -> None:
    budget = Budget(10)
    old, young = budget.ticket(), budget.ticket()
    old.reserve(8)
    young.reserve(2)
    waiting = in_thread(young, 1)
    assert not waiting.wait(0.1)
    old.release()
    assert waiting.wait(10)


def test_the_oldest_ticket_may_exceed_the_budget() -> None:
    budget = Budget(10)
    old, young = budget.ticket(), budget.ticket()
    young.reserve(10)
    old.reserve(50)
    waiting = in_thread(young, 1)
    assert not waiting.wait(0.1)
    old.release()
    assert waiting.wait(10)


def test_closing_lets_everybody_go() -> None:
    budget = Budget(1)
    old, young = budget.ticket(), budget.ticket()
    old.reserve(1)
    waiting = in_thread(young, 5)
    assert not waiting.wait(0.1)
    budget.close()
    assert waiting.wait(10)


def test_releasing_twice_gives_back_once() -> None:
    budget = Budget(2)
    first, second, third = budget.ticket(), budget.ticket(), budget.ticket()
    first.reserve(1)
    first.release()
    first.release()
    second.reserve(1)
    third.reserve(1)
    assert not in_thread(third, 1).wait(0.1)
