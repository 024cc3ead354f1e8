"""A budget of bytes that work in flight shares."""

from __future__ import annotations

import threading


class Budget:
    """Lets tickets reserve ``max_bytes`` in all.

    A ticket waits while the budget is spent. The oldest one may exceed the budget, because its work
    is needed next; so work always goes on. Safe to use from several threads.
    """

    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes
        self._changed = threading.Condition()
        self._open = dict[Ticket, None]()
        self._closed = False

    def ticket(self) -> Ticket:
        """A ticket for the next piece of work; older ones come first."""
        ticket = Ticket(self)
        with self._changed:
            self._open[ticket] = None
        return ticket

    def close(self) -> None:
        """Stop every wait. Call it when the results are no longer needed."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def reserve(self, ticket: Ticket, n_bytes: int) -> None:
        """Take bytes for a ticket once there are enough."""
        with self._changed:
            while self._left < n_bytes and not self._may_exceed(ticket):
                self._changed.wait()
            self._left -= n_bytes

    def release(self, ticket: Ticket, n_bytes: int) -> None:
        """Give back all bytes of a ticket, which is then no longer the oldest."""
        with self._changed:
            self._left += n_bytes
            self._open.pop(ticket, None)
            self._changed.notify_all()

    def _may_exceed(self, ticket: Ticket) -> bool:
        return self._closed or next(iter(self._open)) is ticket


class Ticket:
    """The bytes that one piece of work has reserved."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._n_bytes = 0

    def reserve(self, n_bytes: int) -> None:
        """Reserve ``n_bytes`` more; wait while the budget is spent."""
        self._budget.reserve(self, n_bytes)
        self._n_bytes += n_bytes

    def release(self) -> None:
        """Give back all that was reserved."""
        self._budget.release(self, self._n_bytes)
        self._n_bytes = 0
