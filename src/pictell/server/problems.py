"""Errors as HTTP responses: problem+json (RFC 9457), or the form of the inference protocol."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response

from pictell.errors import (
    AddressRefusedError,
    BodyTooLargeError,
    DeadlineError,
    DecodeError,
    DecoderMissingError,
    FetchError,
    HostUnreachableError,
    ModelError,
    NotAPictureError,
    OutOfMemoryError,
    PictellError,
    PictureTooLargeError,
    SourceError,
    SourceTooLargeError,
    UnknownModelError,
    UsageError,
)

# The first class that an error is of. All others are the server's fault: 500.
STATUSES: Mapping[type[PictellError], int] = {
    UnknownModelError: 404,
    SourceTooLargeError: 413,
    BodyTooLargeError: 413,
    PictureTooLargeError: 413,
    NotAPictureError: 415,
    DecoderMissingError: 415,
    AddressRefusedError: 403,
    UsageError: 400,
    DeadlineError: 503,
    # One picture needs more memory than a decoder may have.
    OutOfMemoryError: 422,
    SourceError: 422,
    FetchError: 422,
    DecodeError: 422,
    ModelError: 500,
}
INFERENCE = "/v2"
RETRY_AFTER_S = 1
# 499 is nginx's: the log shows it, but no client is there to read it.
TITLES = {499: "Client Closed Request", **{one.value: one.phrase for one in HTTPStatus}}


class ProblemError(Exception):
    """An answer that is an error: a status, a stable code and a message of one line."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})


def to_problem(error: PictellError) -> ProblemError:
    """The problem that an error of pictell is."""
    status = next((STATUSES[kind] for kind in STATUSES if isinstance(error, kind)), 500)
    if status == 500 and not isinstance(error, ModelError):
        return ProblemError(500, "internal", "the server failed; its log says why")
    if isinstance(error, AddressRefusedError | HostUnreachableError):
        # Which of both, and why, would tell a client about names that only the server sees.
        message = "the URL leads to no host that this server fetches from"
        return ProblemError(403, AddressRefusedError.code, message)
    retry = {"retry-after": str(RETRY_AFTER_S)} if status == 503 else {}
    return ProblemError(status, error.code, error.message, retry)


def respond(problem: ProblemError, path: str, request_id: str) -> Response:
    """The response for a request to ``path``."""
    if path.startswith(INFERENCE):
        content: dict[str, str | int] = {"error": problem.message}
        media_type = "application/json"
    else:
        content = {
            "type": f"urn:pictell:problem:{problem.code}",
            "title": TITLES[problem.status],
            "status": problem.status,
            "detail": problem.message,
            "code": problem.code,
            "request_id": request_id,
        }
        media_type = "application/problem+json"
    body = json.dumps(content).encode()
    return Response(body, problem.status, problem.headers, media_type)
