"""How much work the server takes on at once; what is above is refused, and may come again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pictell.server.problems import RETRY_AFTER_S, ProblemError


class Admission:
    """Counts what is held at the moment: pictures, or bytes. For one thread."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    @property
    def is_full(self) -> bool:
        """Whether nothing more can be held."""
        return self.held >= self.limit

    @contextmanager
    def hold(self, amount: int) -> Iterator[Held]:
        """Hold an amount until the end of ``with``. Raises ``ProblemError``, 503."""
        held = Held(self)
        try:
            held.add(amount)
            yield held
        finally:
            self.held -= held.amount


class Held:
    """What one request holds."""

    def __init__(self, admission: Admission) -> None:
        self.amount = 0
        self._admission = admission

    def add(self, amount: int) -> None:
        """Hold more. Raises ``ProblemError``, 503."""
        if self._admission.held + amount > self._admission.limit:
            raise overloaded()
        self._admission.held += amount
        self.amount += amount


def overloaded() -> ProblemError:
    """The problem of a request that comes while there is too much to do."""
    return ProblemError(
        503,
        "overloaded",
        f"the server has too much to do: try again in {RETRY_AFTER_S} s",
        {"retry-after": str(RETRY_AFTER_S)},
    )
