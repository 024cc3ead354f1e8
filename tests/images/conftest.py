"""Servers and host names for tests of downloads."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import pictell.images.fetch as fetch_module
from raw_server import Names, Server


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    with contextlib.ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(Server(*args, **kwargs))


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Host names that only this test resolves."""
    table: Names = {}
    real = socket.getaddrinfo

    def getaddrinfo(host: str, *args: Any, **kwargs: Any) -> list[Any]:
        return [
            record
            for address in table.get(host, [host])
            for record in real(address, *args, **kwargs)
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return table


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> str:
    """A loopback address that counts as public, on any port."""
    monkeypatch.setattr(fetch_module, "is_public", lambda address: str(address) == "127.0.0.2")
    monkeypatch.setattr(fetch_module, "_PORTS", range(1, 65536))
    return "127.0.0.2"
