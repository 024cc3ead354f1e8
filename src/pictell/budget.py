"""A budget of bytes that all work in flight of a process shares."""

from __future__ import annotations

import os
import threading
from concurrent.futures import CancelledError

from pictell.memory import available_memory

# The part of the available memory that work in flight may take. Other programs, the model, and what
# the allocator keeps need the rest.
SHARE_OF_MEMORY = 4
# By process and size, because a process that was forked has the entries of its parent, too.
_BUDGETS = dict[tuple[int, int | None], "Budget"]()


class Budget:
    """Memory that pieces of work share, which wait while it is spent.

    A piece of work has a ticket in a line. The oldest ticket of a line may exceed the budget: so
    the work of each line always goes on, whatever the others hold, and one piece of it at a time
    exceeds. ``reading`` is the line of files that are read, ``decoding`` that of pictures that are
    decoded, for all threads. A thread that waits to decode may hold what it has read, because
    the oldest one that decodes waits for nothing. Safe to use from several threads.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.held = 0
        # A plain lock, which is all that is needed and costs less.
        self.changed = threading.Condition(threading.Lock())
        self.reading = self.line(max_bytes)
        self.decoding = Line(self, max_bytes)

    def line(self, max_bytes: int) -> Line:
        """A line for work that is needed in its order, such as the downloads of a stream.

        Together it takes at most ``max_bytes``, and half of the budget.
        """
        return Line(self, min(max_bytes, self.max_bytes // 2))


class Line:
    """Work in its order, which takes ``max_bytes`` of a budget at most; see ``Budget``."""

    def __init__(self, budget: Budget, max_bytes: int) -> None:
        self._budget = budget
        self._max_bytes = max_bytes
        self._held = 0
        self._open = dict[Ticket, None]()
        self._waiting = dict[Ticket, None]()
        self._closed = False

    def ticket(self) -> Ticket:
        """A ticket that has its place in the line now, not only once it reserves something.

        It must be released, or those behind it wait.
        """
        ticket = Ticket(self)
        with self._budget.changed:
            self._open[ticket] = None
        return ticket

    def close(self) -> None:
        """End every wait, now and later: ``reserve`` raises ``CancelledError``."""
        with self._budget.changed:
            self._closed = True
            self._budget.changed.notify_all()

    def reserve(self, ticket: Ticket, n_bytes: int) -> None:
        """Take bytes for a ticket once there are enough, or none are left to wait for."""
        budget = self._budget
        with budget.changed:
            if not ticket.is_released:
                self._open.setdefault(ticket)
                self._waiting[ticket] = None
            while not (self._closed or ticket.is_released) and self._must_wait(ticket, n_bytes):
                budget.changed.wait()
            self._waiting.pop(ticket, None)
            if self._closed or ticket.is_released:
                raise CancelledError
            budget.held += n_bytes
            self._held += n_bytes
            ticket.n_bytes += n_bytes
            if self._waiting:  # the next one may have room, too
                budget.changed.notify_all()

    def release(self, ticket: Ticket) -> None:
        """Give back all bytes of a ticket, which leaves the line."""
        with self._budget.changed:
            self._budget.held -= ticket.n_bytes
            self._held -= ticket.n_bytes
            ticket.n_bytes, ticket.is_released = 0, True
            self._open.pop(ticket, None)
            self._waiting.pop(ticket, None)  # an interrupt may have ended its wait
            self._budget.changed.notify_all()

    def _must_wait(self, ticket: Ticket, n_bytes: int) -> bool:
        has_room = (
            self._held + n_bytes <= self._max_bytes
            and self._budget.held + n_bytes <= self._budget.max_bytes
        )
        # One that overtook a large one would hold memory when that becomes the oldest.
        is_next = next(iter(self._waiting)) is ticket
        return not (is_next and has_room) and next(iter(self._open)) is not ticket


class Ticket:
    """The bytes that one piece of work holds, until the end of ``with`` or ``release``.

    It takes its place in the line when it first reserves something.
    """

    def __init__(self, line: Line) -> None:
        self.n_bytes = 0
        self.is_released = False
        self._line = line

    def reserve(self, n_bytes: int) -> None:
        """Hold ``n_bytes`` more; wait while there is no room for them.

        Raises ``CancelledError`` if the line is closed or the ticket is released: the work is then
        no longer needed.
        """
        self._line.reserve(self, n_bytes)

    def release(self) -> None:
        """Give back all bytes. Safe to call again."""
        self._line.release(self)

    def __enter__(self) -> Ticket:
        return self

    def __exit__(self, *exception: object) -> None:
        self.release()


def default_budget_bytes() -> int:
    """The size of the budget that a process has by default: a part of the available memory."""
    return max(1, available_memory() // SHARE_OF_MEMORY)


def budget_share(max_bytes: int | None, part: int, whole: int) -> int:
    """The bytes for ``part`` of ``whole`` workers that share a budget of ``max_bytes``.

    ``None`` stands for ``default_budget_bytes``.
    """
    return max(1, (max_bytes or default_budget_bytes()) * part // whole)


def shared_budget(max_bytes: int | None = None) -> Budget:
    """The budget of this process with that size, by default ``default_budget_bytes``.

    All callers that give the same size share one. Ask again for each piece of work: after a fork,
    the new process has a budget of its own, in which nothing is held.
    """
    key = os.getpid(), max_bytes
    # Threads that come here at the same time get the same one.
    return _BUDGETS.get(key) or _BUDGETS.setdefault(
        key, Budget(max_bytes or default_budget_bytes())
    )
