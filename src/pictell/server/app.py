"""The application: models are opened, routes answer, and everything is wrapped in the limits."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from pictell.processors import available_cores
from pictell.server import openapi, page, v1, v2
from pictell.server.engine import Engine
from pictell.server.guard import Guard, TokenGuard
from pictell.server.inference import HEADER_LENGTH
from pictell.server.metrics import Metrics
from pictell.server.observe import REQUEST_ID, Observe
from pictell.server.problems import ProblemError, respond
from pictell.server.service import Service
from pictell.server.settings import Settings
from pictell.server.unread import ReadRest

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def create_app(settings: Settings) -> ASGIApp:
    """Open the models and make the application, as ASGI says. Raises a ``PictellError``."""
    metrics = Metrics()
    cores = max(1, available_cores() // settings.workers)
    engines = {name: Engine(name, load(), metrics, cores) for name, load in settings.models.items()}
    for engine in engines.values():
        engine.warm_up()
    service = Service(engines, settings, metrics)
    routed = Starlette(
        routes=[
            *_operations(service),
            *v1.routes(service),
            *v2.routes(service),
            *openapi.routes(),
            *page.routes(),
        ],
        exception_handlers=_handlers(metrics),
        lifespan=lambda app: _lifespan(service),
    )
    # It would redirect to the name and the scheme that a proxy in front hides.
    routed.router.redirect_slashes = False
    app: ASGIApp = TokenGuard(routed, settings, metrics)
    if settings.cors_origins:
        app = CORSMiddleware(
            app,
            settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", REQUEST_ID, HEADER_LENGTH],
            expose_headers=[REQUEST_ID, "Retry-After", HEADER_LENGTH],
        )
    return Observe(ReadRest(Guard(app, settings, metrics)), metrics)


def _operations(service: Service) -> list[Route]:
    """What the programs that watch a server ask."""

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(request: Request) -> Response:
        if not service.ready:
            raise ProblemError(503, "not_ready", "the server stops")
        return JSONResponse({"status": "ready"})

    async def metrics(request: Request) -> Response:
        return Response(service.metrics.text(), media_type=METRICS_TYPE)

    return [Route("/healthz", health), Route("/readyz", ready), Route("/metrics", metrics)]


@asynccontextmanager
async def _lifespan(service: Service) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    service.ready = True
    try:
        with _drained(service):
            yield
    finally:
        service.ready = False
        for engine in service.engines.values():
            await loop.run_in_executor(None, engine.close)


@contextmanager
def _drained(service: Service) -> Iterator[None]:
    """On SIGTERM, the server is not ready for a while before uvicorn stops to accept requests."""
    loop = asyncio.get_running_loop()
    stop = signal.getsignal(signal.SIGTERM)

    def on_sigterm(number: int, frame: FrameType | None) -> None:
        service.ready = False
        if callable(stop):
            loop.call_soon_threadsafe(loop.call_later, service.settings.drain_s, stop, number, None)

    signal.signal(signal.SIGTERM, on_sigterm)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, stop)


def _handlers(metrics: Metrics) -> dict[Any, Callable[[Request, Any], Awaitable[Response]]]:
    """What answers the errors that routes raise."""

    async def on_problem(request: Request, error: ProblemError) -> Response:
        metrics.saw_refusal(error.code)
        return respond(error, request.url.path, request.state.request_id)

    async def on_http(request: Request, error: HTTPException) -> Response:
        # Starlette's own: no such route, a wrong method.
        code = error.detail.lower().replace(" ", "_")
        problem = ProblemError(error.status_code, code, error.detail, error.headers)
        return await on_problem(request, problem)

    async def on_bug(request: Request, error: Exception) -> Response:
        message = "the server failed; its log says why"
        return await on_problem(request, ProblemError(500, "internal", message))

    return {ProblemError: on_problem, HTTPException: on_http, Exception: on_bug}
