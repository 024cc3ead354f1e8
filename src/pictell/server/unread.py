"""A client that still sends may not see an answer, so the rest of its body is read first."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# What is read of a body that nobody needs. After that the connection is closed with the answer.
MAX_BYTES = 4 * 1024 * 1024
MAX_S = 5.0


class ReadRest:
    """Wraps an application that may answer before it has read the body of a request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request as ASGI says."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(receive)
        # Its client sends the body once somebody asks for it.
        waits = Headers(scope=scope).get("expect", "").lower() == "100-continue"

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start" and body.is_left:
                headers = MutableHeaders(scope=message)
                # An application that closes the connection does not want the rest.
                if "connection" not in headers and not (waits and not body.is_begun):
                    await body.discard()
                if body.is_left:
                    headers["connection"] = "close"
            await send(message)

        await self._app(scope, body.receive, sent)


class _Body:
    """The body of a request while it is read."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.is_left, self.is_begun = True, False

    async def receive(self) -> Message:
        """The next message, as ASGI says."""
        self.is_begun = True
        message = await self._receive()
        self.is_left = message.get("more_body", False)
        return message

    async def discard(self) -> None:
        """Read what is left, up to the limits."""
        size = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(MAX_S):
                while self.is_left and size <= MAX_BYTES:
                    size += len((await self.receive()).get("body", b""))
