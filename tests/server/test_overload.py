"""More work than the server takes: some is refused, none is lost, and places become free again."""

import io
import json
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import urllib3
from PIL import Image

from serving import CAT, HOST, Server, serving
from waiting import wait_until

HEAD = b"POST /v1/classify HTTP/1.1\r\nHost: localhost\r\n"
MB = 1024 * 1024


@pytest.fixture(scope="module")
def slow_picture() -> bytes:
    """A picture that takes some tenths of a second."""
    buffer = io.BytesIO()
    Image.new("RGB", (9000, 9000)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def small() -> Iterator[Server]:
    """A server that takes little."""
    with serving(
        "--max-queue", "4", "--max-buffered", str(8 * 1024**2), "--max-body", str(6 * 1024**2)
    ) as server:
        yield server


def queue(server: Server) -> float:
    lines = server.get("/metrics").data.decode().splitlines()
    return float(next(one.split()[1] for one in lines if one.startswith("pictell_queue_pictures ")))


def test_what_is_too_much_is_refused_and_the_rest_finishes(
    small: Server, slow_picture: bytes
) -> None:
    with ThreadPoolExecutor(24) as pool:
        work = [pool.submit(small.post, "/v1/classify", body=slow_picture) for _ in range(24)]
        answers = [one.result() for one in work]
    statuses = Counter(one.status for one in answers)
    assert set(statuses) == {200, 503}
    assert statuses[200] >= 4
    refused = next(one for one in answers if one.status == 503)
    assert refused.json()["code"] == "overloaded"
    assert int(refused.headers["retry-after"]) > 0
    assert queue(small) == 0


def test_a_request_of_more_pictures_than_the_queue_takes(small: Server) -> None:
    fields = [("images", ("a", CAT.read_bytes()))] * 5
    answer = small.post("/v1/classify", fields=fields)
    # Another try would end as this one.
    assert (answer.status, answer.json()["code"]) == (413, "too_many_pictures")
    assert "more than 4 pictures" in answer.json()["detail"]


def test_a_client_that_leaves_frees_its_places(small: Server, slow_picture: bytes) -> None:
    with ExitStack() as stack:
        for _ in range(4):
            client = stack.enter_context(socket.create_connection((HOST, small.port)))
            client.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(slow_picture) + slow_picture)
        wait_until(lambda: queue(small) == 4)
    wait_until(lambda: queue(small) == 0)
    assert small.classify() == "tiger cat"


def test_bodies_that_wait_have_a_limit_together(small: Server) -> None:
    with ExitStack() as stack:
        for _ in range(2):
            client = stack.enter_context(socket.create_connection((HOST, small.port)))
            client.sendall(
                HEAD + b"Content-Length: %d\r\n\r\n" % (5 * MB) + bytes(4 * MB - 100_000)
            )
        # Nothing tells when they have arrived.
        time.sleep(1)
        answer = small.post("/v1/classify", body=bytes(MB))
        assert answer.json()["code"] == "overloaded"
        assert answer.headers["retry-after"]
    wait_until(lambda: small.post("/v1/classify", body=CAT.read_bytes()).status == 200)


def test_a_request_has_a_deadline(slow_picture: bytes) -> None:
    with serving("--request-timeout", "0.1") as server:
        answer = server.post("/v1/classify", body=slow_picture)
        assert (answer.status, answer.json()["code"]) == (503, "deadline")
        wait_until(lambda: queue(server) == 0)
        wait_until(lambda: is_fine(server.post("/v1/classify", body=CAT.read_bytes())))


def is_fine(answer: urllib3.BaseHTTPResponse) -> bool:
    return answer.status == 200 and "predictions" in json.loads(answer.data)
