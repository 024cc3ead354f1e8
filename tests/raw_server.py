"""A real server that answers with raw bytes, and downloads from it."""

import contextlib
import re
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from pictell.images.fetch import fetch
from pictell.options import Limits
from pictell.places import Url

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 1000

Names = dict[str, list[str]]  # host names of a test: from the name to its addresses
Script = Callable[[socket.socket, bytes, threading.Event], object]


class Server(socketserver.ThreadingTCPServer):
    """Answers each connection with fixed bytes, or runs a script on its socket.

    A script gets the socket, the head of the request and an event that is set at the end.
    """

    def __init__(
        self,
        answer: bytes | Script = b"",
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.answer = answer
        self.tls = tls
        self.requests: list[bytes] = []
        self.connections = 0
        self.closing = threading.Event()
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, 0), socketserver.BaseRequestHandler)
        self.port: int = self.server_address[1]

    def url(self, path: str = "/cat.png", host: str = "127.0.0.1") -> str:
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{path}"

    def finish_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        request.settimeout(10)  # a client that neither reads nor closes must not block the run
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            if self.tls:
                request = stack.enter_context(self.tls.wrap_socket(request, server_side=True))
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                received = request.recv(65536)
                if not received:
                    return
                head += received
            self.requests.append(head)
            if callable(self.answer):
                self.answer(request, head, self.closing)
            else:
                request.sendall(self.answer)

    def __enter__(self) -> "Server":
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()


def http(body: bytes = PICTURE, *headers: str, status: str = "200 OK") -> bytes:
    """A whole response; a Content-Length among ``headers`` replaces the right one."""
    if not any(header.startswith(("Content-Length", "Transfer-Encoding")) for header in headers):
        headers = (*headers, f"Content-Length: {len(body)}")
    return "\r\n".join((f"HTTP/1.1 {status}", *headers, "", "")).encode("utf-8") + body


def moved(location: str, status: str = "302 Found") -> bytes:
    return http(b"", f"Location: {location}", status=status)


def by_path(**answers: bytes) -> Script:
    """Another response for each path, found by the last word of the path."""

    def script(sock: socket.socket, head: bytes, closing: threading.Event) -> None:
        last_word = re.findall(r"/(\w+)", head.split()[1].decode())[-1]
        sock.sendall(answers[last_word])

    return script


def get(
    text: str,
    *,
    allow_private: bool = True,
    timeout_s: float = 20,
    max_bytes: int = 10**6,
    **options: Any,
) -> bytes:
    """``fetch`` on another thread, so that one that never ends fails its test, not the run."""
    download: Future[bytes] = Future()

    def run() -> None:
        try:
            limits = Limits(timeout_s=timeout_s, max_bytes=max_bytes)
            download.set_result(fetch(Url(text, allow_private), limits, **options))
        except BaseException as error:
            download.set_exception(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        return download.result(timeout=30)
    finally:
        thread.join(5 if download.done() else 0)
