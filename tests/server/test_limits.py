"""Clients that send what no browser sends: each gets a 4xx or loses its connection in time."""

import base64
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from serving import CAT, HOST, Server, serving
from waiting import wait_until

GET = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n"
CLOSE = GET + b"Connection: close\r\n"
POST = b"POST /v1/classify HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
FORM = POST + b"Content-Type: multipart/form-data; boundary=b\r\n"
PART = b'--b\r\nContent-Disposition: form-data; name="images"\r\n\r\nx\r\n'
MB = 1024 * 1024
# What a server may take more than before, once the attack is over.
MORE_MEMORY_MB = 40


@pytest.fixture(scope="module")
def strict() -> Iterator[Server]:
    """A server with short deadlines, whose memory and health stay as they were."""
    times = ("--head-timeout", "1", "--body-timeout", "1", "--request-timeout", "20")
    with serving(*times, "--max-connections", "50", "--max-body", str(4 * 1024**2)) as server:
        for _ in range(10):
            server.classify()
        yield server


@contextmanager
def connected(server: Server) -> Iterator[socket.socket]:
    with socket.create_connection((HOST, server.port), timeout=30) as client:
        yield client


def status_of(answer: bytes) -> int:
    """The status of an answer, or 0 without one."""
    return int(answer.split()[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def read_to_end(client: socket.socket) -> bytes:
    """What comes until the server closes the connection."""
    found = b""
    try:
        while received := client.recv(65536):
            found += received
    except ConnectionError:
        pass
    return found


def send(server: Server, request: bytes) -> bytes:
    """All that comes for some bytes."""
    with connected(server) as client:
        client.sendall(request)
        return read_to_end(client)


def pump(client: socket.socket, piece: bytes, most: int = 300 * MB) -> bool:
    """Send the same piece until the server stops that; return whether it did."""
    try:
        for _ in range(most // len(piece)):
            client.sendall(piece)
    except (ConnectionError, TimeoutError):
        return True
    return False


def memory_mb(server: Server) -> int:
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return int(next(one.split()[1] for one in lines if one.startswith("VmRSS"))) // 1024


@contextmanager
def unharmed(server: Server) -> Iterator[None]:
    """In the meantime the server is well, and afterwards it is as before."""
    before, over, slowest = memory_mb(server), threading.Event(), [0.0]

    def watch() -> None:
        while not over.wait(0.05):
            started = time.perf_counter()
            assert server.get("/healthz").status == 200
            slowest.append(time.perf_counter() - started)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
    # Much more than a healthy server needs, as the machine may be busy: a bound, no measurement.
    assert max(slowest) < 5
    assert server.classify() == "tiger cat"
    assert memory_mb(server) < before + MORE_MEMORY_MB


BAD_REQUESTS = {
    "garbage": (b"\x00\xff\x01 garbage\r\n\r\n", 400),
    "the start of TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 500, 400),
    "an unknown method": (b"BREW / HTTP/1.1\r\n\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "CONNECT": (b"CONNECT example.org:80 HTTP/1.1\r\n\r\n", 400),
    "a path that is no ASCII": (b"GET /\xff HTTP/1.1\r\n\r\n", 400),
    "no path": (b"GET ?x HTTP/1.1\r\n\r\n", 400),
    "a field that is none": (GET + b"X y: 1\r\n\r\n", 400),
    "NUL in a field": (GET + b"X: a\x00b\r\n\r\n", 400),
    "a negative length": (POST + b"Content-Length: -1\r\n\r\nabc", 400),
    "a length with a sign": (POST + b"Content-Length: +3\r\n\r\nabc", 400),
    "two lengths": (POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
    "a length and chunks": (
        POST + b"Content-Length: 3\r\n" + CHUNKED[len(POST) :] + b"0\r\n\r\n",
        400,
    ),
    "a length of many digits": (POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", 400),
    "a length of all 64 bits": (POST + b"Content-Length: 18446744073709551615\r\n\r\n", 413),
    "another transfer encoding": (POST + b"Transfer-Encoding: gzip\r\n\r\nabc", 400),
    "a chunk without a size": (CHUNKED + b"zz\r\n", 400),
    "a chunk of 2^72 bytes": (CHUNKED + b"f" * 18 + b"\r\n", 400),
    "a field of 70 kB": (GET + b"X: " + b"a" * 70_000 + b"\r\n\r\n", 431),
    "a field of 200 kB": (GET + b"X: " + b"a" * 200_000 + b"\r\n\r\n", 431),
    "10,000 fields": (GET + b"a:b\r\n" * 10_000 + b"\r\n", 431),
    "two hosts": (CLOSE + b"Host: localhost\r\n\r\n", 421),
    "an origin that is no URL": (CLOSE + b"Origin: http://[\r\n\r\n", 403),
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_what_is_no_request_gets_a_problem(strict: Server, name: str) -> None:
    request, status = BAD_REQUESTS[name]
    answer = send(strict, request)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert status_of(answer) == status
    assert b"application/problem+json" in head
    assert b"content-security-policy" in head
    assert b"x-request-id" in head
    # The connection may stay open for another request, until its head is late.
    assert json.JSONDecoder().raw_decode(body.decode())[0]["status"] == status


ENDLESS = {
    "a head": (GET, b"X: " + b"a" * 1000 + b"\r\n"),
    "one field": (GET + b"X: ", b"a" * 1000),
    "a path": (b"GET /", b"a" * 1000),
    "empty lines": (b"", b"\r\n" * 1000),
    "chunks": (CHUNKED, b"fff\r\n" + b"a" * 4095 + b"\r\n"),
    "tiny chunks": (CHUNKED, b"1\r\na\r\n" * 1000),
    "a chunk's extension": (CHUNKED + b"3;", b"a" * 1000),
    "a trailer": (CHUNKED + b"0\r\n", b"a:bcdefgh\r\n" * 100),
    "one field of a trailer": (CHUNKED + b"0\r\nX: ", b"a" * 1000),
    "a body for a path that takes none": (
        b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n",
        b"a" * 10_000,
    ),
    "requests": (b"", (GET + b"\r\n") * 1000),
    "requests whose answers are long": (
        b"",
        b"GET /v1/models/default HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1000,
    ),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_never_ends_is_ended(strict: Server, name: str) -> None:
    start, piece = ENDLESS[name]
    with unharmed(strict), connected(strict) as client:
        client.sendall(start)
        assert pump(client, piece)


SLOW = {
    "a head": GET,
    "a body": POST + b"Content-Length: 9\r\n\r\na",
    "chunks": CHUNKED + b"1\r\na\r\n",
}


@pytest.mark.parametrize("name", ["nothing", *SLOW])
def test_what_comes_slowly_gets_408(strict: Server, name: str) -> None:
    with unharmed(strict), connected(strict) as client:
        client.sendall(SLOW.get(name, b""))
        answer = read_to_end(client)
        assert status_of(answer) == 408
        assert b"connection: close" in answer


@pytest.mark.parametrize("piece", [b"\r\n", b"a:"])
def test_drops_of_a_head_do_not_keep_a_connection_open(strict: Server, piece: bytes) -> None:
    with connected(strict) as client:
        client.sendall(b"" if piece == b"\r\n" else GET)
        client.settimeout(0.05)
        ended = False
        for _ in range(400):
            try:
                client.sendall(piece)
                ended = ended or not client.recv(65536)
            except TimeoutError:
                continue
            except ConnectionError:
                ended = True
            if ended:
                break
        assert ended


@pytest.mark.parametrize("length", [True, False])
def test_a_large_body_is_refused_and_its_client_reads_why(strict: Server, length: bool) -> None:
    """Most clients send the whole body before they read."""
    size = 20 * MB
    head = b"Content-Length: %d\r\n\r\n" % size if length else CHUNKED[len(POST) :]
    with unharmed(strict), connected(strict) as client:
        client.sendall(POST + head)
        for _ in range(size // MB):
            piece = b"a" * MB
            client.sendall(piece if length else b"%x\r\n%b\r\n" % (MB, piece))
        answer = read_to_end(client)
    assert status_of(answer) == 413
    assert b"body_too_large" in answer


def test_a_body_that_is_refused_is_not_asked_for(strict: Server) -> None:
    expect = b"Expect: 100-continue\r\nContent-Length: 9000000\r\nConnection: close\r\n\r\n"
    assert status_of(send(strict, POST + expect)) == 413
    other = POST.replace(b"/v1/classify", b"/nowhere")
    assert status_of(send(strict, other + expect)) == 404


def test_a_body_that_is_asked_for_is_read(strict: Server) -> None:
    picture = CAT.read_bytes()
    with connected(strict) as client:
        client.sendall(
            POST
            + b"Expect: 100-continue\r\nContent-Length: %d\r\n" % len(picture)
            + b"Connection: close\r\n\r\n"
        )
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(picture)
        assert b'"tiger cat"' in read_to_end(client)


@pytest.mark.slow
def test_a_client_that_does_not_read_loses_its_connection(strict: Server) -> None:
    """Its answers do not fit into the buffers of the system."""
    request = b"GET /v1/models/default HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with unharmed(strict), connected(strict) as client:
        started = sum(one["path"] == "/v1/models/default" for one in strict.access_log())
        for number in range(1, 300):
            client.sendall(request)
            # One after another, as several at once have a limit of their own.
            if not answered(strict, started + number):
                break
        wait_until(lambda: is_broken(client))


def answered(server: Server, count: int) -> bool:
    """Whether the server has written so many lines of answers within a second."""
    for _ in range(20):
        if sum(one["path"] == "/v1/models/default" for one in server.access_log()) >= count:
            return True
        time.sleep(0.05)
    return False


def is_broken(client: socket.socket) -> bool:
    try:
        client.send(b"\r\n")
    except ConnectionError:
        return True
    return False


def test_a_client_that_sends_no_more_gets_its_answer_or_an_end(strict: Server) -> None:
    with unharmed(strict):
        for request in (GET + b"\r\n", GET, POST + b"Content-Length: 9\r\n\r\na"):
            with connected(strict) as client:
                client.sendall(request)
                client.shutdown(socket.SHUT_WR)
                assert status_of(read_to_end(client)) in {200, 0}


def test_idle_connections_lock_nobody_out(strict: Server) -> None:
    """There are four times as many of them as the server keeps."""
    with ExitStack() as stack, unharmed(strict):
        clients = [stack.enter_context(connected(strict)) for _ in range(200)]
        assert strict.classify() == "tiger cat"
        for client in clients:
            assert status_of(read_to_end(client)) in {408, 0}


def test_unfinished_bodies_lock_nobody_out(strict: Server) -> None:
    with ExitStack() as stack, unharmed(strict):
        for _ in range(50):
            client = stack.enter_context(connected(strict))
            client.sendall(POST + b"Content-Length: 99\r\nExpect: 100-continue\r\n\r\n")
            # Now the server waits for the body.
            assert client.recv(1024).startswith(b"HTTP/1.1 100")
        assert strict.classify() == "tiger cat"


def test_several_requests_at_once_get_their_answers_in_order(strict: Server) -> None:
    paths = (b"/healthz", b"/v1/models", b"/nowhere")
    requests = [b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path for path in paths]
    answers = send(strict, b"".join(requests) + CLOSE + b"\r\n").split(b"HTTP/1.1 ")[1:]
    assert [int(one[:3]) for one in answers] == [200, 200, 404, 200]


def test_old_and_unusual_requests(strict: Server) -> None:
    old = send(strict, GET.replace(b"1.1", b"1.0") + b"\r\n")
    assert status_of(old) == 200
    upgrade = GET + b"Connection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n"
    assert status_of(send(strict, upgrade)) == 200
    assert status_of(send(strict, CLOSE.replace(b"GET /v1/models", b"OPTIONS *") + b"\r\n")) == 404


def test_a_client_that_would_rather_speak_http2(strict: Server) -> None:
    """As Java's does. Nothing can follow such a request, so the answer ends the connection."""
    picture = CAT.read_bytes()
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"
    answer = send(strict, GET + upgrade + b"\r\n")
    assert status_of(answer) == 200
    assert b"connection: close" in answer
    # Its body would be lost.
    length = b"Content-Length: %d\r\n\r\n" % len(picture)
    answer = send(strict, POST + upgrade + length + picture)
    assert status_of(answer) == 400
    assert b"leave out Upgrade" in answer


def a_body(head: bytes, body: bytes) -> bytes:
    return head + b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body)


JSON = POST + b"Content-Type: application/json\r\n"
BOMBS = {
    "100,000 parts": (FORM, PART * 50_000 + b"--b--\r\n"),
    "a part with a head of 3 MB": (FORM, b"--b\r\nA: " + b"a" * 3 * MB + b"\r\n\r\nx\r\n--b--\r\n"),
    "a part with 500,000 fields": (
        FORM,
        b"--b\r\n" + b"A: b\r\n" * 500_000 + b"\r\nx\r\n--b--\r\n",
    ),
    "a form in a form": (
        FORM,
        PART.replace(b"\r\n\r\nx", b"\r\nContent-Type: multipart/mixed\r\n\r\nx"),
    ),
    "dashes": (FORM, b"-" * 4 * MB),
    "arrays in arrays": (JSON, b"[" * 4 * MB),
    "objects in objects": (JSON, b'{"images":' * 300_000),
    "numbers": (JSON, b'{"images":[' + b"1," * MB + b"1]}"),
    "unknown numbers": (JSON, b'{"x":[' + b"1," * MB + b"1]}"),
    "empty objects": (JSON, b'{"images":[' + b"{}," * MB + b"{}]}"),
    "a long number": (JSON, b'{"base64":' + b"1" * 4 * MB + b"}"),
    "no base64": (JSON, b'{"base64":"' + b"#" * 3 * MB + b'"}'),
    "a deep picture": (
        JSON,
        b'{"base64":"' + base64.b64encode(b"\xff\xd8" + bytes(2 * MB)) + b'"}',
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused(strict: Server, name: str) -> None:
    with unharmed(strict):
        status = status_of(send(strict, a_body(*BOMBS[name])))
    assert 400 <= status < 500


def test_a_client_that_leaves_is_no_error(strict: Server) -> None:
    for request in (POST + b"Content-Length: 9\r\n\r\na", a_body(POST, CAT.read_bytes())):
        with connected(strict) as client:
            client.sendall(request)
    wait_until(lambda: b"pictell_queue_pictures 0.0" in strict.get("/metrics").data)
    wait_until(lambda: any(one["status"] == 499 for one in strict.access_log()))
    assert "Traceback" not in strict.log
