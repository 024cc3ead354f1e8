"""Every request gets an id, a line in the log, and a place in the metrics."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Mapping
from secrets import token_hex

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pictell.server.metrics import Metrics

LOG = logging.getLogger("pictell.access")
REQUEST_ID = "x-request-id"
# Others could break a line of somebody's log.
_SOUND_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Paths of no route share one metric: a client could otherwise make any number of them.
NO_ROUTE = "other"


class Observe:
    """Wraps the whole application.

    A line of the log has no query, header or body, which may hold secrets.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request as ASGI says."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        given = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = given if _SOUND_ID.fullmatch(given) else token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        # An application that is cancelled sends nothing.
        status = 499

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        try:
            await self._app(scope, receive, observed)
        finally:
            seconds = time.perf_counter() - started
            self._saw(scope, status, seconds)

    def _saw(self, scope: Scope, status: int, seconds: float) -> None:
        route = scope.get("route")
        path = getattr(route, "path", NO_ROUTE)
        self._metrics.saw_request(path, scope["method"], status, seconds)
        client = scope.get("client")
        _log(
            {
                "request_id": scope["state"]["request_id"],
                "client": client[0] if client else None,
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "ms": round(seconds * 1000, 1),
            }
        )


def _log(line: Mapping[str, object]) -> None:
    """A line of JSON, in ASCII, so that no path can break it or move a cursor."""
    if LOG.isEnabledFor(logging.INFO):
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        LOG.info(json.dumps({"time": stamp, **line}))
