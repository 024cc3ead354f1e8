"""HTTP/1.1 by uvicorn, with the limits that it does not have."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Larger heads are refused. A cookie has at most 4 kB; proxies add a few lines.
MAX_HEAD_BYTES = 64 * 1024
# A client that does not read its answer loses the connection after this time.
UNREAD_S = 20.0


class BoundedProtocol(HttpToolsProtocol):
    """A connection whose heads of requests have a deadline and a largest size.

    Above ``max_connections`` a new connection is closed at once.
    """

    def __init__(self, head_timeout_s: float, max_connections: int, **options: Any) -> None:
        super().__init__(**options)
        self._head_timeout_s, self._max_connections = head_timeout_s, max_connections
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._in_message = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected: the head of a request must follow."""
        super().connection_made(transport)
        if len(self.connections) > self._max_connections:
            transport.abort()
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes have come."""
        if not self._in_message and self._head_timer is None:
            # Empty lines before a request are no request, but end uvicorn's own wait for one.
            self._await_head()
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_timer is not None and self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(b"431 Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        """The head of a request has begun."""
        super().on_message_begin()
        self._in_message = True
        if self._head_timer is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """The head of a request has come."""
        self._stop_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """A whole request has come."""
        self._in_message = False
        super().on_message_complete()

    def timeout_keep_alive_handler(self) -> None:
        """The connection has had no request for long, or its client does not read."""
        self.transport.abort()

    def _await_head(self) -> None:
        self._head_bytes = 0
        self._head_timer = self.loop.call_later(
            self._head_timeout_s, self._refuse, b"408 Request Timeout"
        )

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, status: bytes) -> None:
        self._stop_timer()
        if not self.transport.is_closing():
            self.transport.write(
                b"HTTP/1.1 %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % status
            )
            self.transport.close()
            self.loop.call_later(UNREAD_S, self.transport.abort)
