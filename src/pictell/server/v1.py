"""The routes of ``/v1``: pictures in, results out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pictell.errors import UsageError
from pictell.results import Result
from pictell.server.engine import Engine
from pictell.server.problems import ProblemError, to_problem
from pictell.server.query import Query
from pictell.server.requests import Pictures, parse_pictures
from pictell.server.service import Service

TOP_K, MAX_TOP_K = 5, 1000
# numpy's own text of a float32 is the shortest that is read back as the same number.
EMBEDDING_DIGITS = 9


def routes(service: Service) -> list[Route]:
    """The routes of ``/v1``."""

    async def classify(request: Request) -> Response:
        query = Query(request, "model", "name", "top_k", "probabilities", "embedding")
        engine = service.engine(query.text("model"))
        top_k, embedding = query.integer("top_k", TOP_K, MAX_TOP_K), query.boolean("embedding")
        _check_embedding(engine, wanted=embedding)
        to_results = engine.to_results(top_k, probabilities=query.boolean("probabilities"))
        pictures, outputs = await _run(service, engine, request, query.text("name"), embedding)
        return _respond(to_results(outputs), _record, pictures)

    async def embed(request: Request) -> Response:
        query = Query(request, "model", "name")
        engine = service.engine(query.text("model"))
        _check_embedding(engine, wanted=True)
        pictures, outputs = await _run(service, engine, request, query.text("name"), True)
        return _respond(engine.to_results(1)(outputs), _embedding_record, pictures)

    async def models(request: Request) -> Response:
        Query(request)
        described = [_describe(one) for one in service.engines.values()]
        # What a client must know before it sends a picture.
        offers = {"fetch": service.settings.fetch, "max_body": service.settings.max_body}
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


async def _run(
    service: Service, engine: Engine, request: Request, name: str | None, embedding: bool
) -> tuple[Pictures, Sequence[Any]]:
    """The pictures of a request, and the model's output for each. Raises ``ProblemError``."""
    async with service.body(request) as body:
        content_type = request.headers.get("content-type", "")
        pictures = parse_pictures(content_type, body, name, service.settings)
        outputs = await service.outputs(request, engine, pictures.sources, embedding=embedding)
    return pictures, outputs


def _check_embedding(engine: Engine, *, wanted: bool) -> None:
    if wanted and engine.spec.embedding is None:
        raise ProblemError(400, UsageError.code, f"the model {engine.name} has no embedding")


def _respond(
    results: Sequence[Result], to_record: Callable[[Result], dict[str, Any]], pictures: Pictures
) -> Response:
    """One result or its error; or a list, in which each has its own."""
    if pictures.several:
        return JSONResponse({"results": [to_record(one) for one in results]})
    (result,) = results
    if result.error is not None:
        raise to_problem(result.error)
    return JSONResponse(to_record(result))


def _record(result: Result) -> dict[str, Any]:
    """What ``to_dict`` gives, with the arrays that were requested."""
    record = result.to_dict()
    if result.probabilities is not None:
        record["probabilities"] = result.probabilities.tolist()
    if result.embedding is not None:
        record["embedding"] = _rounded(result.embedding)
    return record


def _embedding_record(result: Result) -> dict[str, Any]:
    record = result.to_dict()
    if result.embedding is not None:
        embedding = _rounded(result.embedding)
        return {"source": result.source, "model": result.model, "embedding": embedding}
    return record


def _rounded(vector: Any) -> list[float]:
    return [float(f"{value:.{EMBEDDING_DIGITS}g}") for value in vector.tolist()]


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
