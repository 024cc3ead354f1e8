"""A real HTTP server of files on a loopback address, which fails in chosen ways."""

import hashlib
import re
import ssl
import threading
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pictell.models.store.catalog import Download

Fault = Callable[["Handler", bytes], object]


class FileServer(ThreadingHTTPServer):
    """Serves ``files`` with ranges; each of ``faults`` answers one request instead."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None, **files: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.scheme = "https" if tls else "http"
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.files = {f"/{name}": content for name, content in files.items()}
        self.faults: deque[Fault] = deque()
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.closing = threading.Event()

    def url(self, path: str) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}/{path}"

    def download(self, path: str, **changes: Any) -> Download:
        content = self.files.get(f"/{path}", b"?")
        facts = {"bytes": len(content), "checksum": hashlib.sha256(content).hexdigest()}
        return Download(**({"url": self.url(path)} | facts | changes))

    def ranges(self) -> list[str | None]:
        return [headers.get("Range") for _, headers in self.requests]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up, or refuse our certificate, are part of the tests."""

    def __enter__(self) -> "FileServer":
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        self.server.requests.append((self.path, dict(self.headers)))
        content = self.server.files.get(self.path, b"")
        if self.server.faults:
            self.server.faults.popleft()(self, content)
        elif self.path not in self.server.files:
            self.send_error(404)
        else:
            self.serve(content)

    def serve(self, content: bytes) -> None:
        first = self.first_byte(content)
        if first >= len(content):
            self.head(416, **{"Content-Range": f"bytes */{len(content)}", "Content-Length": "0"})
        elif first:
            self.head(206, **range_of(content, first))
        else:
            self.head(200, **{"Content-Length": str(len(content))})
        self.wfile.write(content[first:])

    def first_byte(self, content: bytes) -> int:
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return int(match[1]) if match else 0

    def head(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: stderr is what tests look at."""


def range_of(content: bytes, first: int) -> dict[str, str]:
    return {
        "Content-Range": f"bytes {first}-{len(content) - 1}/{len(content)}",
        "Content-Length": str(len(content) - first),
    }


def answer(status: int, body: bytes = b"", **headers: str) -> Fault:
    """One fixed answer; underscores in the names of headers are hyphens."""

    def fault(handler: Handler, content: bytes) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if not named.keys() & {"Content-Length", "Transfer-Encoding"}:
            named["Content-Length"] = str(len(body))
        handler.head(status, **named)
        handler.wfile.write(body)

    return fault


def moved(location: str) -> Fault:
    return answer(302, Location=location)


def cut_after(count: int) -> Fault:
    """The right answer, but the connection breaks after ``count`` bytes of the body."""

    def fault(handler: Handler, content: bytes) -> None:
        first = handler.first_byte(content)
        if first:
            handler.head(206, **range_of(content, first))
        else:
            handler.head(200, **{"Content-Length": str(len(content))})
        handler.wfile.write(content[first : first + count])
        handler.close_connection = True

    return fault


def ignore_range(handler: Handler, content: bytes) -> None:
    handler.head(200, **{"Content-Length": str(len(content))})
    handler.wfile.write(content)


def stall_after(count: int) -> Fault:
    """The right answer, but no more than ``count`` bytes of the body until the server closes."""

    def fault(handler: Handler, content: bytes) -> None:
        cut_after(count)(handler, content)
        handler.wfile.flush()
        handler.server.closing.wait(60)

    return fault


def drip(handler: Handler, content: bytes) -> None:
    """The right answer, but one byte every hundredth of a second."""
    handler.head(200, **{"Content-Length": str(len(content))})
    for byte in content:
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        if handler.server.closing.wait(0.01):
            break
