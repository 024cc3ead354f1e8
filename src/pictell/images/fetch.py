"""The only reader of foreign bytes over the network.

A URL is an instruction from somebody else: it may point into the user's own network, answer
one byte a minute, or never end. So the *resolved* addresses are judged, every redirect anew;
the connection goes to a judged address and no other; and one deadline and one byte cap bound
the whole download.
"""

from __future__ import annotations

import io
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from http.client import HTTPException
from ipaddress import ip_address
from typing import TYPE_CHECKING, cast

import truststore
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

from pictell.errors import (
    AddressRefusedError,
    BadResponseError,
    BodyTooLargeError,
    FetchTimeoutError,
    HostUnreachableError,
    HttpStatusError,
)
from pictell.images.addresses import Hop, IPAddress, follow, is_public, parse_url
from pictell.images.read import Reserve, reserve_nothing
from pictell.options import Limits
from pictell.types import Url
from pictell.version import __version__

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_PORTS = (80, 443, 8080, 8443)  # where web servers are; others belong to other protocols
_REDIRECTS = (301, 302, 303, 307, 308)  # RFC 9110 §15.4
_MAX_REDIRECTS = 5
_CHUNK_BYTES = 64 * 1024
_HEAD_BYTES = 1024 * 1024
_REASON_CHARS = 80
_LONGEST_WAIT_S = 86_400.0  # a socket refuses timeouts of more than INT_MAX milliseconds
_REMEDY = "--allow-private (allow_private=True) permits it"
_NO_REMEDY = "a redirect never leads there"


def fetch(
    url: Url,
    limits: Limits = Limits(),
    *,
    proxy: str | None = None,
    reserve: Reserve = reserve_nothing,
) -> bytes:
    """Download the bytes behind ``url``, whatever their declared type.

    Takes at most ``limits.timeout_s`` seconds from the name lookup to the last byte, all
    redirects (at most 5) included, and keeps at most ``limits.max_bytes`` bytes. Proxies of the
    environment are ignored; neither credentials nor cookies are ever sent.

    Raises AddressRefusedError, HostUnreachableError, FetchTimeoutError, HttpStatusError,
    BadResponseError or BodyTooLargeError; no other exception is meant to leave.
    """
    deadline = _Deadline(limits.timeout_s)
    hop = parse_url(url.text)
    guard = _Guard(hop.host if url.allow_private else None, deadline)
    for _ in range(1 + _MAX_REDIRECTS):
        with _ask(hop, guard.admit(hop), deadline, limits.max_bytes) as answer:
            if answer.status not in _REDIRECTS:
                return _read_body(answer, limits.max_bytes)
            location = answer.headers.get("location")
        if not location:
            raise BadResponseError("the server redirects without saying where to")
        hop = follow(hop, location)
    raise BadResponseError(f"the server redirects more than {_MAX_REDIRECTS} times")


class _Deadline:
    """The end of the whole download; every single wait gets what is left until then."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._end_s = time.monotonic() + timeout_s

    def remaining_s(self) -> float:
        left_s = self._end_s - time.monotonic()
        if left_s <= 0:
            raise self.error()
        return min(left_s, _LONGEST_WAIT_S)

    def error(self) -> FetchTimeoutError:
        return FetchTimeoutError(f"the download did not finish within {self._timeout_s:g} s")


class _Guard:
    """Judges every hop, and looks every name up only once, so that no answer can change later."""

    def __init__(self, trusted_host: str | None, deadline: _Deadline) -> None:
        self._trusted_host = trusted_host
        self._deadline = deadline
        self._addresses: dict[str, list[IPAddress]] = {}

    def admit(self, hop: Hop) -> list[IPAddress]:
        """The addresses of the hop's host. Raises AddressRefusedError if one must not be met."""
        trusted = hop.host == self._trusted_host
        remedy = _NO_REMEDY if self._addresses else _REMEDY
        if not trusted and hop.port not in _PORTS:
            raise AddressRefusedError(f"port {hop.port} of {hop.host} is refused; {remedy}")
        if hop.host not in self._addresses:
            self._addresses[hop.host] = _look_up(hop.host, self._deadline)
        addresses = self._addresses[hop.host]
        public = [address for address in addresses if is_public(address)]
        if not trusted and public != addresses:
            raise AddressRefusedError(f"{hop.host} is a private or reserved host; {remedy}")
        # Of a trusted host with both kinds only the public ones are met: else its public side
        # could redirect us to a port that only its private side answers on.
        return public or addresses


def _look_up(host: str, deadline: _Deadline) -> list[IPAddress]:
    lookup: Future[list[str]] = Future()

    def resolve() -> None:
        try:
            records = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            lookup.set_result([str(sockaddr[0]) for *_, sockaddr in records])
        except (OSError, ValueError) as error:
            lookup.set_exception(error)

    # The system's resolver knows no deadline: where it hangs, its thread is left behind.
    wait_s = deadline.remaining_s()
    threading.Thread(target=resolve, name="pictell-look-up", daemon=True).start()
    try:
        addresses = lookup.result(wait_s)
    except TimeoutError:
        raise deadline.error() from None
    except (OSError, ValueError) as error:
        raise HostUnreachableError(f"the host does not resolve: {_reason(error)}") from error
    return [ip_address(address) for address in dict.fromkeys(addresses)]


@contextmanager
def _connect(hop: Hop, addresses: list[IPAddress], deadline: _Deadline) -> Iterator[socket.socket]:
    """A connection to the first of ``addresses`` that answers, with TLS where the hop wants it."""
    with _connect_tcp(addresses, hop.port, deadline) as sock:
        if hop.scheme == "http":
            yield sock
        else:
            with _start_tls(sock, hop.host, deadline) as tls_sock:
                yield tls_sock


def _connect_tcp(addresses: list[IPAddress], port: int, deadline: _Deadline) -> socket.socket:
    error = OSError(0, "it has no address")
    for index, address in enumerate(addresses):
        # A silent address must leave time for the others.
        share_s = deadline.remaining_s() / (len(addresses) - index)
        try:
            return _dial(address, port, share_s)
        except OSError as refusal:
            error = refusal
    if isinstance(error, TimeoutError):
        raise deadline.error() from error
    raise HostUnreachableError(f"the host cannot be reached: {_reason(error)}") from error


def _dial(address: IPAddress, port: int, timeout_s: float) -> socket.socket:
    sock = socket.create_connection((str(address), port), timeout_s)
    try:
        if ip_address(sock.getpeername()[0]).packed != address.packed:
            raise AddressRefusedError("the connection leads to another address than the host's")
    except (OSError, AddressRefusedError):
        sock.close()
        raise
    return sock


def _start_tls(sock: socket.socket, host: str, deadline: _Deadline) -> ssl.SSLSocket:
    sock.settimeout(deadline.remaining_s())
    try:
        return _tls_context().wrap_socket(sock, server_hostname=host)
    except TimeoutError:
        raise deadline.error() from None
    except (OSError, ValueError) as error:
        raise HostUnreachableError(f"the TLS handshake failed: {_reason(error)}") from error


def _tls_context() -> ssl.SSLContext:
    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class _Wire(io.RawIOBase):
    """The little that http.client asks of a socket, with its waits and its bytes bounded.

    The bytes are counted here besides in the body because http.client takes a chunk of size -1
    for "all there is". Chunking may add an eighth. Whoever opened the socket closes it.
    """

    def __init__(self, sock: socket.socket, deadline: _Deadline, max_bytes: int) -> None:
        self._sock = sock
        self._deadline = deadline
        self._max_bytes = max_bytes
        self._left_bytes = max_bytes + max_bytes // 8 + _HEAD_BYTES

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self, _CHUNK_BYTES)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        with self._bounded_wait():
            received = self._sock.recv_into(buffer)
        self._left_bytes -= received
        if self._left_bytes < 0:
            raise _too_large(self._max_bytes)
        return received

    def sendall(self, data: ReadableBuffer) -> None:
        with self._bounded_wait():
            self._sock.sendall(data)

    def settimeout(self, timeout_s: float | None) -> None:
        """Nothing: the deadline alone decides."""

    def close(self) -> None:
        """Nothing: http.client closes before the body is read."""

    @contextmanager
    def _bounded_wait(self) -> Iterator[None]:
        self._sock.settimeout(self._deadline.remaining_s())
        try:
            yield
        except TimeoutError:
            raise self._deadline.error() from None


@contextmanager
def _ask(
    hop: Hop, addresses: list[IPAddress], deadline: _Deadline, max_bytes: int
) -> Iterator[HTTPResponse]:
    """The server's answer to a GET, its body still to be read."""
    headers = {
        "Host": hop.authority,
        "User-Agent": f"pictell/{__version__}",
        "Accept": "image/*",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    with _connect(hop, addresses, deadline) as sock:
        connection = HTTPConnection(hop.host, hop.port)
        connection.auto_open = 0  # it must never look up and connect by itself
        connection.sock = cast("socket.socket", _Wire(sock, deadline, max_bytes))
        try:
            connection.request("GET", hop.target, headers=headers, preload_content=False)
            yield connection.getresponse()
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            raise BadResponseError("the answer broke off or is not valid HTTP") from error


def _read_body(answer: HTTPResponse, max_bytes: int) -> bytes:
    if answer.status != 200:
        reason = " ".join((answer.reason or "").split())[:_REASON_CHARS]
        raise HttpStatusError(f"the server answered {answer.status} {reason}".rstrip())
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise BadResponseError("the server sent an encoded body, which was not asked for")
    if (answer.length_remaining or 0) > max_bytes:
        raise _too_large(max_bytes)
    body = io.BytesIO()
    while chunk := answer.read(_CHUNK_BYTES):
        body.write(chunk)
        if body.tell() > max_bytes:
            raise _too_large(max_bytes)
    if not body.tell():
        # Also what becomes of a head that breaks off: http.client takes it for a whole one.
        raise BadResponseError("the server sent an empty body")
    return body.getvalue()


def _too_large(max_bytes: int) -> BodyTooLargeError:
    return BodyTooLargeError(f"the body is larger than {max_bytes} bytes")


def _reason(error: Exception) -> str:
    """The shortest human words in an exception of ssl, socket or a codec."""
    for name in ("verify_message", "reason", "strerror"):
        if text := getattr(error, name, None):
            return str(text)
    return type(error).__name__
