"""Who may use the server, without a server."""

import asyncio
import tracemalloc
from collections.abc import Iterator
from itertools import count

import pytest
from starlette.types import Message, Receive, Scope, Send

from pictell.classifier import Classifier
from pictell.server.guard import TokenGuard
from pictell.server.metrics import Metrics
from pictell.server.settings import Settings
from waiting import wait_until

MOST_BYTES = 100_000


def no_model() -> Classifier:
    raise AssertionError("nobody asks for it")


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    pass


async def receive() -> Message:
    return {}


async def send(message: Message) -> None:
    pass


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced")
def test_a_rate_keeps_no_address_that_came_long_ago() -> None:
    settings = Settings(models={"default": no_model}, rate_limit="1/second")
    guard, numbers = TokenGuard(application, settings, Metrics()), count()

    async def come(times: int) -> None:
        for number, _ in zip(numbers, range(times), strict=False):
            scope = {"type": "http", "path": "/v1/models", "headers": [], "state": {}}
            await guard(scope | {"client": (f"address {number}", 1)}, receive, send)

    def is_small() -> bool:
        # What is old is dropped when somebody comes.
        asyncio.run(come(1))
        return tracemalloc.get_traced_memory()[0] < before + MOST_BYTES

    asyncio.run(come(10))
    before = tracemalloc.get_traced_memory()[0]
    asyncio.run(come(2000))
    assert not is_small()
    wait_until(is_small)
