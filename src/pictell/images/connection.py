"""One HTTP exchange with a checked address, directly or through a proxy, within bounds."""

from __future__ import annotations

import io
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPException
from ipaddress import ip_address
from typing import TYPE_CHECKING, cast

import truststore
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.response import HTTPResponse

from pictell.errors import (
    BadResponseError,
    BodyTooLargeError,
    FetchTimeoutError,
    HostUnreachableError,
    OutOfMemoryError,
)
from pictell.images.addresses import Hop, IPAddress, Proxy
from pictell.options import Limits
from pictell.version import __version__

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

CHUNK_BYTES = 64 * 1024
_MAX_HEAD_BYTES = 1024 * 1024
_MAX_REASON_CHARS = 80


class Bounds:
    """The time and the bytes that a download may take, with all its redirects."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._end_s = time.monotonic() + limits.timeout_s
        # All headers together count, and chunking may add an eighth to the body.
        self._left_bytes = limits.max_bytes + limits.max_bytes // 8 + _MAX_HEAD_BYTES

    def remaining_s(self) -> float:
        """The seconds left. Raises ``FetchTimeoutError`` if none are."""
        left_s = self._end_s - time.monotonic()
        if left_s <= 0:
            raise self.timeout_error()
        return left_s

    def spend(self, n_bytes: int) -> None:
        """Count received bytes. Raises ``BodyTooLargeError``."""
        self._left_bytes -= n_bytes
        if self._left_bytes < 0:
            raise self.size_error()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Extend the time by what the block takes."""
        started_s = time.monotonic()
        yield
        self._end_s += time.monotonic() - started_s

    def timeout_error(self) -> FetchTimeoutError:
        """The error for a download that did not finish in time."""
        message = f"the download did not finish within {self.limits.timeout_s:g} s"
        return FetchTimeoutError(message, timeout_s=self.limits.timeout_s)

    def size_error(self) -> BodyTooLargeError:
        """The error for a body that is too large."""
        message = f"the body is larger than {self.limits.max_bytes} bytes (--max-bytes)"
        return BodyTooLargeError(message, max_bytes=self.limits.max_bytes)


def look_up(host: str, bounds: Bounds, role: str = "host") -> list[IPAddress]:
    """The addresses of a host name. Raises ``HostUnreachableError`` or ``FetchTimeoutError``."""
    lookup: Future[list[IPAddress]] = Future()

    def resolve() -> None:
        try:
            records = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            addresses = dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in records)
            lookup.set_result([ip_address(address) for address in addresses])
        except Exception as error:
            lookup.set_exception(error)

    with _convert_errors(f"the {role} does not resolve", bounds):
        # The system's resolver takes no timeout. If it hangs, its thread is left behind.
        threading.Thread(target=resolve, name="pictell-look-up", daemon=True).start()
        return lookup.result(bounds.remaining_s())


@contextmanager
def connect(
    hop: Hop, addresses: list[IPAddress], bounds: Bounds, proxy: Proxy | None
) -> Iterator[socket.socket]:
    """A connection to the first of ``addresses`` that answers, with TLS if the hop is https.

    Raises ``HostUnreachableError`` or ``FetchTimeoutError``.
    """
    if proxy is None:
        connection = _dial(addresses, hop.port, bounds)
    else:
        connection = _open_tunnel(proxy, addresses, hop.port, bounds)
    with connection as sock:
        if hop.scheme == "http":
            yield sock
            return
        with _convert_errors("the TLS handshake failed", bounds):
            sock.settimeout(bounds.remaining_s())
            context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            tls_sock = context.wrap_socket(sock, server_hostname=hop.host)
        with tls_sock:
            yield tls_sock


def _dial(
    addresses: list[IPAddress], port: int, bounds: Bounds, role: str = "host"
) -> socket.socket:
    failure = OSError(0, "it has no address")
    with _convert_errors(f"the {role} cannot be reached", bounds):
        for index, address in enumerate(addresses):
            # An address that does not answer must leave time for the others.
            share_s = bounds.remaining_s() / (len(addresses) - index)
            try:
                return socket.create_connection((str(address), port), share_s)
            except OSError as error:
                failure = error
        raise failure


def _open_tunnel(
    proxy: Proxy, addresses: list[IPAddress], port: int, bounds: Bounds
) -> socket.socket:
    """Ask the proxy for each address in turn (CONNECT: RFC 9110 §9.3.6).

    It never gets the name of the host, which could have another address there.
    """
    proxy_addresses = look_up(proxy.host, bounds, "proxy")
    answer = "the host has no address"
    for address in addresses:
        target = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
        with ExitStack() as stack:
            sock = stack.enter_context(_dial(proxy_addresses, proxy.port, bounds, "proxy"))
            try:
                headers = {"Host": target, **proxy.headers}
                with exchange(sock, bounds, "CONNECT", target, headers) as response:
                    if 200 <= response.status < 300:
                        stack.pop_all()
                        return sock
                    answer = status_text(response)
            except (BadResponseError, BodyTooLargeError):
                answer = "its answer broke off or is not valid HTTP"
    raise HostUnreachableError(f"the proxy does not connect to the host: {answer}")


@contextmanager
def exchange(
    sock: socket.socket,
    bounds: Bounds,
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes | None = None,
) -> Iterator[HTTPResponse]:
    """Send a request and give the response; the block reads its body.

    A server that does not read a request to its end may still have answered.

    Raises ``BadResponseError``, ``BodyTooLargeError``, ``FetchTimeoutError`` or
    ``OutOfMemoryError``, also for what the block reads.
    """
    connection = HTTPConnection("")
    connection.auto_open = 0  # it must never connect itself
    connection.sock = cast("socket.socket", _Wire(sock, bounds))
    headers = {"User-Agent": f"pictell/{__version__}", **headers}
    try:
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, target, body, headers, preload_content=False)
        yield connection.getresponse()
    except (TimeoutError, ReadTimeoutError):
        raise bounds.timeout_error() from None
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        raise BadResponseError("the response broke off or is not valid HTTP") from error
    except MemoryError as error:
        raise OutOfMemoryError("not enough memory for the download") from error


class _Wire(io.RawIOBase):
    """The methods of a socket that http.client calls, within bounds.

    The bounds count every byte, because http.client reads a chunk of size -1 without end.
    """

    def __init__(self, sock: socket.socket, bounds: Bounds) -> None:
        self._sock = sock
        self._bounds = bounds

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self, CHUNK_BYTES)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        self._sock.settimeout(self._bounds.remaining_s())
        received = self._sock.recv_into(buffer)
        self._bounds.spend(received)
        return received

    def sendall(self, data: ReadableBuffer) -> None:
        self._sock.settimeout(self._bounds.remaining_s())
        self._sock.sendall(data)

    def settimeout(self, timeout_s: float | None) -> None:
        """Do nothing: the bounds decide."""

    def close(self) -> None:
        """Do nothing: http.client closes before the body is read."""


def status_text(response: HTTPResponse) -> str:
    """A status with the server's words for it, on one short line: ``404 Not Found``."""
    words = " ".join((response.reason or "").split())
    return f"{response.status} {words[:_MAX_REASON_CHARS]}".rstrip()


@contextmanager
def _convert_errors(problem: str, bounds: Bounds) -> Iterator[None]:
    """Turn errors of ssl, socket, threading and codecs into ``FetchError``s."""
    try:
        yield
    except TimeoutError:
        raise bounds.timeout_error() from None
    except (OSError, ValueError, RuntimeError) as error:
        words = (getattr(error, name, None) for name in ("verify_message", "reason", "strerror"))
        reason = next(filter(None, words), type(error).__name__)
        raise HostUnreachableError(f"{problem}: {reason}") from error
