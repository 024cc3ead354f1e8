"""Pictures that crash, hang or fill their decoder: each costs its own request alone."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import urllib3
from PIL import Image

from pictures import encoded, slow_jpeg
from serving import Server, serving
from system import children, work_s
from waiting import wait_until

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
TIMEOUT_S = 1


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Takes pictures of 100 MiB, but not for long."""
    with serving("--decode-timeout", str(TIMEOUT_S), "--max-body", str(100 * 1024**2)) as server:
        yield server


def code(answer: urllib3.BaseHTTPResponse) -> tuple[int, str]:
    return answer.status, str(answer.json().get("code"))


def test_a_picture_that_takes_too_long(server: Server) -> None:
    assert code(server.post("/v1/classify", body=slow_jpeg())) == (422, "decoder_timeout")
    assert server.classify() == "tiger cat"


@linux
@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_a_picture_whose_decoder_crashes(server: Server, number: signal.Signals) -> None:
    server.classify()
    before = {one: work_s(one) for one in children(server.process.pid)}
    answers = list[tuple[int, str]]()
    thread = threading.Thread(
        target=lambda: answers.append(code(server.post("/v1/classify", body=slow_jpeg())))
    )
    thread.start()

    def busy() -> list[int]:
        now = children(server.process.pid)
        return [one for one in now if work_s(one) > before.get(one, 0.5) + 0.2]

    wait_until(busy)
    os.kill(busy()[0], number)
    thread.join()
    assert answers == [(422, "decoder_crashed")]
    assert server.classify() == "tiger cat"


@linux
def test_a_picture_that_takes_too_much_memory() -> None:
    with serving("--max-memory", str(64 * 1024 * 1024)) as server:
        answer = server.post("/v1/classify", body=encoded(Image.new("RGB", (7000, 7000)), "PNG"))
        assert code(answer) == (422, "out_of_memory")
        assert server.classify() == "tiger cat"


def test_pictures_that_hang_in_all_decoders_delay_others_by_their_deadline(server: Server) -> None:
    with ThreadPoolExecutor(4) as pool:
        hanging = [pool.submit(server.post, "/v1/classify", body=slow_jpeg()) for _ in range(4)]
        assert server.classify() == "tiger cat"
        assert server.get("/healthz").status == 200
        found = {code(one.result()) for one in hanging}
    assert found == {(422, "decoder_timeout")}


@pytest.mark.slow
def test_no_odd_picture_is_an_error_of_the_server(server: Server, shared: Path) -> None:
    folders = (shared / "images" / "odd", shared / "cases")
    files = [one for folder in folders for one in folder.rglob("*") if one.is_file()]
    assert len(files) > 150
    statuses = {server.post("/v1/classify", body=one.read_bytes()).status for one in files}
    assert statuses == {200, 400, 413, 415, 422}
