"""What a server answers becomes results and errors. Nothing in an answer is trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar, cast

import msgspec
from msgspec import Meta

from pictell.errors import (
    PictellError,
    ServerError,
    SourceTooLargeError,
    UnknownModelError,
    UsageError,
    error_classes,
)
from pictell.results import Answer, Prediction, Result, Status, Timings
from pictell.server.remote import Reply
from pictell.types import PictureWarning

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")

# Of these statuses the picture is the reason; all others are about every request.
PICTURE_STATUSES = frozenset({408, 413, 415, 422, 500})
MAX_MESSAGE = 300
PROBLEM = "application/problem+json"

# An L2 norm of 1, up to rounding.
Component = Annotated[float, Meta(ge=-1.001, le=1.001)]
Embedding = Annotated[list[Component], Meta(min_length=1)]
# A newer server may know other warnings.
Warnings = Annotated[tuple[Annotated[str, Meta(pattern="^[a-z_]{1,40}$")], ...], Meta(max_length=9)]
Side = Annotated[int, Meta(ge=1, le=2**31)]


class RemoteModel(msgspec.Struct, frozen=True):
    """A model of a server: its ``name`` in requests, and ``model``, its name in results.

    ``answers``: whether its results have a status.
    """

    name: str
    model: str
    embedding: bool
    answers: bool


class _Models(msgspec.Struct):
    models: Annotated[list[RemoteModel], Meta(min_length=1)]


class _Result(msgspec.Struct):
    """The fields of ``Result.to_dict``, and the arrays that were requested."""

    model: str
    status: Status | None
    answer: Answer | None
    predictions: Annotated[tuple[Prediction, ...], Meta(min_length=1)]
    width: Side
    height: Side
    timings: Timings
    warnings: Warnings = ()
    probabilities: list[Annotated[float, Meta(ge=0, le=1.001)]] | None = None
    embedding: Embedding | None = None


class _Embedding(msgspec.Struct):
    embedding: Embedding


class _Problem(msgspec.Struct):
    """The fields of problem+json that are used."""

    code: str
    detail: str


# Made here and not at their first use: msgspec 0.22 crashes if two threads at a time do that.
_MODELS = msgspec.json.Decoder(_Models)
_RESULT = msgspec.json.Decoder(_Result)
_EMBEDDING = msgspec.json.Decoder(_Embedding)
_PROBLEM = msgspec.json.Decoder(_Problem)


class Answers:
    """Reads what the server at ``address`` answers. All methods raise ``ServerError``.

    They also raise ``UsageError`` or ``UnknownModelError`` if the server says so.
    """

    def __init__(self, address: str) -> None:
        self._address = address

    def models(self, reply: Reply) -> list[RemoteModel]:
        """The models of the server; the first is its default."""
        if error := self.picture_error(reply, None):
            raise ServerError(f"the server {self._address} fails: {error.message}")
        return self._decode(reply, _MODELS).models

    def picture_error(self, reply: Reply, source: str | None) -> PictellError | None:
        """The error of the picture that was sent, if there is one."""
        if reply.status == 200:
            return None
        problem = self._problem(reply)
        if problem is None:
            if reply.status == 413:
                message = "the server, or a proxy before it, refuses a picture of so many bytes"
                return SourceTooLargeError(message, source=source)
            self._refuse(reply)
        kind = error_classes().get(problem.code, PictellError)
        message = _one_line(problem.detail)
        if reply.status in PICTURE_STATUSES:
            return kind(message, source=source)
        if issubclass(kind, UsageError | UnknownModelError):
            raise kind(message)
        if reply.status in {404, 405}:
            self._refuse(reply)
        if reply.status == 401:
            message = "its token is missing or wrong: set PICTELL_TOKEN, or token= in Python"
        raise ServerError(f"the server {self._address} refuses the request: {message}")

    def result(self, reply: Reply, source: str) -> Result:
        """The result of a picture, which gets the name ``source``."""
        found = self._decode(reply, _RESULT)
        return Result(
            source,
            found.model,
            found.status,
            found.answer,
            found.predictions,
            found.width,
            found.height,
            found.timings,
            # The type has the warnings of this version.
            cast("tuple[PictureWarning, ...]", found.warnings),
            probabilities=None if found.probabilities is None else _array(found.probabilities),
            embedding=None if found.embedding is None else _vector(found.embedding),
        )

    def embedding(self, reply: Reply, source: str) -> NDArray[np.float32]:
        """The embedding of a picture, (D,)."""
        return _vector(self._decode(reply, _EMBEDDING).embedding)

    def _decode(self, reply: Reply, decoder: msgspec.json.Decoder[T]) -> T:
        try:
            return decoder.decode(reply.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ServerError(
                f"{self._address} does not answer as pictell serve does: {_one_line(str(error))}; "
                "check the URL, and the version of the server"
            ) from error

    def _problem(self, reply: Reply) -> _Problem | None:
        """The error in an answer; ``None`` in those of proxies and of other servers."""
        if not reply.headers.get("content-type", "").startswith(PROBLEM):
            return None
        return self._decode(reply, _PROBLEM)

    def _refuse(self, reply: Reply) -> NoReturn:
        if 300 <= reply.status < 400:
            location = _one_line(reply.headers.get("location", "nowhere"))
            message = f"{self._address} redirects to {location}: give the URL of that server"
        else:
            message = (
                f"{self._address} does not answer as pictell serve does, but with {reply.words}: "
                "check the URL"
            )
        raise ServerError(message)


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_MESSAGE else f"{line[:MAX_MESSAGE]} …"


def _array(values: list[float]) -> NDArray[np.float64]:
    # Most runs need no arrays.
    import numpy as np

    return np.array(values)


def _vector(values: list[float]) -> NDArray[np.float32]:
    return _array(values).astype("float32")
