"""A server that pictures are sent to: connections that stay open, and further tries.

Whatever answers at the URL is not trusted: one limit of time and one of bytes hold for each answer,
and redirects are not followed, because they would take the pictures and the token elsewhere.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from urllib3.exceptions import InvalidHeader
from urllib3.util.retry import Retry
from urllib3.util.wait import wait_for_read

from pictell.errors import (
    AddressRefusedError,
    BadResponseError,
    BodyTooLargeError,
    FetchTimeoutError,
    HostUnreachableError,
    ServerError,
    ServerUnavailableError,
    UsageError,
)
from pictell.images.addresses import Hop, parse_url
from pictell.images.connection import CHUNK_BYTES, Bounds, connect, exchange, look_up, status_text
from pictell.images.encodings import parse_encodings
from pictell.options import MIN_TIMEOUT_S, Limits

if TYPE_CHECKING:
    import socket

# Probabilities of 20,000 classes and a long embedding are half a megabyte.
MAX_ANSWER_BYTES = 16 * 1024 * 1024
# Too many requests, and what proxies say of a server that restarts or has too much to do.
BUSY = frozenset({429, 502, 503, 504})
MIN_PAUSE_S, MAX_PAUSE_S = 0.25, 8.0
# Clients that were refused together do not come back together.
MAX_EXTRA = 0.25


class Reply(NamedTuple):
    """An answer: ``status`` and its words, such as ``404 Not Found``, headers and body."""

    status: int
    words: str
    headers: Mapping[str, str]
    body: bytes


class RemoteServer:
    """A server, and connections to it that stay open. Safe to use from several threads at once.

    ``address`` is its URL, for messages. A request takes at most ``timeout_s`` seconds with all
    tries; ``token`` is sent with each.
    """

    def __init__(self, url: str, token: str | None, timeout_s: float) -> None:
        """Raises ``UsageError``."""
        self._hop, self._base = parse_server(url), ""
        if self._hop.target != "/":
            self._base = self._hop.target.rstrip("/")
        self.address = f"{self._hop.scheme}://{self._hop.authority}{self._base}"
        self.timeout_s = timeout_s
        self._headers = {
            "Host": self._hop.authority,
            "Accept": "application/json, application/problem+json",
            "Content-Type": "application/octet-stream",
        }
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._idle = list[_Connection]()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._has_answered = False

    def request(self, method: str, path: str, body: bytes | None = None) -> Reply:
        """The answer to a request; a server that is busy or lost is asked again.

        A server that has never answered is not. Raises ``ServerError``, and ``UsageError`` after
        ``close``.
        """
        end_s, tries = time.monotonic() + self.timeout_s, 0
        while True:
            wait_s = 0.0
            try:
                reply = self._exchange(method, path, body, end_s)
            except (HostUnreachableError, BadResponseError) as error:
                failure = self._unavailable(
                    f"cannot be used: {error.message}; check the URL and whether pictell serve "
                    "runs there"
                )
                if not self._has_answered:
                    raise failure from error
            else:
                self._has_answered = True
                if reply.status not in BUSY:
                    return reply
                failure = self._unavailable(f"is busy: it answers {reply.words}; try again later")
                wait_s = _retry_after_s(reply)
            wait_s = max(wait_s, min(MIN_PAUSE_S * 2.0 ** min(tries, 10), MAX_PAUSE_S))
            wait_s *= random.uniform(1, 1 + MAX_EXTRA)
            if time.monotonic() + wait_s >= end_s:
                raise failure
            self._closed.wait(wait_s)
            tries += 1

    def close(self) -> None:
        """Close the connections; those in use, once they have their answers."""
        self._closed.set()
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _exchange(self, method: str, path: str, body: bytes | None, end_s: float) -> Reply:
        left_s = max(end_s - time.monotonic(), MIN_TIMEOUT_S)
        bounds = Bounds(Limits(timeout_s=left_s, max_bytes=MAX_ANSWER_BYTES))
        try:
            connection = self._take() or _Connection(self._hop, bounds)
            try:
                reply = connection.ask(method, self._base + path, self._headers, body, bounds)
            except BaseException:
                connection.close()
                raise
        except FetchTimeoutError as error:
            problem = f"did not answer within {self.timeout_s:g} s; try again later"
            raise self._unavailable(problem) from error
        except BodyTooLargeError as error:
            message = f"{self.address} answers more than a pictell server does: check the URL"
            raise ServerError(message) from error
        self._keep(connection, reply)
        return reply

    def _take(self) -> _Connection | None:
        """A connection that is still open. Raises ``UsageError``."""
        if self._closed.is_set():
            raise UsageError("the connection to the server is closed: connect again")
        with self._lock:
            while self._idle:
                connection = self._idle.pop()
                if connection.is_open:
                    return connection
                connection.close()
        return None

    def _keep(self, connection: _Connection, reply: Reply) -> None:
        with self._lock:
            last = reply.headers.get("connection", "").lower() == "close"
            if not last and not self._closed.is_set():
                self._idle.append(connection)
                return
        connection.close()

    def _unavailable(self, problem: str) -> ServerUnavailableError:
        return ServerUnavailableError(f"the server {self.address} {problem}")


class _Connection:
    """An open connection, for one request at a time. ``close`` it in the end."""

    def __init__(self, hop: Hop, bounds: Bounds) -> None:
        """Raises ``HostUnreachableError`` or ``FetchTimeoutError``."""
        self._stack = ExitStack()
        addresses = look_up(hop.host, bounds)
        self._sock: socket.socket = self._stack.enter_context(connect(hop, addresses, bounds, None))

    @property
    def is_open(self) -> bool:
        """Whether the server has not closed it, nor sent what nobody requested."""
        return not wait_for_read(self._sock, 0)

    def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        bounds: Bounds,
    ) -> Reply:
        """The whole answer to a request. Raises ``FetchError``, as ``exchange`` does."""
        with exchange(self._sock, bounds, method, target, headers, body) as response:
            if parse_encodings(response.headers.get("content-encoding", "")):
                raise BadResponseError("it sends compressed answers")
            content = bytearray()
            while chunk := response.read(CHUNK_BYTES):
                content += chunk
            names = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status, status_text(response), names, bytes(content))

    def close(self) -> None:
        """Close it."""
        self._stack.close()


def parse_server(url: str) -> Hop:
    """The parts of a server's URL; ``target`` is the path that comes before that of each route.

    Raises ``UsageError``, which never quotes the URL: it could show a password.
    """
    try:
        hop = parse_url(url)
    except AddressRefusedError as error:
        message = f"the server must be a URL such as http://localhost:8000: {error}"
        raise UsageError(message) from None
    if "?" in hop.target:
        raise UsageError("the URL of a server has no query: leave out the ? and what follows")
    return hop


def _retry_after_s(reply: Reply) -> float:
    """The seconds that the server asks to wait (RFC 9110, 10.2.3), or 0."""
    try:
        return Retry().parse_retry_after(reply.headers.get("retry-after", "0"))
    except (InvalidHeader, ValueError, OverflowError):
        return 0.0
