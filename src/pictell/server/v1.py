"""The routes of ``/v1``: pictures in, results out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pictell.errors import UsageError
from pictell.results import Result
from pictell.server.engine import Engine, Wanted
from pictell.server.problems import ProblemError, to_problem
from pictell.server.query import Query
from pictell.server.requests import parse_pictures
from pictell.server.service import Service
from pictell.server.tensors import to_numbers

TOP_K, MAX_TOP_K = 5, 1000


def routes(service: Service) -> list[Route]:
    """The routes of ``/v1``."""

    async def classify(request: Request) -> Response:
        query = Query(request, "model", "name", "top_k", "probabilities", "embedding")
        wanted = Wanted(
            query.integer("top_k", TOP_K, MAX_TOP_K),
            query.boolean("probabilities"),
            query.boolean("embedding"),
        )
        return await _answer(service, request, query, wanted, _record)

    async def embed(request: Request) -> Response:
        query = Query(request, "model", "name")
        return await _answer(service, request, query, Wanted(1, embedding=True), _embedding_record)

    async def models(request: Request) -> Response:
        Query(request)
        described = [_describe(one) for one in service.engines.values()]
        # What a client must know before it sends a picture.
        offers = {"fetch": service.settings.fetch, "max_body": service.settings.max_body_bytes}
        return JSONResponse({"models": described} | offers)

    async def model(request: Request) -> Response:
        Query(request)
        engine = service.engine(request.path_params["name"])
        labels = [{"name": one.name, "synset": one.synset} for one in engine.spec.labels]
        return JSONResponse(_describe(engine) | {"labels": labels})

    return [
        Route("/v1/classify", classify, methods=["POST"]),
        Route("/v1/embed", embed, methods=["POST"]),
        Route("/v1/models", models),
        Route("/v1/models/{name}", model),
    ]


async def _answer(
    service: Service,
    request: Request,
    query: Query,
    wanted: Wanted,
    to_record: Callable[[Result], dict[str, Any]],
) -> Response:
    """One result or its error; or a list, in which each has its own. Raises ``ProblemError``."""
    engine, name = service.engine(query.text("model")), query.text("name")
    if wanted.embedding and engine.spec.embedding is None:
        raise ProblemError(400, UsageError.code, f"the model {engine.name} has no embedding")
    async with service.body(request) as body:
        content_type = request.headers.get("content-type", "")
        pictures = parse_pictures(content_type, body, name, service.settings)
        results = await service.classify(request, engine, pictures.sources, wanted)
    if pictures.several:
        return _json({"results": [to_record(one) for one in results]})
    (result,) = results
    if result.error is not None:
        raise to_problem(result.error)
    return _json(to_record(result))


def _json(record: dict[str, Any]) -> Response:
    # Several times as fast as Starlette's JSONResponse, on the thread that all requests share.
    return Response(msgspec.json.encode(record), media_type="application/json")


def _record(result: Result) -> dict[str, Any]:
    """What ``to_dict`` gives, with the arrays that were requested."""
    record = _to_dict(result)
    if result.probabilities is not None:
        record["probabilities"] = result.probabilities.tolist()
    if result.embedding is not None:
        record["embedding"] = to_numbers(result.embedding)
    return record


def _embedding_record(result: Result) -> dict[str, Any]:
    if result.embedding is None:
        return _to_dict(result)
    return {
        "source": result.source,
        "model": result.model,
        "embedding": to_numbers(result.embedding),
        "warnings": list(result.warnings),
    }


def _to_dict(result: Result) -> dict[str, Any]:
    """What ``to_dict`` gives, but of an error only what a client may know."""
    if result.error is None:
        return result.to_dict()
    problem = to_problem(result.error)
    return result.to_dict() | {"error": {"code": problem.code, "message": problem.message}}


def _describe(engine: Engine) -> dict[str, Any]:
    spec, scorer = engine.spec, engine.classifier.scorer
    return {
        "name": engine.name,
        "model": spec.name,
        "classes": len(spec.labels),
        "width": spec.preprocess.width,
        "height": spec.preprocess.height,
        "embedding": spec.embedding is not None,
        "answers": scorer.judges,
        "licence": spec.licence,
    }
