"""Engines that start: what they may write, and the pool that hands them to threads."""

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from command import environment
from pictell.processors import available_cores
from pictell.runtimes.pool import Pool
from pictell.runtimes.quiet import temporary_settings, without_notices, without_package
from real_models import coral, frozen_graphs

ONEDNN = b"I0000 00:00:1795404957.557080   31370 port.cc:153] oneDNN custom operations are on.\n"
XNNPACK = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"


def test_notices_are_dropped_and_the_rest_is_kept(capfd: pytest.CaptureFixture[str]) -> None:
    # LiteRT writes its line in three pieces; another thread's may come between them.
    pieces = [XNNPACK, ONEDNN, b"INFO: ", b"one\n", XNNPACK[6:], b"\xff\n", b"no end"]
    with without_notices():
        for piece in pieces:
            os.write(2, piece)
    os.write(2, b"\n" + XNNPACK)
    kept = "INFO: one\n\ufffd\nno end\n" + XNNPACK.decode()
    assert capfd.readouterr().err == kept


def test_the_log_of_a_server_is_kept(capfd: pytest.CaptureFixture[str]) -> None:
    log = "INFO:     127.0.0.1:1 - GET / 200\nI1127 10:55:01.557080   31370 port.cc:153] up\n"
    with without_notices():
        os.write(2, log.encode())
    assert capfd.readouterr().err == log


def test_lines_are_passed_on_at_once() -> None:
    with stderr_in_a_pipe() as pipe, without_notices():
        for line in (b"first\n", b"50 %\r", b"last\n"):
            os.write(2, ONEDNN + line)
            assert os.read(pipe, 100) == line


def test_a_closed_pipe_on_stderr_blocks_no_writer() -> None:
    with stderr_in_a_pipe() as pipe:
        os.close(pipe)
        with without_notices():
            os.write(2, b"x" * 10_000 + b"\n")
            os.write(2, b"y" * 1_000_000 + b"\n")


def test_a_child_process_that_keeps_stderr_blocks_no_writer() -> None:
    """Another thread may start one while an engine starts; its lines are passed on as well."""
    with stderr_in_a_pipe() as pipe:
        with without_notices():
            child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=2)
        child.communicate(b"late\n")
        assert os.read(pipe, 100) == b"late\n"


@contextmanager
def stderr_in_a_pipe() -> Iterator[int]:
    """The end of a pipe whose other end is stderr."""
    before = os.dup(2)
    reading, writing = os.pipe()
    os.dup2(writing, 2)
    os.close(writing)
    try:
        yield reading
    finally:
        os.dup2(before, 2)
        os.close(before)


def test_stderr_is_back_after_a_failure(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with without_notices():
            os.write(2, b"before\n")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    os.write(2, XNNPACK)
    assert capfd.readouterr().err == "before\n" + XNNPACK.decode()


def test_several_runtimes_start_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    def start(number: int) -> None:
        with without_notices():
            os.write(2, XNNPACK + b"%d\n" % number)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(start, range(50)))
    os.write(2, b"after\n")
    *found, after = capfd.readouterr().err.splitlines()
    assert sorted(map(int, found)) == list(range(50))
    assert after == "after"


LOADING = """
import os, pickle, sys, threading
sys.path[:0] = sys.argv[3:]
from pictell import runtimes
from pictell.options import EngineOptions
with open(sys.argv[1], "rb") as file:
    spec, files = pickle.load(file)
done = threading.Event()

def write():
    number = 0
    while not done.wait(0.0005):
        os.write(2, b"%d\\n" % number)
        number += 1
    print(number)

thread = threading.Thread(target=write)
thread.start()
runtimes.open_session(spec, files, EngineOptions(runtime=sys.argv[2]))
done.set()
thread.join()
"""


@pytest.mark.parametrize("engine", ["litert", "tensorflow", "openvino"])
def test_another_thread_keeps_its_lines_while_a_runtime_starts(
    shared: Path, tmp_path: Path, engine: str
) -> None:
    model, files = (
        coral(shared)["mobilenet_v1_0.25_128_quant"]
        if engine == "litert"
        else frozen_graphs(shared)["128"]
    )
    request = tmp_path / "request"
    request.write_bytes(pickle.dumps((model, files)))
    run = subprocess.run(
        [sys.executable, "-c", LOADING, str(request), engine, *sys.path],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    # A line that is written just when the runtime has started may overtake the one before it.
    assert sorted(map(int, run.stderr.splitlines())) == [*range(int(run.stdout))]


def test_a_program_without_stderr() -> None:
    program = (
        "import os\n"
        "from pictell.runtimes.quiet import without_notices\n"
        "os.close(2)\n"
        "with without_notices():\n"
        "    print('started')"
    )
    run = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert (run.returncode, run.stdout) == (0, "started\n")


def test_a_package_is_hidden_for_a_while() -> None:
    with without_package("colorsys"), pytest.raises(ImportError):
        import colorsys
    import colorsys

    with without_package("colorsys"), pytest.raises(ImportError):
        import colorsys
    assert sys.modules["colorsys"] is colorsys


def test_settings_are_temporary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_HOME", raising=False)
    with temporary_settings("SOME_HOME"):
        folder = Path(os.environ["SOME_HOME"])
        (folder / "settings").write_text("mine")
    assert not folder.exists()
    assert "SOME_HOME" not in os.environ
    monkeypatch.setenv("SOME_HOME", "/users/own")
    with temporary_settings("SOME_HOME"):
        assert os.environ["SOME_HOME"] == "/users/own"
    assert os.environ["SOME_HOME"] == "/users/own"


def test_a_pool_makes_no_more_than_there_are_processors() -> None:
    made: list[object] = []
    lock = threading.Lock()
    busy: set[int] = set()

    def make() -> object:
        made.append(object())
        return made[-1]

    pool = Pool(make)

    def use(_: int) -> None:
        with pool.borrow() as item:
            with lock:
                assert id(item) not in busy
                busy.add(id(item))
            with lock:
                busy.remove(id(item))

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(use, range(500)))
    assert 1 <= len(made) <= available_cores()


def test_a_pool_lends_what_is_free_before_it_makes_more() -> None:
    pool = Pool(object)
    with pool.borrow() as first:
        pass
    for _ in range(5):
        with pool.borrow() as again:
            assert again is first


def test_a_pool_survives_failures() -> None:
    failures = iter([True] * 50)

    def make() -> str:
        if next(failures, False):
            raise MemoryError
        return "made"

    pool = Pool(make)
    for _ in range(50):
        with pytest.raises(MemoryError), pool.borrow():
            pass
    with pytest.raises(KeyError), pool.borrow():
        raise KeyError
    with pool.borrow() as item:
        assert item == "made"
