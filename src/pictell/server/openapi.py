"""The description of the routes as OpenAPI 3.1, for programs and for the page of the docs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pictell.results import Result
from pictell.version import __version__

DOCUMENT = Path(__file__).with_name("openapi.json")


def routes() -> list[Route]:
    """The route of the description."""
    found = document()

    async def openapi(request: Request) -> Response:
        return JSONResponse(found)

    return [Route("/openapi.json", openapi)]


def document() -> dict[str, Any]:
    """The description, with the schema of results and the version of pictell."""
    found: dict[str, Any] = json.loads(DOCUMENT.read_bytes())
    found["info"]["version"] = __version__
    schema = Result.json_schema()
    # A part of a document has no identity of its own.
    for key in ("$id", "$schema"):
        del schema[key]
    found["components"]["schemas"]["Result"] = schema
    return found
