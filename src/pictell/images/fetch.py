"""The only code that downloads pictures.

A URL may come from somebody else: it may name a host in the user's own network, or a server that
sends one byte a minute or never stops. So pictell checks the resolved addresses, also those of
redirects, and connects to no others. One limit of time and one of bytes hold for the whole
download.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain

from urllib3.response import HTTPResponse

from pictell.errors import AddressRefusedError, BadResponseError, HttpStatusError
from pictell.images.addresses import Hop, IPAddress, follow, is_public, parse_proxy, parse_url
from pictell.images.connection import CHUNK_BYTES, Bounds, connect, exchange, look_up, status_text
from pictell.images.encodings import decode_pieces, parse_encodings
from pictell.images.formats import sniff
from pictell.options import Limits
from pictell.places import Url

_PORTS = (80, 443, 8080, 8443)  # web servers use these; other protocols use the others
_MAX_REDIRECTS = 5


def fetch(
    url: Url,
    limits: Limits = Limits(),
    *,
    proxy: str | None = None,
    reserve: Callable[[int], None] = lambda n_bytes: None,
) -> bytes:
    """Download the bytes of ``url``, whatever type the server declares.

    The download takes at most ``limits.timeout_s`` seconds, from the name lookup to the last byte,
    with all redirects (at most 5), and keeps at most ``limits.max_bytes`` bytes. They count when
    they are decoded: pictell asks for no compression, and undoes that of a server which compresses
    all the same. pictell sends neither credentials nor cookies to the host.

    ``proxy`` is ``http://[USER:PASSWORD@]HOST[:PORT]``; pictell ignores the proxies that the
    environment names. Host names are resolved on this machine, and the proxy gets the address.
    ``reserve`` is called with the size of each piece of the body before the piece is kept. It may
    block; that time does not count towards the limit.

    Raises ``FetchError``, ``OutOfMemoryError``, or ``UsageError`` for a malformed proxy.
    """
    bounds = Bounds(limits)
    tunnel = None if proxy is None else parse_proxy(proxy)
    hop = parse_url(url.text)
    trusted_host = hop.host if url.allow_private else None
    known: dict[str, list[IPAddress]] = {}
    for _ in range(1 + _MAX_REDIRECTS):
        if url.only_hosts and hop.host not in url.only_hosts:
            raise AddressRefusedError(f"{hop.host} is not among the hosts that are allowed")
        addresses = _admit(hop, hop.host == trusted_host, known, bounds)
        headers = {"Host": hop.authority, "Accept": "image/*", "Connection": "close"}
        with (
            connect(hop, addresses, bounds, tunnel) as sock,
            exchange(sock, bounds, "GET", hop.target, headers) as response,
        ):
            location = response.get_redirect_location()
            if location is False:
                return _read_body(response, bounds, reserve)
        if not location:
            raise BadResponseError("the server sent a redirect without a location")
        hop = follow(hop, location)
    raise BadResponseError(f"the server sent more than {_MAX_REDIRECTS} redirects")


def _admit(
    hop: Hop, trusted: bool, known: dict[str, list[IPAddress]], bounds: Bounds
) -> list[IPAddress]:
    """The addresses of the hop's host. Raises ``AddressRefusedError`` if one is private.

    ``known`` has the addresses of the hosts before: no answer for a name can change later.
    """
    remedy = "--allow-private (allow_private=True) permits it"
    if known:
        remedy = "a redirect never leads there"
    if not trusted and hop.port not in _PORTS:
        raise AddressRefusedError(f"port {hop.port} of {hop.host} is refused; {remedy}")
    if hop.host not in known:
        known[hop.host] = look_up(hop.host, bounds)
    addresses = known[hop.host]
    public = [address for address in addresses if is_public(address)]
    if not trusted and public != addresses:
        raise AddressRefusedError(f"{hop.host} is a private or reserved host; {remedy}")
    # If a trusted host has public and private addresses, only the public ones are used: its
    # public server could redirect to a port that only the private one answers on.
    return public or addresses


def _read_body(response: HTTPResponse, bounds: Bounds, reserve: Callable[[int], None]) -> bytes:
    if response.status != 200:
        message = f"the server answered {status_text(response)}"
        raise HttpStatusError(message, status_code=response.status)
    if (response.length_remaining or 0) > bounds.limits.max_bytes:
        raise bounds.size_error()
    body = io.BytesIO()
    for chunk in _decoded(response, bounds):
        with bounds.paused():
            reserve(len(chunk))
        body.write(chunk)
    if not body.tell():
        # http.client takes headers that break off for complete ones without a body.
        raise BadResponseError("the server sent an empty body")
    return body.getvalue()


def _decoded(response: HTTPResponse, bounds: Bounds) -> Iterator[bytes]:
    """The pieces of the body, without its encodings."""
    read = partial(response.read, CHUNK_BYTES, decode_content=False)
    pieces = _counted(iter(read, b""), bounds)
    for encoding in parse_encodings(response.headers.get("content-encoding", "")):
        head = next(pieces, b"")
        pieces = chain([head], pieces)
        # A picture is one, whatever the server declares.
        if not head or sniff(head):
            break
        pieces = _counted(decode_pieces(pieces, encoding), bounds)
    return pieces


def _counted(pieces: Iterable[bytes], bounds: Bounds) -> Iterator[bytes]:
    """The same pieces, of ``max_bytes`` at most in all. Each layer counts for itself."""
    left = bounds.limits.max_bytes
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise bounds.size_error()
        # To decode takes time, too.
        bounds.remaining_s()
        yield piece
