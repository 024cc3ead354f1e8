"""The pictures of a request: a raw body, a form, or JSON. The bytes decide what they are."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import msgspec
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from pictell.places import DataUrl, Url, is_data_url
from pictell.server.admission import Held
from pictell.server.problems import ProblemError
from pictell.server.settings import Settings
from pictell.types import Source

ONE, SEVERAL = "image", "images"
MAX_NAME = 255
MAX_FORM_PARTS = 100
# A JSON body of empty objects would become 20 times as large. Names may have braces, too.
MAX_BRACES = 10_000


@dataclass(frozen=True, slots=True)
class Pictures:
    """The pictures of a request. ``several``: the answer is a list, even of one result."""

    sources: list[Source]
    several: bool


class _Picture(msgspec.Struct, forbid_unknown_fields=True):
    """A picture in JSON: one of ``url`` and ``base64``."""

    url: str | None = None
    base64: bytes | None = None
    name: str | None = None


class _Body(_Picture, forbid_unknown_fields=True):
    """A JSON body: one picture, or a list of them."""

    images: list[_Picture] | None = None


_DECODER = msgspec.json.Decoder(_Body)


async def read_body(request: Request, settings: Settings, held: Held) -> bytes:
    """The body of a request, whose bytes are held while it lasts.

    Raises ``ProblemError`` for one that is too long, too slow or compressed.
    """
    if request.headers.get("content-encoding", "identity").lower() not in {"", "identity"}:
        raise ProblemError(415, "compressed_body", "the body is compressed: send it as it is")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > settings.max_body_bytes:
        raise _too_long(settings)
    body = bytearray()
    try:
        async with asyncio.timeout(settings.body_timeout_s):
            async for chunk in request.stream():
                if len(body) + len(chunk) > settings.max_body_bytes:
                    raise _too_long(settings)
                held.add(len(chunk))
                body += chunk
    except TimeoutError:
        message = f"the body did not arrive within {settings.body_timeout_s:g} s"
        raise ProblemError(408, "request_timeout", message, {"connection": "close"}) from None
    except ClientDisconnect:
        raise ProblemError(
            499, "client_closed_request", "the client closed the connection"
        ) from None
    return bytes(body)


def parse_pictures(
    content_type: str, body: bytes, name: str | None, settings: Settings
) -> Pictures:
    """The pictures in a body. Raises ``ProblemError``."""
    if not body:
        raise ProblemError(400, "no_picture", "the body is empty: send a picture")
    kind, options = parse_options_header(content_type)
    if kind == "multipart/form-data":
        pictures = _from_form(body, options.get("boundary", ""), settings)
    elif kind == "application/json":
        pictures = _from_json(body, settings)
    elif kind == "application/x-www-form-urlencoded" and body[:1] in {b"{", b"["}:
        message = "this looks like JSON: send it with the header Content-Type: application/json"
        raise ProblemError(415, "unsupported_media_type", message)
    else:
        pictures = Pictures([Source(_shown(name, "body"), body)], several=False)
    if len(pictures.sources) > settings.most_pictures:
        raise _too_many(settings)
    return pictures


def _from_form(body: bytes, boundary: str, settings: Settings) -> Pictures:
    parts = list[tuple[str, Source]]()
    try:
        with PushMultipartParser(
            boundary, len(body), max_segment_count=MAX_FORM_PARTS, strict=True
        ) as parser:
            segment, content = None, list[bytes]()
            for event in parser.parse(body):
                if isinstance(event, MultipartSegment):
                    segment, content = event, []
                elif event:
                    content.append(bytes(event))
                elif segment is not None:
                    shown = _shown(segment.filename, segment.name)
                    parts.append((segment.name, Source(shown, b"".join(content))))
    except (MultipartError, ValueError) as error:
        # The library may give what it was raised from as a second argument.
        message = f"the form cannot be read: {error.args[0] if error.args else error}"
        raise ProblemError(400, "bad_form", message) from error
    names = {field for field, _ in parts}
    if not names or names - {ONE, SEVERAL}:
        wrong = ", ".join(sorted(names - {ONE, SEVERAL}))[:MAX_NAME] or "none"
        message = f"the form has the fields {wrong}: name the picture {ONE}, or several {SEVERAL}"
        raise ProblemError(400, "bad_form", message)
    sources = [source for _, source in parts]
    if SEVERAL not in names and len(sources) > 1:
        raise ProblemError(
            400, "bad_form", f"several pictures: name the fields {SEVERAL}, not {ONE}"
        )
    return Pictures(sources, SEVERAL in names)


def _from_json(body: bytes, settings: Settings) -> Pictures:
    if body.count(b"{") > MAX_BRACES:
        raise _too_many(settings)
    try:
        found = _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(400, "bad_json", f"the JSON cannot be read: {error}") from error
    if found.images is None:
        return Pictures([_source(found, settings)], several=False)
    if (found.url, found.base64, found.name) != (None, None, None):
        raise ProblemError(400, "bad_json", "images is a list of pictures: give nothing beside it")
    if not found.images:
        raise ProblemError(400, "no_picture", "images is an empty list: send a picture")
    return Pictures([_source(one, settings) for one in found.images], several=True)


def _source(picture: _Picture, settings: Settings) -> Source:
    if picture.url is not None and picture.base64 is None:
        if is_data_url(picture.url):
            # It holds the picture itself: nothing is fetched.
            data = DataUrl(picture.url)
            return Source(_shown(picture.name, data.public_text), data)
        if not settings.fetch:
            message = "this server fetches no URLs (--fetch allows it): send the picture itself"
            raise ProblemError(403, "fetching_off", message)
        url = Url(picture.url, only_hosts=settings.fetch_hosts)
        return Source(_shown(picture.name, url.public_text), url)
    if picture.base64 is not None and picture.url is None:
        return Source(_shown(picture.name, "base64"), picture.base64)
    raise ProblemError(400, "bad_json", "a picture has either url or base64")


def _shown(name: str | None, otherwise: str) -> str:
    return name[:MAX_NAME] if name else otherwise


def _too_long(settings: Settings) -> ProblemError:
    message = f"the body is longer than the {settings.max_body_bytes} bytes allowed (--max-body)"
    return ProblemError(413, "body_too_large", message, {"connection": "close"})


def _too_many(settings: Settings) -> ProblemError:
    message = f"more than {settings.most_pictures} pictures in one request: send several requests"
    return ProblemError(413, "too_many_pictures", message)
