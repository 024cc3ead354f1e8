"""Servers for tests: the real command, in a process of its own (see ``tests/serving.py``)."""

from collections.abc import Iterator

import pytest

from serving import Server, serving


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server with its defaults, for tests that leave it as it is.

    For other settings: ``with serving("--workers", "2") as server``.
    """
    with serving() as server:
        yield server
