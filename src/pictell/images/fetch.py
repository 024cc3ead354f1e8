"""The only code that downloads pictures.

A URL may come from somebody else: it may name a host in the user's own network, or a server that
sends one byte a minute or never stops. So pictell judges the resolved addresses, those of every
redirect too; it connects to a judged address and to no other; and one deadline and one limit of
bytes bound the whole download.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from typing import cast

from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

from pictell.errors import (
    AddressRefusedError,
    BadResponseError,
    HttpStatusError,
    OutOfMemoryError,
)
from pictell.images.addresses import Hop, IPAddress, follow, is_public, parse_proxy, parse_url
from pictell.images.connection import (
    CHUNK_BYTES,
    Deadline,
    Wire,
    connect,
    look_up,
    status_text,
    too_large,
)
from pictell.images.read import Reserve, reserve_nothing
from pictell.options import Limits
from pictell.types import Url
from pictell.version import __version__

_PORTS = (80, 443, 8080, 8443)  # web servers use these; other protocols use the others
_REDIRECTS = (301, 302, 303, 307, 308)  # RFC 9110 §15.4
_MAX_REDIRECTS = 5
_REMEDY = "--allow-private (allow_private=True) permits it"
_NO_REMEDY = "a redirect never leads there"


def fetch(
    url: Url,
    limits: Limits = Limits(),
    *,
    proxy: str | None = None,
    reserve: Reserve = reserve_nothing,
) -> bytes:
    """Download the bytes of ``url``, whatever type the server declares.

    The download takes at most ``limits.timeout_s`` seconds, from the name lookup to the last byte,
    with all redirects (at most 5), and keeps at most ``limits.max_bytes`` bytes. pictell sends
    neither credentials nor cookies to the host.

    ``proxy`` is ``http://[USER:PASSWORD@]HOST[:PORT]``; pictell ignores the proxies that the
    environment names. Host names are resolved on this machine, and the proxy gets the address.
    ``reserve`` is called with the size of each piece of the body before the piece is kept. It may
    block; that time does not count towards the deadline.

    Raises ``UsageError`` for a malformed proxy, ``AddressRefusedError``, ``HostUnreachableError``,
    ``FetchTimeoutError``, ``HttpStatusError``, ``BadResponseError``, ``BodyTooLargeError`` or
    ``OutOfMemoryError``.
    """
    deadline = Deadline(limits.timeout_s)
    tunnel = None if proxy is None else parse_proxy(proxy)
    hop = parse_url(url.text)
    guard = _Guard(hop.host if url.allow_private else None, deadline)
    for _ in range(1 + _MAX_REDIRECTS):
        with (
            connect(hop, guard.admit(hop), deadline, tunnel) as sock,
            _get(hop, Wire(sock, deadline, limits.max_bytes)) as response,
        ):
            if response.status not in _REDIRECTS:
                return _read_body(response, limits.max_bytes, deadline, reserve)
            location = response.headers.get("location")
        if not location:
            raise BadResponseError("the server sent a redirect without a location")
        hop = follow(hop, location)
    raise BadResponseError(f"the server sent more than {_MAX_REDIRECTS} redirects")


class _Guard:
    """Judges every hop. It looks each name up only once, so that no answer can change later."""

    def __init__(self, trusted_host: str | None, deadline: Deadline) -> None:
        self._trusted_host = trusted_host
        self._deadline = deadline
        self._addresses: dict[str, list[IPAddress]] = {}

    def admit(self, hop: Hop) -> list[IPAddress]:
        """The addresses of the hop's host. Raises ``AddressRefusedError`` if one is private."""
        trusted = hop.host == self._trusted_host
        remedy = _NO_REMEDY if self._addresses else _REMEDY
        if not trusted and hop.port not in _PORTS:
            raise AddressRefusedError(f"port {hop.port} of {hop.host} is refused; {remedy}")
        if hop.host not in self._addresses:
            self._addresses[hop.host] = look_up(hop.host, self._deadline)
        addresses = self._addresses[hop.host]
        public = [address for address in addresses if is_public(address)]
        if not trusted and public != addresses:
            raise AddressRefusedError(f"{hop.host} is a private or reserved host; {remedy}")
        # If a trusted host has public and private addresses, only the public ones are used: its
        # public server could redirect to a port that only the private one answers on.
        return public or addresses


@contextmanager
def _get(hop: Hop, wire: Wire) -> Iterator[HTTPResponse]:
    """The server's response to a GET. Its body is not read yet."""
    headers = {
        "Host": hop.authority,
        "User-Agent": f"pictell/{__version__}",
        "Accept": "image/*",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    connection = HTTPConnection(hop.host, hop.port)
    connection.auto_open = 0  # it must never look up the host and connect itself
    connection.sock = cast("socket.socket", wire)
    try:
        connection.request("GET", hop.target, headers=headers, preload_content=False)
        yield connection.getresponse()
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        raise BadResponseError("the response broke off or is not valid HTTP") from error
    except MemoryError as error:
        raise OutOfMemoryError("not enough memory for the download") from error


def _read_body(
    response: HTTPResponse, max_bytes: int, deadline: Deadline, reserve: Reserve
) -> bytes:
    if response.status != 200:
        status = status_text(response.status, response.reason)
        raise HttpStatusError(f"the server answered {status}", status_code=response.status)
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise BadResponseError("the server sent a compressed body, which pictell does not accept")
    if (response.length_remaining or 0) > max_bytes:
        raise too_large(max_bytes)
    body = io.BytesIO()
    while chunk := response.read(CHUNK_BYTES):
        if body.tell() + len(chunk) > max_bytes:
            raise too_large(max_bytes)
        with deadline.paused():
            reserve(len(chunk))
        body.write(chunk)
    if not body.tell():
        # http.client takes headers that break off for complete ones without a body.
        raise BadResponseError("the server sent an empty body")
    return body.getvalue()
