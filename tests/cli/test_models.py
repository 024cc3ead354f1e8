"""``pictell models …`` as a subprocess, with a real server, mirror, store and terminal."""

import json
import os
import pty
import shutil
import subprocess
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from command import PICTELL, environment, pictell
from file_server import FileServer
from pictell.models.store import catalog

QUANT = "mobilenet_v1_0.25_128_quant"
BIRD = "mobilenet_v2_1.0_224_inat_bird_quant"


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PICTELL_MODELS", str(tmp_path / "store"))
    for name in ("PICTELL_MIRROR", "PICTELL_OFFLINE", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "store"


@pytest.fixture
def coral(shared: Path) -> Path:
    return shared / "models" / "coral"


@pytest.fixture
def mirror(coral: Path, tmp_path: Path) -> Path:
    """A folder with files for a machine without a network."""
    for name, files in {
        QUANT: [f"{QUANT}.tflite"],
        BIRD: [f"{BIRD}.tflite", "inat_bird_labels.txt"],
    }.items():
        (tmp_path / "mirror" / name).mkdir(parents=True)
        for file in files:
            shutil.copy(coral / file, tmp_path / "mirror" / name)
    return tmp_path / "mirror"


@pytest.fixture
def server(coral: Path) -> Iterator[FileServer]:
    with FileServer() as file_server:
        file_server.files[f"/m/{QUANT}/{QUANT}.tflite"] = (coral / f"{QUANT}.tflite").read_bytes()
        yield file_server


def test_the_list_is_a_table() -> None:
    run = pictell("models")
    assert (run.stderr, run.returncode) == ("", 0)
    lines = run.stdout.splitlines()
    assert lines[0].split() == ["name", "size", "top-1", "%", "licence", "state"]
    assert lines[1].split()[0] == "default"
    assert lines[1].endswith("Apache-2.0  built in")
    inception = next(line for line in lines if line.startswith("inception5h "))
    assert inception.split() == ["inception5h", "49.9", "MB", "—", "Apache-2.0", "available"]
    squeezenet = next(line for line in lines if line.startswith("squeezenet1.1-7 "))
    assert squeezenet.split() == [
        "squeezenet1.1-7",
        "4.96",
        "MB",
        "56.3",
        "Apache-2.0",
        "available",
    ]
    assert len({line.index("Apache-2.0") for line in lines[1:]}) == 1
    assert "_frozen" not in run.stdout  # has no download
    assert pictell("models", "list").stdout == run.stdout


def test_the_list_as_json(mirror: Path) -> None:
    pictell("models", "pull", "--mirror", mirror, QUANT)
    run = pictell("models", "--format", "json")
    records = {record["name"]: record for record in json.loads(run.stdout)}
    assert records["default"]["state"] == "built in"
    assert records[QUANT]["state"] == "installed"
    assert records["inception5h"] == {
        "name": "inception5h",
        "bytes": 49937555,
        "top1_accuracy": None,
        "licence": "Apache-2.0",
        "source": catalog.find("inception5h").source,
        "state": "available",
    }


def test_pulled_used_removed(mirror: Path, coral: Path, root: Path) -> None:
    run = pictell("models", "pull", "--mirror", mirror, "--offline", BIRD, QUANT)
    assert (run.stdout, run.returncode) == ("", 0)
    assert run.stderr.splitlines() == [
        f"pictell: {name} is installed: pictell --model {name} PICTURE" for name in (BIRD, QUANT)
    ]
    assert pictell("models", "path", BIRD).stdout == f"{root / BIRD}\n"
    found = json.loads(
        pictell("--model", BIRD, "--format", "json", "-k", "1", coral / "parrot.jpg").stdout
    )
    assert found[0]["predictions"][0]["label"] == "Ara macao (Scarlet Macaw)"
    run = pictell("models", "rm", BIRD, QUANT)
    assert run.stderr.splitlines() == [f"pictell: {name} is removed" for name in (BIRD, QUANT)]
    assert "installed" not in pictell("models").stdout.split()


def test_pulled_from_a_server(server: FileServer, root: Path) -> None:
    run = pictell("models", "pull", "--mirror", server.url("m"), QUANT)
    assert (run.stdout, run.returncode) == ("", 0), run.stderr
    assert (root / QUANT / "model.toml").is_file()
    server.requests.clear()
    assert pictell("models", "pull", QUANT).returncode == 0
    assert server.requests == []


def test_the_mirror_of_the_environment(server: FileServer, root: Path) -> None:
    run = pictell("models", "pull", QUANT, env=environment(PICTELL_MIRROR=server.url("m/")))
    assert run.returncode == 0, run.stderr
    assert len(server.requests) == 1


def test_a_terminal_shows_the_progress(server: FileServer) -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    words = [PICTELL, "models", "pull", "--mirror", server.url("m"), QUANT]
    with subprocess.Popen(words, stderr=theirs, stdout=subprocess.PIPE) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 65536)
            except OSError:  # the terminal's other end is closed
                break
        assert process.stdout is not None
        assert process.stdout.read() == b""
    os.close(ours)
    assert process.returncode == 0
    assert f"{QUANT}:   0%|".encode() in shown
    assert b"/526k" in shown
    assert f"{QUANT} is installed".encode() in shown.splitlines()[-1]


def test_offline_by_option_or_environment() -> None:
    for words, variables in (["--offline"], {}), ([], {"PICTELL_OFFLINE": "1"}):
        run = pictell("models", "pull", *words, "inception5h", env=environment(**variables))
        assert (run.stdout, run.returncode) == ("", 2)
        assert run.stderr.startswith("pictell: inception5h is not in the store")
        assert "inception5h/inception5h.zip" in run.stderr
        assert run.stderr.count("\n") == 1
    run = pictell("models", "pull", "x", env=environment(PICTELL_OFFLINE="maybe"))
    assert run.stderr == "pictell: PICTELL_OFFLINE is 'maybe': set it to 1 or 0\n"


def test_the_default_model_needs_no_pull() -> None:
    run = pictell("models", "pull", "default")
    assert run.stderr == "pictell: default is built in: there is nothing to download\n"
    assert run.returncode == 0
    assert Path(pictell("models", "path", "default").stdout.strip(), "model.toml").is_file()


def test_imported_with_options_then_used(coral: Path, root: Path) -> None:
    graph = coral.parent / "mobilenet_v1_0.25_224_frozen" / "frozen_graph.pb"
    labels = coral / "inat_bird_labels.txt"
    run = pictell("models", "import", "my-birds", coral / f"{BIRD}.tflite", "--labels", labels)
    assert run.stderr == "pictell: my-birds is installed: pictell --model my-birds PICTURE\n"
    assert pictell("models", "import", "known", graph).returncode == 0
    table = pictell("models").stdout.splitlines()
    assert [line.split()[0] for line in table if line.endswith("imported")] == ["known", "my-birds"]
    assert (root / "my-birds" / "labels.tsv").is_file()
    found = json.loads(
        pictell("--model", "my-birds", "--format", "json", coral / "parrot.jpg").stdout
    )
    assert found[0]["predictions"][0]["label"] == "Ara macao (Scarlet Macaw)"


def test_a_damaged_model_does_not_hide_the_others(root: Path) -> None:
    (root / "broken").mkdir(parents=True)
    (root / "broken" / "model.toml").write_text("[model]\nname = 5\n")
    run = pictell("models")
    assert run.returncode == 0
    assert run.stdout.splitlines()[-1].split() == ["broken", "—", "—", "—", "damaged"]
    assert pictell("models", "rm", "broken").returncode == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing"], "unknown command 'nothing': use pictell models list, pull, import, path, rm"),
        (["pull"], "the following arguments are required: NAME (see pictell models pull --help)"),
        (["pull", "x"], "no model named 'x' is in the catalogue: give one of inception5h, "),
        (["rm", "x"], "no model named 'x' is installed"),
        (["rm", "default"], "default is built in and cannot be removed"),
        (["rm", "../x"], "no model named '../x' is installed"),
        (["path", "x"], "no model named 'x': give one of default"),
        (["path", "/dev"], "dev: the folder has neither model.toml"),
        (
            ["path", "inception5h"],
            "inception5h is not downloaded: run pictell models pull inception5h",
        ),
        (["import", "../x", "y"], "'../x' is not a valid model name"),
        (["import", "x", "missing.pb"], "no file or folder 'missing.pb'"),
        (["import", "x"], "the following arguments are required: PATH"),
        (["--format", "xml"], "argument -f/--format: invalid choice: 'xml'"),
        (
            ["pull", "--mirror", "/missing", "inception5h"],
            "/missing/inception5h/inception5h.zip cannot be read: No such file or directory",
        ),
        (
            ["pull", "--mirror", "http://me:word@127.0.0.1/", "inception5h"],
            "inception5h.zip cannot be downloaded from 127.0.0.1: URLs with a user name",
        ),
        (
            ["pull", "mobilenet_v1_0.25_128_frozen"],
            "mobilenet_v1_0.25_128_frozen cannot be downloaded",
        ),
    ],
)
def test_wrong_use_is_one_line(words: list[str], message: str, root: Path) -> None:
    run = pictell("models", *words)
    assert run.stderr.startswith(f"pictell: {message}")
    assert run.stderr.count("\n") == 1
    assert (run.stdout, run.returncode) == ("", 2)
    assert not any(path.is_file() and path.suffix != ".lock" for path in root.rglob("*"))


def test_using_a_model_that_is_not_downloaded_says_how_to_get_it(coral: Path) -> None:
    run = pictell("--model", "inception5h", coral / "parrot.jpg")
    assert "run pictell models pull inception5h" in run.stderr
    assert run.returncode == 2


def test_listing_and_removing_need_no_network_code() -> None:
    script = (
        "import sys; from pictell.cli.models import run; run([]); "
        "print(*({'numpy', 'urllib3', 'filelock', 'onnxruntime', 'tqdm'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [os.fspath(Path(PICTELL).with_name("python")), "-c", script],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.splitlines()[-1] == ""
