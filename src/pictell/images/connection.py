"""A connection to a host, directly or through a proxy, that ends at its deadline."""

from __future__ import annotations

import io
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from http.client import HTTPException
from http.client import HTTPResponse as TunnelResponse
from ipaddress import ip_address
from typing import TYPE_CHECKING, cast

import truststore

from pictell.errors import BodyTooLargeError, FetchTimeoutError, HostUnreachableError
from pictell.images.addresses import Hop, IPAddress, Proxy

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

CHUNK_BYTES = 64 * 1024
_MAX_HEAD_BYTES = 1024 * 1024
_MAX_REASON_CHARS = 80


class Deadline:
    """The time at which a download must be finished. Each wait gets the time left until then."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._end_s = time.monotonic() + timeout_s

    def remaining_s(self) -> float:
        """The seconds left. Raises ``FetchTimeoutError`` if none are."""
        left_s = self._end_s - time.monotonic()
        if left_s <= 0:
            raise self.error()
        return left_s

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Extend the deadline by the time that the block takes."""
        started_s = time.monotonic()
        yield
        self._end_s += time.monotonic() - started_s

    def error(self) -> FetchTimeoutError:
        """The error for a download that did not finish in time."""
        message = f"the download did not finish within {self._timeout_s:g} s"
        return FetchTimeoutError(message, timeout_s=self._timeout_s)


def look_up(host: str, deadline: Deadline, role: str = "host") -> list[IPAddress]:
    """The addresses of a host name. Raises ``HostUnreachableError`` or ``FetchTimeoutError``."""
    lookup: Future[list[str]] = Future()

    def resolve() -> None:
        try:
            records = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            lookup.set_result([str(sockaddr[0]) for *_, sockaddr in records])
        except Exception as error:
            lookup.set_exception(error)

    wait_s = deadline.remaining_s()
    try:
        # The system's resolver takes no timeout. If it hangs, its thread is left behind.
        threading.Thread(target=resolve, name="pictell-look-up", daemon=True).start()
        addresses = lookup.result(wait_s)
    except TimeoutError:
        raise deadline.error() from None
    except (OSError, ValueError, RuntimeError) as error:
        raise HostUnreachableError(f"the {role} does not resolve: {_reason(error)}") from error
    return [ip_address(address) for address in dict.fromkeys(addresses)]


@contextmanager
def connect(
    hop: Hop, addresses: list[IPAddress], deadline: Deadline, proxy: Proxy | None
) -> Iterator[socket.socket]:
    """A connection to the first of ``addresses`` that answers, with TLS if the hop is https.

    With a proxy, the proxy is asked to connect to the address, never to the host's name: a name
    could have another address there.
    """
    if proxy is None:
        connection = _dial(addresses, hop.port, deadline)
    else:
        connection = _open_tunnel(proxy, addresses, hop.port, deadline)
    with connection as sock:
        if hop.scheme == "http":
            yield sock
        else:
            with _start_tls(sock, hop.host, deadline) as tls_sock:
                yield tls_sock


def _dial(
    addresses: list[IPAddress], port: int, deadline: Deadline, role: str = "host"
) -> socket.socket:
    error = OSError(0, "it has no address")
    for index, address in enumerate(addresses):
        # An address that does not answer must leave time for the others.
        share_s = deadline.remaining_s() / (len(addresses) - index)
        try:
            return socket.create_connection((str(address), port), share_s)
        except OSError as refusal:
            error = refusal
    if isinstance(error, TimeoutError):
        raise deadline.error() from error
    raise HostUnreachableError(f"the {role} cannot be reached: {_reason(error)}") from error


def _open_tunnel(
    proxy: Proxy, addresses: list[IPAddress], port: int, deadline: Deadline
) -> socket.socket:
    """A connection through the proxy to the first of ``addresses`` that it connects to."""
    proxy_addresses = look_up(proxy.host, deadline, "proxy")
    answer = "the host has no address"
    for address in addresses:
        with ExitStack() as stack:
            sock = stack.enter_context(_dial(proxy_addresses, proxy.port, deadline, "proxy"))
            target = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
            status, answer = _request_tunnel(Wire(sock, deadline, max_bytes=0), target, proxy)
            if 200 <= status < 300:
                stack.pop_all()
                return sock
    raise HostUnreachableError(f"the proxy does not connect to the host: {answer}")


def _request_tunnel(wire: Wire, target: str, proxy: Proxy) -> tuple[int, str]:
    """The proxy's status, as a number and in words (CONNECT: RFC 9110 §9.3.6)."""
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.authorization is not None:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    try:
        wire.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
        response = TunnelResponse(cast("socket.socket", wire), method="CONNECT")
        response.begin()
    except (HTTPException, OSError, ValueError, BodyTooLargeError) as error:
        raise HostUnreachableError("the proxy's answer broke off or is not valid HTTP") from error
    return response.status, status_text(response.status, response.reason)


def _start_tls(sock: socket.socket, host: str, deadline: Deadline) -> ssl.SSLSocket:
    sock.settimeout(deadline.remaining_s())
    try:
        return _tls_context().wrap_socket(sock, server_hostname=host)
    except TimeoutError:
        raise deadline.error() from None
    except (OSError, ValueError) as error:
        raise HostUnreachableError(f"the TLS handshake failed: {_reason(error)}") from error


def _tls_context() -> ssl.SSLContext:
    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Wire(io.RawIOBase):
    """The methods of a socket that http.client uses, with bounded waits and bytes.

    It counts the bytes although the body is counted too: http.client reads a chunk of size -1
    without end. Chunking may add an eighth. Whoever opened the socket closes it.
    """

    def __init__(self, sock: socket.socket, deadline: Deadline, max_bytes: int) -> None:
        self._sock = sock
        self._deadline = deadline
        self._max_bytes = max_bytes
        self._left_bytes = max_bytes + max_bytes // 8 + _MAX_HEAD_BYTES

    def makefile(self, mode: str) -> io.BufferedReader:
        """A reader of what the server sends."""
        return io.BufferedReader(self, CHUNK_BYTES)

    def readable(self) -> bool:
        """See ``io.RawIOBase``."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """See ``io.RawIOBase``. Raises ``FetchTimeoutError`` or ``BodyTooLargeError``."""
        with self._bounded_wait():
            received = self._sock.recv_into(buffer)
        self._left_bytes -= received
        if self._left_bytes < 0:
            raise too_large(self._max_bytes)
        return received

    def sendall(self, data: ReadableBuffer) -> None:
        """Send all of ``data``. Raises ``FetchTimeoutError``."""
        with self._bounded_wait():
            self._sock.sendall(data)

    def settimeout(self, timeout_s: float | None) -> None:
        """Do nothing: the deadline alone decides."""

    def close(self) -> None:
        """Do nothing: http.client closes before the body is read."""

    @contextmanager
    def _bounded_wait(self) -> Iterator[None]:
        self._sock.settimeout(self._deadline.remaining_s())
        try:
            yield
        except TimeoutError:
            raise self._deadline.error() from None


def too_large(max_bytes: int) -> BodyTooLargeError:
    """The error for a body of more than ``max_bytes``."""
    message = f"the body is larger than {max_bytes} bytes (--max-bytes)"
    return BodyTooLargeError(message, max_bytes=max_bytes)


def status_text(status: int, reason: str | None) -> str:
    """A status with the server's words for it, on one short line: ``404 Not Found``."""
    return f"{status} {' '.join((reason or '').split())[:_MAX_REASON_CHARS]}".rstrip()


def _reason(error: Exception) -> str:
    """The part of an exception of ssl, socket or a codec that users understand."""
    for name in ("verify_message", "reason", "strerror"):
        if text := getattr(error, name, None):
            return str(text)
    return type(error).__name__
