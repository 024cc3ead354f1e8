"""The client: pictures go to a server, results come back as from a ``Classifier``."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from functools import partial
from numbers import Integral, Real
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from pictell.errors import (
    NotAPictureError,
    PictellError,
    ServerError,
    UnknownModelError,
    UsageError,
)
from pictell.images.formats import not_a_picture
from pictell.images.read import read_content
from pictell.images.sources import Input, expand_inputs, to_source
from pictell.options import MAX_TIMEOUT_S, MIN_TIMEOUT_S, Limits
from pictell.pipeline.executor import Threads
from pictell.results import Result
from pictell.server.answers import Answers, RemoteModel
from pictell.server.remote import RemoteServer, Reply
from pictell.types import Source

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")

TOKEN_VARIABLE = "PICTELL_TOKEN"
# A limit of requests for each minute makes a client wait for up to a minute.
TIMEOUT_S = 120.0
# They keep the processors of a server busy; more only wait there. With 1, 2, 4, 8 and 16 at a time
# two processors gave 24, 48, 77, 85 and 77 pictures/s.
REQUESTS = 8
MAX_REQUESTS = 256
# Pictures that have been taken for each request, so that a slow one does not stop the others.
LOOK_AHEAD = 4
# PNG is lossless whatever its level; higher ones take longer than they save.
PNG_LEVEL = 1


def connect(
    url: str,
    *,
    token: str | None = None,
    model: str | None = None,
    timeout_s: float = TIMEOUT_S,
    requests: int = REQUESTS,
    limits: Limits = Limits(),
    allow_private: bool = False,
    proxy: str | None = None,
) -> RemoteClassifier:
    """Connect to a server that ``pictell serve`` runs, such as ``http://localhost:8000``.

    ``token`` is sent to the server; without one, that of the variable ``PICTELL_TOKEN``. ``model``
    names a model of the server; without it, the server's first one. ``timeout_s`` bounds the time
    for one picture, in seconds: a server that has too much to do, or is lost for a moment, is asked
    again until then. ``stream`` sends ``requests`` pictures at a time.

    URLs of pictures are downloaded here, with ``allow_private`` and ``proxy`` as in
    ``pictell.load``. ``limits`` bound those downloads and the bytes of a file; what a picture may
    cost in the server is for the server to say.

    Raises ``UsageError``, ``UnknownModelError``, or ``ServerError`` if the URL leads to no server.
    """
    if not isinstance(timeout_s, Real) or not MIN_TIMEOUT_S <= timeout_s <= MAX_TIMEOUT_S:
        raise UsageError(
            f"timeout_s must be in {MIN_TIMEOUT_S}..{MAX_TIMEOUT_S}, not {timeout_s!r}"
        )
    if not isinstance(requests, Integral) or not 1 <= requests <= MAX_REQUESTS:
        raise UsageError(f"requests must be in 1..{MAX_REQUESTS}, not {requests!r}")
    if proxy is not None:
        from pictell.images.addresses import parse_proxy

        parse_proxy(proxy)
    server = RemoteServer(url, _checked_token(token), float(timeout_s))
    answers = Answers(server.address)
    try:
        remote = _find(answers.models(server.request("GET", "/v1/models")), model)
    except BaseException:
        server.close()
        raise
    read = partial(_read, limits=limits, proxy=proxy)
    return RemoteClassifier(
        server, answers, remote, read, requests=int(requests), allow_private=allow_private
    )


class RemoteClassifier:
    """Labels pictures with a model of a server. Safe to use from several threads at once.

    ``pictell.connect`` makes one; ``with`` closes it. ``model`` describes the server's model.

    A picture that fails costs itself. An error that every picture would have, as when the server
    is gone, is raised, also by ``stream``: a ``ServerError``.
    """

    def __init__(
        self,
        server: RemoteServer,
        answers: Answers,
        model: RemoteModel,
        read: Callable[[Source], bytes],
        *,
        requests: int = REQUESTS,
        allow_private: bool = False,
    ) -> None:
        self.model = model
        self._server, self._answers, self._read = server, answers, read
        self._requests = requests
        self._allow_private = allow_private

    def classify(self, picture: Input, *, top_k: int = 5, probabilities: bool = False) -> Result:
        """Classify a path, URL, bytes, binary stream, PIL image or (H, W, 3) uint8 RGB array.

        A URL may be a ``data:`` URL; a bytearray or memoryview is taken as bytes. A path must be of
        a file: open a pipe or a device, and give the stream.

        ``probabilities`` adds those of all classes. Raises ``UsageError`` for another type or an
        option out of range, ``ServerError``, or the ``PictellError`` of the picture.
        """
        path = self._path("classify", **_options(top_k, probabilities=probabilities))
        source = to_source(picture, allow_private=self._allow_private)
        result = self._run(source, path, self._answers.result)
        if isinstance(result, PictellError):
            raise result
        return result

    def stream(
        self,
        pictures: Iterable[Input],
        *,
        top_k: int = 5,
        probabilities: bool = False,
        embedding: bool = False,
    ) -> Iterator[Result]:
        """Classify many pictures: lazily, in order, several at a time.

        Takes what ``classify`` takes, and folders. A picture that fails is a ``Result`` with its
        ``error``. Another thread takes pictures ahead of their results: until its result comes,
        keep a binary stream or PIL image open and an array unchanged. Give no binary stream twice.
        ``embedding`` adds that of each picture. Raises ``UsageError`` if the model has none, and
        ``ServerError``.
        """
        if embedding:
            self._check_embedding()
        options = _options(top_k, probabilities=probabilities, embedding=embedding)
        results = self._map(pictures, self._path("classify", **options), self._answers.result)
        return (
            Result(one.source or "", self.model.model, error=one)
            if isinstance(one, PictellError)
            else one
            for one in results
        )

    def embed(self, pictures: Iterable[Input]) -> NDArray[np.float32]:
        """Embeddings of pictures, shape (N, D), dtype float32; the L2 norm of each row is 1.

        Takes what ``stream`` takes. Raises the ``PictellError`` of the first picture that fails,
        ``UsageError`` for a model without an embedding and for no pictures, and ``ServerError``.
        """
        from pictell.outputs import stack

        with closing(self.embed_stream(pictures)) as rows:
            return stack(self._of_one_length(rows))

    def embed_stream(
        self, pictures: Iterable[Input]
    ) -> Generator[NDArray[np.float32] | PictellError, None, None]:
        """The embedding (D,) of each picture, float32 with an L2 norm of 1, or its error.

        Lazy, ordered and bounded as ``stream``, which with ``embedding`` also gives the warnings of
        a picture. Raises ``UsageError`` for a model without an embedding, and ``ServerError``.
        """
        self._check_embedding()
        rows = self._map(pictures, self._path("embed"), self._answers.embedding)
        return (row for row in rows)

    def close(self) -> None:
        """Close the connections. Safe to call again."""
        self._server.close()

    def __enter__(self) -> RemoteClassifier:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<RemoteClassifier {self._server.address} {self.model.name!r}>"

    def _path(self, route: str, **options: str) -> str:
        return f"/v1/{route}?{urlencode({'model': self.model.name, **options})}"

    def _map(
        self, pictures: Iterable[Input], path: str, parse: Callable[[Reply, str], T]
    ) -> Iterator[T | PictellError]:
        sources = expand_inputs(pictures, allow_private=self._allow_private)
        # Daemons, because a server that does not answer would keep the program from ending.
        threads = Threads(self._requests, LOOK_AHEAD * self._requests, daemon=True)
        return threads.map(lambda source: self._run(source, path, parse), sources)

    def _run(self, source: Source, path: str, parse: Callable[[Reply, str], T]) -> T | PictellError:
        """What the server says of a picture, or the picture's error. Raises ``ServerError``."""
        if source.box is not None:
            raise UsageError("a server takes whole pictures: cut the box out of the picture first")
        try:
            content = self._read(source)
        except PictellError as error:
            # It needs numpy, which most runs do without.
            from pictell.image_model import named

            return named(error, source.name)
        reply = self._server.request("POST", path, content)
        refused = self._answers.picture_error(reply, source.name)
        return parse(reply, source.name) if refused is None else refused

    def _check_embedding(self) -> None:
        if not self.model.embedding:
            raise UsageError(f"the model {self.model.name} has no embedding")

    def _of_one_length(
        self, rows: Iterable[NDArray[np.float32] | PictellError]
    ) -> Iterator[NDArray[np.float32] | PictellError]:
        length = None
        for row in rows:
            if not isinstance(row, PictellError):
                if length not in {None, len(row)}:
                    raise ServerError("the server answers with embeddings of different lengths")
                length = len(row)
            yield row


def _find(models: list[RemoteModel], name: str | None) -> RemoteModel:
    """The model of this name, or the first one. Raises ``UnknownModelError``."""
    if name is None:
        return models[0]
    for model in models:
        if model.name == name:
            return model
    names = ", ".join(model.name for model in models)
    raise UnknownModelError(f"the server has no model {name!r}: it has {names}")


def _checked_token(token: str | None) -> str | None:
    """The token, or that of the variable. Raises ``UsageError``, which never shows it."""
    if token is None:
        token = os.environ.get(TOKEN_VARIABLE) or None
    if token is not None:
        token = token.strip()
        if not (token and token.isascii() and token.isprintable() and " " not in token):
            raise UsageError("the token must be printable ASCII characters without spaces")
    return token


def _options(top_k: int, **wanted: bool) -> dict[str, str]:
    """The options of a request. Raises ``UsageError``."""
    if not isinstance(top_k, Integral) or top_k < 1:
        raise UsageError(f"top_k must be a whole number of 1 or more, not {top_k!r}")
    return {"top_k": str(int(top_k))} | {name: "true" for name, value in wanted.items() if value}


def _read(source: Source, *, limits: Limits, proxy: str | None) -> bytes:
    """The encoded bytes of a picture: those of a file as they are, else PNG.

    Raises the ``PictellError`` of the picture.
    """
    content = read_content(source, limits, proxy=proxy)
    if not isinstance(content, bytes):
        # Only pictures in memory need an image library here.
        from pictell.images.decode import decode

        decoded = decode(content, limits.max_pixels)
        stream = io.BytesIO()
        # What the image still knows of its file does not hold for the upright image.
        decoded.image.save(
            stream, "PNG", icc_profile=decoded.profile, exif=b"", compress_level=PNG_LEVEL
        )
        return stream.getvalue()
    if not content:
        raise NotAPictureError(not_a_picture(content))
    return content
