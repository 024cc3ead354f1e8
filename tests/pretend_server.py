"""A server that answers as a test says, over real sockets, in place of ``pictell serve``."""

import contextlib
import json
import socketserver
import ssl
import threading
from collections.abc import Callable
from typing import Any

MODEL = {"name": "default", "model": "pretended", "embedding": True, "answers": True}
RESULT = {
    "source": "body",
    "model": "pretended",
    "status": "sure",
    "answer": {"name": "cat", "score": 0.9, "id": "0", "path": ["cat"], "classes": [0]},
    "predictions": [{"label": "cat", "score": 0.9, "class_index": 0, "synset": None}],
    "width": 4,
    "height": 3,
    "timings": {"read_ms": 1, "decode_ms": 1.5, "preprocess_ms": 1, "run_ms": 1, "total_ms": 4.5},
}
Answer = bytes | Callable[["Handler"], object]


def http(body: object, status: str = "200 OK", *headers: str) -> bytes:
    """A whole response: of bytes as they are, of anything else as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *headers, "", "")
    return "\r\n".join(lines).encode() + content


def problem(status: str, code: str, detail: str, *headers: str) -> bytes:
    body = {"status": int(status.split()[0]), "code": code, "detail": detail}
    return http(body, status, "Content-Type: application/problem+json", *headers)


class PretendServer(socketserver.ThreadingTCPServer):
    """Lists a model, and answers pictures with ``answers`` in turn; the last one stays."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self,
        *answers: Answer,
        models: Answer = http({"models": [MODEL]}),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.answers, self.models = [*answers], models
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.closing = threading.Event()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server_address[1]}"
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    def next_answer(self, head: str, body: bytes) -> Answer:
        with self._lock:
            self.heads.append(head)
            if "/v1/models" in head.split()[1]:
                return self.models
            self.bodies.append(body)
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def __enter__(self) -> "PretendServer":
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()


class Handler(socketserver.StreamRequestHandler):
    """Reads requests of a connection to their ends, and answers each."""

    server: PretendServer
    disable_nagle_algorithm = True

    def handle(self) -> None:
        self.server.connections += 1
        while request := self.read():
            answer = self.server.next_answer(*request)
            if callable(answer):
                answer(self)
                return
            self.wfile.write(answer)

    def read(self) -> tuple[str, bytes] | None:
        lines = list[str]()
        try:
            while line := self.rfile.readline().decode("latin-1").strip():
                lines.append(line)
            lengths = [one.split(":")[1] for one in lines if one.lower().startswith("content-len")]
            body = self.rfile.read(int(lengths[0])) if lengths else b""
        except OSError:
            return None
        return ("\n".join(lines), body) if lines else None

    def finish(self) -> None:
        with contextlib.suppress(OSError):  # the client has gone
            super().finish()


def drip(answer: bytes) -> Callable[[Any], None]:
    """The answer, a byte every tenth of a second."""

    def send(handler: Handler) -> None:
        for byte in answer:
            try:
                handler.wfile.write(bytes([byte]))
            except OSError:
                return
            if handler.server.closing.wait(0.1):
                return

    return send


def endless(handler: Handler) -> None:
    """A body of chunks without end."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    try:
        while not handler.server.closing.is_set():
            handler.wfile.write(chunk)
    except OSError:
        return


def silence(handler: Handler) -> None:
    """No answer until the test ends."""
    handler.server.closing.wait(60)


def close(handler: Handler) -> None:
    """The end of the connection without an answer."""
