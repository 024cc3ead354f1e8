"""What keeps engines quiet while they start, and shares them out among threads."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pictell.processors import available_cores
from pictell.runtimes.pool import Pool
from pictell.runtimes.quiet import absent, settings_elsewhere, without_notices


def test_notices_are_kept_back_and_the_rest_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    with without_notices():
        os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n")
        os.write(2, b"I0000 00:00:1795404957.557080   31370 port.cc:153] oneDNN is on.\n")
        os.write(2, b"INFORMATION for people\nthe disk is full\n")
    os.write(2, b"INFO: after\n")
    assert capfd.readouterr().err == "INFORMATION for people\nthe disk is full\nINFO: after\n"


def test_stderr_is_back_after_a_failure(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with without_notices():
            os.write(2, b"before\n")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "before\nafter\n"


def test_several_threads_do_not_lose_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    def start(number: int) -> None:
        with without_notices():
            os.write(2, f"INFO: {number}\n".encode())

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(start, range(50)))
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


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


def test_a_package_is_absent_for_a_while() -> None:
    with absent("colorsys"), pytest.raises(ImportError):
        import colorsys
    import colorsys

    with absent("colorsys"), pytest.raises(ImportError):
        import colorsys
    assert sys.modules["colorsys"] is colorsys


def test_settings_go_where_they_vanish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_HOME", raising=False)
    with settings_elsewhere("SOME_HOME"):
        folder = Path(os.environ["SOME_HOME"])
        (folder / "settings").write_text("mine")
    assert not folder.exists()
    assert "SOME_HOME" not in os.environ
    monkeypatch.setenv("SOME_HOME", "/users/own")
    with settings_elsewhere("SOME_HOME"):
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
        with pool.one() as item:
            with lock:
                assert id(item) not in busy
                busy.add(id(item))
            with lock:
                busy.remove(id(item))

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(use, range(500)))
    assert 1 <= len(made) <= available_cores()


def test_a_pool_makes_what_is_needed_and_no_more() -> None:
    pool = Pool(object)
    with pool.one() as first:
        pass
    for _ in range(5):
        with pool.one() as again:
            assert again is first


def test_a_failure_gives_the_place_back() -> None:
    failures = iter([True] * 50)

    def make() -> str:
        if next(failures, False):
            raise MemoryError
        return "made"

    pool = Pool(make)
    for _ in range(50):
        with pytest.raises(MemoryError), pool.one():
            pass
    with pytest.raises(KeyError), pool.one():
        raise KeyError
    with pool.one() as item:
        assert item == "made"
