"""Who may use the server: names of hosts, origins of pages, tokens, rates. And safe headers."""

from __future__ import annotations

import hmac
import time
from hashlib import sha256
from urllib.parse import urlsplit

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pictell.server import page
from pictell.server.metrics import Metrics
from pictell.server.problems import ProblemError, respond
from pictell.server.settings import Settings

# Load balancers ask these, and have no token.
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"})
# The page has to be there before its reader can give a token.
NO_TOKEN_PATHS = OPEN_PATHS | page.FILES.keys() | {"/openapi.json"}
HEADERS = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}


class Guard:
    """Refuses requests of other sites' pages, before their body is read; adds ``HEADERS``."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self._app, self._settings, self._metrics = app, settings, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request as ASGI says."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            if scope["path"] not in OPEN_PATHS:
                self._check_names(Headers(scope=scope))
        except ProblemError as problem:
            response = _refuse(problem, scope, self._metrics)
            await response(scope, receive, guarded)
        else:
            await self._app(scope, receive, guarded)

    def _check_names(self, headers: Headers) -> None:
        """A page of another site must not reach the server, also not by a name of its own."""
        host = ", ".join(headers.getlist("host"))
        if (known := self._settings.host_names) and _host_name(host) not in known:
            message = "the server is not known by this host name (--allowed-host allows it)"
            raise ProblemError(421, "wrong_host", message)
        origin = headers.get("origin")
        own = origin is None or origin.partition("://")[2] == host != ""
        if not own and not {origin, "*"} & set(self._settings.cors_origins):
            message = "pages of this origin may not use the server (--cors-origin allows it)"
            raise ProblemError(403, "wrong_origin", message)


class TokenGuard:
    """Refuses requests without a token, and those that come too often, before their body is read.

    It is behind the CORS headers: browsers ask for those without a token, and a page needs them to
    see why it is refused.
    """

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics
        self._tokens = [sha256(token.encode()).digest() for token in settings.tokens]
        self._rate: RateLimitItem | None = None
        if settings.rate_limit is not None:
            self._rate = parse(settings.rate_limit)
        # With a moving window the library would keep every address that has ever come.
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request as ASGI says."""
        try:
            if scope["type"] == "http" and scope["path"] not in NO_TOKEN_PATHS:
                self._check(scope, Headers(scope=scope))
        except ProblemError as problem:
            response = _refuse(problem, scope, self._metrics)
            await response(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _check(self, scope: Scope, headers: Headers) -> None:
        """Raises ``ProblemError``."""
        token, client = self._token(headers), scope.get("client")
        who = token or (client[0] if client else "")
        # Guesses of a token count for the address.
        if self._rate is not None and not self._limiter.hit(self._rate, who):
            reset = self._limiter.get_window_stats(self._rate, who).reset_time
            raise _too_many(self._rate, reset)
        if self._tokens and token is None:
            challenge = {"www-authenticate": 'Bearer realm="pictell"'}
            message = "the token is missing or wrong: send Authorization: Bearer TOKEN"
            raise ProblemError(401, "unauthorized", message, challenge)

    def _token(self, headers: Headers) -> str | None:
        """The hash of the token of a request, if it is known."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        given = sha256(token.strip().encode()).digest()
        # All of them are compared, each in constant time.
        matches = [hmac.compare_digest(given, known) for known in self._tokens]
        return given.hex() if scheme.lower() == "bearer" and any(matches) else None


def _refuse(problem: ProblemError, scope: Scope, metrics: Metrics) -> Response:
    metrics.saw_refusal(problem.code)
    return respond(problem, scope["path"], scope["state"]["request_id"])


def _host_name(host: str) -> str:
    """The name in a Host header, without the port, in lower case."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _too_many(rate: RateLimitItem, reset_s: float) -> ProblemError:
    wait_s = max(1, round(reset_s - time.time()))
    message = f"more than {rate} requests: try again in {wait_s} s"
    return ProblemError(429, "too_many_requests", message, {"retry-after": str(wait_s)})
