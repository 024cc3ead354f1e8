"""HTTP/1.1 by uvicorn, with the limits that it does not have."""

from __future__ import annotations

import asyncio
import sys
from itertools import chain
from secrets import token_hex
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from pictell.server.guard import HEADERS
from pictell.server.message import MessageSize
from pictell.server.observe import REQUEST_ID
from pictell.server.problems import ProblemError, respond

# Requests that a client sends without waiting for the answer to the one before.
MAX_PIPELINED = 16
# A client that does not read its answer loses the connection after this time.
UNREAD_S = 20.0
# A client that still sends a request has this time to read the answer that refuses it, unless it
# sends more than any client that does not know of the answer yet.
LINGER_S, MAX_LATE_BYTES = 10.0, 64 * 1024 * 1024
# When the server stops, a request may already be on its way in a connection that has none.
LAST_REQUEST_S = 0.5

# A request with one of these has a body.
BODY_FIELDS = frozenset({b"content-length", b"transfer-encoding"})
NOT_HTTP = ProblemError(400, "bad_request", "this is no valid request of HTTP/1.1")
UPGRADE = ProblemError(
    400, "bad_request", "a request with a body cannot change the protocol: leave out Upgrade"
)
SLOW_HEAD = ProblemError(408, "request_timeout", "the head of a request did not arrive in time")


class Connections:
    """What the connections of a process share: their limits, and which of them have no request.

    At most ``most`` stay open. A new one takes the place of the one that is ``idle`` for longest,
    or else of the one that is ``sending`` a body for longest, so that clients which only connect or
    send slowly lock nobody out.
    """

    def __init__(self, head_timeout_s: float, most: int) -> None:
        self.head_timeout_s, self.most = head_timeout_s, most
        self.idle: dict[BoundedProtocol, None] = {}
        self.sending: dict[BoundedProtocol, None] = {}


class BoundedProtocol(HttpToolsProtocol):
    """A connection with deadlines for all that the client does before and after a request.

    A client that is refused while it sends gets its answer: the connection stays open for some time
    and what comes is thrown away. Otherwise the system would drop the answer with the connection.
    """

    def __init__(self, shared: Connections, **options: Any) -> None:
        super().__init__(**options)
        self._shared = shared
        self._head_timer: asyncio.TimerHandle | None = None
        self._end_timer: asyncio.TimerHandle | None = None
        self._running: RequestResponseCycle | None = None
        self._size = MessageSize()
        self._in_head = self._in_message = self._is_last = False
        self.is_ending = False
        self._late_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected: the head of a request must follow."""
        self._socket = transport
        super().connection_made(cast("asyncio.Transport", _Transport(transport, self)))
        if len(self.connections) > self._shared.most:
            next(chain(self._shared.idle, self._shared.sending, [self])).abort()
        self._be_idle()
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self.is_ending = True
        self._shared.idle.pop(self, None)
        self._shared.sending.pop(self, None)
        self._stop_head_timer()
        self._stop_end_timer()
        self._stop_running()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes have come."""
        if self.is_ending:
            self._late_bytes += len(data)
            if self._late_bytes > MAX_LATE_BYTES:
                self.abort()
            return
        if self in self._shared.idle:
            # Empty lines before a request are no request, but end uvicorn's own wait for one.
            self._await_head()
        self._size.add_received(len(data))
        super().data_received(data)
        try:
            self._size.check()
        except ProblemError as problem:
            self._refuse(problem)

    def on_message_begin(self) -> None:
        """The head of a request has begun."""
        super().on_message_begin()
        self._in_message = self._in_head = True
        self._size = MessageSize()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head has come, or one of the trailer, which nobody needs."""
        if self._in_head:
            self._size.add_field(name, value)
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head of a request has come."""
        self._in_head = False
        self._stop_head_timer()
        self._shared.idle.pop(self, None)
        self._shared.sending[self] = None
        if len(self.pipeline) >= MAX_PIPELINED:
            raise ProblemError(400, "too_many_pipelined", "too many requests before an answer")
        if self.parser.should_upgrade() and dict(self.headers).keys() & BODY_FIELDS:
            raise UPGRADE
        super().on_headers_complete()
        # The parser takes what follows the head of such a request for another protocol.
        if self._is_last or self.parser.should_upgrade():
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """A piece of the body has come."""
        self._size.add_piece(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A whole request has come."""
        self._in_message = False
        self._shared.sending.pop(self, None)
        self._size = MessageSize()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer is written."""
        super().on_response_complete()
        if not self.is_ending and self._running is not None and self._running.response_complete:
            self._be_idle()
            if self._in_head:
                self._await_head()

    def pause_writing(self) -> None:
        """The client does not read."""
        super().pause_writing()
        self._end_in(UNREAD_S)

    def resume_writing(self) -> None:
        """The client has read."""
        super().resume_writing()
        if not self.is_ending:
            self._stop_end_timer()

    def send_400_response(self, msg: str) -> None:
        """Refuse what uvicorn could not read, or what a method of this class has refused."""
        error = sys.exc_info()[1]
        problem = error and error.__context__
        self._refuse(problem if isinstance(problem, ProblemError) else NOT_HTTP)

    def shutdown(self) -> None:
        """Close the connection once its requests have their answers."""
        if self.is_ending:
            self._socket.close()
        elif self in self._shared.idle:
            self._is_last = True
            self.loop.call_later(LAST_REQUEST_S, self._close_if_idle)
        else:
            super().shutdown()

    def end(self) -> None:
        """Close the connection, but let a client that still sends read its answer first."""
        if self.is_ending:
            return
        self.is_ending = True
        self._stop_head_timer()
        self._stop_running()
        self._end_in(LINGER_S)
        if self._in_message:
            self._be_idle()
            self._socket.write_eof()
            self.flow.resume_reading()
        else:
            self._socket.close()

    def abort(self) -> None:
        """Close the connection at once."""
        self._shared.idle.pop(self, None)
        self._shared.sending.pop(self, None)
        self._socket.abort()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _stop_running(self) -> None:
        """Tell the request that runs, if any, that nobody waits for its answer."""
        # uvicorn tells only the last one of several requests.
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()

    def _be_idle(self) -> None:
        self._shared.idle[self] = None

    def _close_if_idle(self) -> None:
        if self in self._shared.idle:
            self._socket.close()

    def _await_head(self) -> None:
        if self._head_timer is None:
            timeout_s = self._shared.head_timeout_s
            self._head_timer = self.loop.call_later(timeout_s, self._refuse, SLOW_HEAD)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _end_in(self, seconds: float) -> None:
        if self._end_timer is None:
            self._end_timer = self.loop.call_later(seconds, self._socket.abort)

    def _stop_end_timer(self) -> None:
        if self._end_timer is not None:
            self._end_timer.cancel()
            self._end_timer = None

    def _refuse(self, problem: ProblemError) -> None:
        """Answer that a request cannot be read, and close the connection."""
        if self.transport.is_closing():
            return
        request_id = token_hex(8)
        response = respond(problem, "", request_id)
        response.headers.update({**HEADERS, REQUEST_ID: request_id, "connection": "close"})
        fields = [b"%s: %s\r\n" % field for field in response.raw_headers]
        self._socket.write(
            b"".join([STATUS_LINE[problem.status], *fields, b"\r\n", bytes(response.body)])
        )
        # What is wrong has no end that one could wait for.
        self._in_message = True
        self.end()


class _Transport:
    """A transport whose ``close`` is ``BoundedProtocol.end``."""

    def __init__(self, transport: asyncio.Transport, protocol: BoundedProtocol) -> None:
        self._transport, self._protocol = transport, protocol

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """Whether nothing more can be written."""
        return self._protocol.is_ending or self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Write, unless the client has had its last answer."""
        if not self.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """See ``BoundedProtocol.end``."""
        self._protocol.end()
