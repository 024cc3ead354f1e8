"""Ctrl-C ends the command in silence, whatever it is just doing."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from command import PICTELL, ROOT, environment, pictell
from system import children, is_alive
from waiting import wait_until

BALL = ROOT / "samples" / "golf-ball.png"
PRESS = "os.kill(os.getpid(), signal.SIGINT)\n"
# Presses the keys when somebody looks for the module named.
WHILE_LOADING = """\
import os, signal, sys
class Pressing:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Pressing())
"""
# What bindings made with pybind11 do when a module that they need is interrupted.
ENGINE = (
    f"import os, signal\ntry:\n    {PRESS}except BaseException:\n    pass\nraise ImportError('no')"
)


def run_with(folder: Path, name: str, content: str, **options: object) -> tuple[int, str, str]:
    (folder / name).write_text(content)
    path = ":".join([str(folder), *filter(None, sys.path)])
    run = pictell(BALL, env=environment(PYTHONPATH=path), **options)
    return run.returncode, run.stdout, run.stderr


@pytest.mark.parametrize(
    "name", ["pictell.types", "pictell.reports", "PIL", "numpy", "onnxruntime.capi"]
)
def test_while_the_program_is_loading(tmp_path: Path, name: str) -> None:
    content = WHILE_LOADING.format(name=name)
    assert run_with(tmp_path, "sitecustomize.py", content) == (-signal.SIGINT, "", "")


def test_while_a_runtime_is_loading_that_turns_it_into_another_error(tmp_path: Path) -> None:
    assert run_with(tmp_path, "onnxruntime.py", ENGINE) == (-signal.SIGINT, "", "")


def test_while_it_ends(tmp_path: Path) -> None:
    content = f"import atexit, os, signal\n@atexit.register\ndef press():\n    {PRESS}"
    status, stdout, stderr = run_with(tmp_path, "sitecustomize.py", content)
    assert (status, stderr) == (-signal.SIGINT, "")
    assert "golf ball" in stdout


def test_it_stays_ignored_if_the_parent_process_ignores_it(tmp_path: Path) -> None:
    def ignore() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    content = WHILE_LOADING.format(name="pictell.types") + "import os\n" + PRESS
    status, stdout, stderr = run_with(tmp_path, "sitecustomize.py", content, preexec_fn=ignore)
    assert (status, stderr) == (0, "")
    assert "golf ball" in stdout


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_processes_that_decode_end_too(number: signal.Signals) -> None:
    command = [PICTELL, "--isolate", "--format", "jsonl", *[str(BALL)] * 3000]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline()
        processes = children(run.pid)
        assert processes
        # As a terminal does: to the whole group.
        os.killpg(run.pid, number)
        _, stderr = run.communicate(timeout=60)
    assert (run.returncode, stderr) == (-number, b"")
    wait_until(lambda: not any(map(is_alive, processes)))
