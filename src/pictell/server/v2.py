"""The routes of ``/v2``: the Open Inference Protocol, as KServe and Triton's clients speak it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pictell.errors import PictellError, UnknownModelError
from pictell.image_model import Prepared
from pictell.results import Result
from pictell.server.engine import Engine, Wanted
from pictell.server.inference import (
    HEADER_LENGTH,
    VERSION,
    InferenceRequest,
    parse_request,
    to_response,
)
from pictell.server.problems import ProblemError, to_problem
from pictell.server.query import Query
from pictell.server.service import Service
from pictell.server.signature import EMBEDDING, IMAGE, signature, to_tensor
from pictell.types import Source
from pictell.version import __version__

# It is parsed in a millisecond.
SHORT_BODY = 256 * 1024
EXTENSIONS = ("binary_tensor_data", "classification")
DESCRIPTION = f"Give one input: encoded pictures as {IMAGE}, or pixels. See docs/serve.md."
ONE, ONE_VERSION = "/v2/models/{name}", "/v2/models/{name}/versions/{version}"
# What Triton's clients may ask for, and why it is not here.
MISSING: Mapping[str, str] = {
    f"{ONE}/config": "models have no configuration: ask for the metadata",
    f"{ONE_VERSION}/config": "models have no configuration: ask for the metadata",
    f"{ONE}/stats": "statistics are at /metrics",
    f"{ONE_VERSION}/stats": "statistics are at /metrics",
    "/v2/repository/models/{name}/load": "models are chosen when the server starts (--model)",
    "/v2/repository/models/{name}/unload": "models are chosen when the server starts (--model)",
    "/v2/systemsharedmemory/{rest:path}": "there is no shared memory: tensors are in the body",
    "/v2/cudasharedmemory/{rest:path}": "there is no shared memory: tensors are in the body",
}


def routes(service: Service) -> list[Route]:
    """The routes of ``/v2``."""

    async def server(request: Request) -> Response:
        return JSONResponse(
            {"name": "pictell", "version": __version__, "extensions": list(EXTENSIONS)}
        )

    async def live(request: Request) -> Response:
        return JSONResponse({"live": True})

    async def ready(request: Request) -> Response:
        _check_ready(service)
        return JSONResponse({"ready": True})

    async def index(request: Request) -> Response:
        names = service.engines if service.ready else ()
        state = {"version": VERSION, "state": "READY", "reason": ""}
        return JSONResponse([{"name": name} | state for name in names])

    async def model(request: Request) -> Response:
        return JSONResponse(_metadata(_engine(service, request)))

    async def model_ready(request: Request) -> Response:
        engine = _engine(service, request)
        _check_ready(service)
        return JSONResponse({"name": engine.name, "ready": True})

    # Long bodies hold up the thread of the event loop, so they are parsed one at a time.
    turn = asyncio.Semaphore(1)

    async def infer(request: Request) -> Response:
        return await _infer(service, request, turn)

    return [
        Route("/v2", server),
        Route("/v2/health/live", live),
        Route("/v2/health/ready", ready),
        Route("/v2/repository/index", index, methods=["POST"]),
        *(Route(path, model) for path in (ONE, ONE_VERSION)),
        *(Route(f"{path}/ready", model_ready) for path in (ONE, ONE_VERSION)),
        *(Route(f"{path}/infer", infer, methods=["POST"]) for path in (ONE, ONE_VERSION)),
        *(_missing(path, message) for path, message in MISSING.items()),
    ]


def _missing(path: str, message: str) -> Route:
    async def missing(request: Request) -> Response:
        raise ProblemError(501, "not_implemented", message)

    return Route(path, missing, methods=["GET", "POST"])


def _check_ready(service: Service) -> None:
    if not service.ready:
        raise ProblemError(503, "not_ready", "the server stops")


def _engine(service: Service, request: Request) -> Engine:
    """The model of the path, whose only version is ``VERSION``. Raises ``ProblemError``."""
    Query(request)
    engine = service.engine(request.path_params["name"])
    if request.path_params.get("version", VERSION) != VERSION:
        message = f"no such version: {engine.name} has the version {VERSION}"
        raise ProblemError(404, UnknownModelError.code, message)
    return engine


def _metadata(engine: Engine) -> dict[str, Any]:
    known = signature(engine)
    return {
        "name": engine.name,
        "versions": [VERSION],
        "platform": f"pictell_{engine.spec.format}",
        "inputs": [form.metadata() for form in known.inputs],
        "outputs": [form.metadata() for form in known.outputs],
        "parameters": {"description": DESCRIPTION},
    }


async def _infer(service: Service, request: Request, turn: asyncio.Semaphore) -> Response:
    engine = _engine(service, request)
    header, most = request.headers.get(HEADER_LENGTH), service.settings.most_pictures
    async with service.body(request) as body:
        parse = partial(parse_request, body, header, signature(engine), most)
        if len(body) <= SHORT_BODY:
            asked = parse()
        else:
            async with turn:
                asked = await asyncio.to_thread(parse)
        wanted = Wanted(
            max([asked.top_k, *(one.classes for one in asked.outputs)]),
            probabilities=True,
            embedding=any(one.name == EMBEDDING for one in asked.outputs),
        )
        results = await service.classify(request, engine, _pictures(engine, asked), wanted)
    return await asyncio.to_thread(_respond, engine, asked, results)


def _pictures(engine: Engine, asked: InferenceRequest) -> list[Source] | list[Prepared]:
    if isinstance(asked.pictures, list):
        return [Source(f"{IMAGE}[{i}]", picture) for i, picture in enumerate(asked.pictures)]
    name, spec = engine.spec.input_name, engine.spec.preprocess
    return [
        Prepared(f"{name}[{i}]", 0.0, pixels[None], spec.width, spec.height, 0.0, 0.0)
        for i, pixels in enumerate(asked.pictures)
    ]


def _respond(engine: Engine, asked: InferenceRequest, results: Sequence[Result]) -> Response:
    """The response. The protocol has no errors of single pictures, so one fails the request."""
    for result in results:
        if result.error is not None:
            # It is the client's own pixels that give values that are not finite.
            raise _problem(result.error, None if isinstance(asked.pictures, list) else 422)
    record = {"model_name": engine.name, "model_version": VERSION}
    record |= {"id": asked.id} if asked.id is not None else {}
    tensors = ((to_tensor(one, results, asked.top_k), one.binary) for one in asked.outputs)
    body, json_bytes = to_response(record, tensors)
    if json_bytes is None:
        return Response(body, media_type="application/json")
    headers = {HEADER_LENGTH: str(json_bytes)}
    return Response(body, headers=headers, media_type="application/octet-stream")


def _problem(error: PictellError, status: int | None = None) -> ProblemError:
    """The problem of a picture, which names its place in the request."""
    found = to_problem(error)
    return ProblemError(
        status or found.status, found.code, f"{error.source}: {found.message}", found.headers
    )
