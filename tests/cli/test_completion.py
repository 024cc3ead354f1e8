"""Completion: what pictell answers a shell that asks, and real shells on a terminal."""

import os
import pty
import select
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from command import PICTELL, ROOT, environment, pictell
from pictell.reports import FORMATS

SHELLS = {
    "bash": ("--norc", "--noprofile", "-i"),
    "zsh": ("-f", "-i"),
    "fish": ("--no-config", "-i"),
}
SET_UP = {
    "bash": "source <(pictell completion bash)",
    "zsh": "bindkey -e; autoload -U compinit; compinit -u -D; source <(pictell completion zsh)",
    "fish": "pictell completion fish | source",
}
LINE_START, LINE_END = "\x01", "\x05"
MAX_WAIT_S = 30


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with odd names."""
    for name in (
        "my cat.jpg",
        "it's.jpg",
        "a:b.jpg",
        "$x.jpg",
        "émile.jpg",
        ".hidden",
        "new\nline",
    ):
        (tmp_path / name).touch()
    (tmp_path / "sub dir").mkdir()
    (tmp_path / "sub dir" / "dog.jpg").touch()
    return tmp_path


def asked(line: str, cwd: Path = ROOT, **changes: str) -> list[str]:
    """What pictell answers: the words that could stand at the end of the line."""
    variables = {
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
        "_ARGCOMPLETE_SHELL": "fish",
        **changes,
    }
    run = subprocess.run(
        ["bash", "-c", '"$0" 8>&1 9>/dev/null 1>/dev/null', PICTELL],
        env=environment(**variables),
        cwd=cwd,
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stderr) == (0, "")
    return run.stdout.split("\n")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("pictell mod", ["models"]),
        ("pictell sam", ["samples/"]),
        ("pictell samples/gol", ["samples/golf-ball.png"]),
        ("pictell samples/cat.jpg sam", ["samples/"]),
        ("pictell samples/cat.jpg --flat sam", ["samples/"]),
        ("pictell samples/cat.jpg mod", [""]),
        ("pictell --max-", ["--max-depth", "--max-bytes", "--max-pixels", "--max-memory"]),
        ("pictell --format ", [*FORMATS]),
        ("pictell --status u", ["unsure", "unknown"]),
        ("pictell tag --status ", ["sure", "likely"]),
        ("pictell sort --into sam", ["samples/"]),
        ("pictell sort --status ", ["sure", "likely"]),
        ("pictell sort --by d", ["date", "date,label"]),
        ("pictell --format=c", ["--format=csv", "--format=csv-long"]),
        ("pictell --runtime o", ["onnx", "openvino"]),
        ("pictell --top-k ", [""]),
        ("pictell --model def", ["default"]),
        ("pictell -m squ", ["squeezenet1.1-7"]),
        ("pictell --model sam", ["samples/"]),
        ("pictell --labels READ", ["README.md"]),
        ("pictell models ", ["list", "pull", "import", "path", "rm"]),
        ("pictell models --f", ["--format"]),
        ("pictell models list --f", ["--format"]),
        ("pictell models pull squ", ["squeezenet1.1-7"]),
        ("pictell models pull squeezenet1.1-7 --o", ["--offline"]),
        ("pictell models pull --mirror sam", ["samples/"]),
        ("pictell models import new sam", ["samples/"]),
        ("pictell models path ", ["default"]),
        ("pictell models rm ", [""]),
        ("pictell inspect --wr", ["--write"]),
        ("pictell inspect defa", ["default"]),
        ("pictell verify --rec", ["--record"]),
        ("pictell verify default samples/gol", ["samples/golf-ball.png"]),
        ("pictell evaluate --rep", ["--report"]),
        ("pictell evaluate --data sam", ["samples/"]),
        ("pictell calibrate --model defa", ["default"]),
        ("pictell labels --labels-f", ["--labels-from"]),
        ("pictell labels cat --format ", ["text", "json"]),
        ("pictell config --p", ["--path"]),
        ("pictell completion ", ["bash", "zsh", "fish"]),
        ("pictell help mod", ["models"]),
        ("pictell --frobnicate sam", ["samples/"]),
        ("pictell 'samples/gol", ["samples/golf-ball.png"]),
        ("/usr/bin/pictell models pu", ["pull"]),
    ],
)
def test_what_could_come_next(line: str, words: list[str]) -> None:
    assert asked(line) == words


def test_commands_stand_beside_files(here: Path) -> None:
    first = asked("pictell ", here)
    assert {"labels", "models", "train"} <= {*first}
    assert set(first[-6:]) == {
        "$x.jpg", "a:b.jpg", "it's.jpg", "my cat.jpg", "sub dir/", "émile.jpg",
    }  # fmt: skip
    assert asked("pictell .", here) == [".hidden"]
    assert asked("pictell nothing", here) == asked("pictell nothing/", here) == [""]


def test_the_home_folder(here: Path) -> None:
    assert asked("pictell ~/sub", HOME=str(here)) == ["~/sub dir/"]


def test_an_imported_model(shared: Path, tmp_path: Path) -> None:
    store = str(tmp_path)
    model = shared / "models" / "coral" / "mobilenet_v1_0.25_128_quant.tflite"
    run = pictell("models", "import", "mine", model, env=environment(PICTELL_MODELS=store))
    assert run.returncode == 0
    assert asked("pictell --model mi", PICTELL_MODELS=store) == ["mine"]
    assert asked("pictell models rm ", PICTELL_MODELS=store) == ["mine"]


def test_the_word_at_the_cursor_in_the_middle_of_a_line() -> None:
    line = "pictell mod samples/"
    assert asked(line, COMP_POINT=str(len("pictell mod"))) == ["models"]


def test_zsh_gives_the_whole_line() -> None:
    line = "cd samples && pictell models pu"
    assert asked(line, _ARGCOMPLETE_SHELL="zsh") == ["pull:"]


def test_wrong_defaults_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("wrong")
    path = str(tmp_path / "config.toml")
    assert asked("pictell mod", PICTELL_CONFIG=path, PICTELL_FORMAT="xml") == ["models"]


def typed(shell: str, line: str, cwd: Path) -> str:
    """The words of a line on a terminal after the Tab key, as the shell passes them on."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(cwd)
        path = f"{Path(PICTELL).parent}:{os.environ['PATH']}"
        changes = {"PATH": path, "HOME": str(cwd), "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        os.execvpe(shell, [shell, *SHELLS[shell]], environment(**changes))
    try:
        os.write(terminal, f"{SET_UP[shell]}; echo rea'dy'\n".encode())
        read_until(terminal, "ready\r\n")
        os.write(terminal, f"{line}\t{LINE_START}printf '<%s>' {LINE_END} en'd'\n".encode())
        return "<" + read_until(terminal, "<end>").rpartition("<pictell>")[2]
    finally:
        os.close(terminal)  # which ends the shell
        os.waitpid(child, 0)


def read_until(terminal: int, mark: str) -> str:
    shown = b""
    while mark.encode() not in shown:
        ready, _, _ = select.select([terminal], [], [], MAX_WAIT_S)
        assert ready, shown
        shown += os.read(terminal, 65536)
    return shown.decode()[: shown.decode().index(mark)]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("pictell mod", "<models>"),
        ("pictell models pu", "<models><pull>"),
        ("pictell my --format=csv-", "<my><--format=csv-long>"),
        ("pictell --flat my", "<--flat><my cat.jpg>"),
        ("pictell it", "<it's.jpg>"),
        ("pictell a:", "<a:b.jpg>"),
        ("pictell ém", "<émile.jpg>"),
        ("pictell sub", "<sub dir/>"),
    ],
)
def test_a_real_shell(shell: str, line: str, words: str, here: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    assert typed(shell, line, here) == f"<{words}"


@pytest.mark.parametrize("words", [[], ["tcsh"], ["bash", "zsh"]])
def test_a_wrong_shell_gets_one_line(words: list[str]) -> None:
    run = pictell("completion", *words)
    assert (run.returncode, run.stdout) == (2, "")
    assert len(run.stderr.splitlines()) == 1


def test_a_wrong_question_gets_one_line() -> None:
    changes = {"_ARGCOMPLETE": "1", "COMP_LINE": "pictell mod", "COMP_POINT": "x"}
    run = pictell("samples", env=environment(**changes))
    assert (run.returncode, run.stdout) == (2, "")
    assert len(run.stderr.splitlines()) == 1


def test_other_runs_do_without_the_library(tmp_path: Path) -> None:
    (tmp_path / "argcomplete.py").write_text("raise SystemExit('loaded')")
    path = ":".join([str(tmp_path), *filter(None, sys.path)])
    for changes in ({}, {"_ARGCOMPLETE": "1"}):
        run = pictell("models", env=environment(PYTHONPATH=path, **changes))
        assert (run.returncode, run.stderr) == (0, "")
