"""Parts that are made elsewhere, and on Ray: the same table, whatever is killed."""

import json
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

import pictell
from batch_runs import DESCRIPTION, Runs, bomb, draw
from command import PICTELL, ROOT, environment
from command import pictell as command
from pictell.batch.entries import Entry, to_entry
from pictell.batch.job import Job
from pictell.batch.output import open_output
from pictell.batch.part import Choice, MadePart, make_part
from pictell.batch.ray_engine import Recipe, make_recipe, work
from pictell.batch.rows import PartFormat
from pictell.errors import ClusterError, InvalidModelError
from pictell.reports.tables import TABLES, table_format
from waiting import wait_until

RAY = ("--engine", "ray", "--workers", "2")
SAMPLES = ROOT / "samples"


def test_parts_that_come_back_in_any_order_make_the_same_table(
    classifier: pictell.Classifier, runs: Runs, photos: Path, tmp_path: Path
) -> None:
    runs(photos)
    table, failed = table_format("jsonl"), list[str]()

    def make_backwards(
        format_: PartFormat, parts: Iterable[tuple[int, list[Entry]]]
    ) -> Iterator[MadePart]:
        for number, entries in reversed(list(parts)):
            yield make_part(classifier, number, entries, Choice(), format_)

    with Job.open(open_output(str(tmp_path / "other"), None, TABLES), table, DESCRIPTION) as job:
        job.plan(runs.entries(photos))
        job.run_elsewhere(
            make_backwards, 3, lambda one: failed.append(one.source) if one.error else None
        )
        assert job.counts() == (7, 1)
    assert failed == [str(photos / "broken.png")]
    for path in Path(runs.output).glob("part-*"):
        assert (tmp_path / "other" / path.name).read_bytes() == path.read_bytes()


@pytest.fixture
def recipe() -> Iterator[Recipe]:
    with pictell.load() as classifier:
        yield make_recipe(classifier, Choice(), table_format("jsonl"), 1)


def test_a_machine_with_another_model_or_version_makes_no_rows(recipe: Recipe) -> None:
    entries = [to_entry(str(SAMPLES / "cat.jpg"))]
    assert b'"name": "cat"' in work(recipe, 1, entries).content
    with pytest.raises(InvalidModelError, match="has another model"):
        work(recipe._replace(key="0"), 1, entries)
    with pytest.raises(ClusterError, match="has pictell"):
        work(recipe._replace(version="0"), 1, entries)


def test_a_machine_without_the_pictures_makes_no_rows(recipe: Recipe, tmp_path: Path) -> None:
    draw(tmp_path / "photos" / "a.png", 10)
    entry = to_entry(str(tmp_path / "photos" / "a.png"))
    shutil.rmtree(tmp_path / "photos")
    with pytest.raises(ClusterError, match="has no folder"):
        work(recipe, 1, [entry])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--workers", "2"), "--workers needs --engine ray"),
        (("--ray-address", "auto"), "--ray-address needs --engine ray"),
        ((*RAY, "--dry-run"), "leave --engine ray out"),
        ((*RAY, "--watch"), "leave --engine ray out"),
        ((*RAY, "--gpus-per-worker", "1"), "need each other"),
        ((*RAY, "--gpus-per-worker=-1"), "must be 0 or more"),
        ((*RAY, "--ray-address", ""), "Ray cannot be used ()"),
        ((*RAY, "--ray-address", "nowhere"), "Ray cannot be used (nowhere)"),
        ((*RAY, "--ray-address", "ray://127.0.0.1:{port}"), "no Ray cluster answers"),
        ((*RAY, "--ray-address", "127.0.0.1:{port}"), "no Ray cluster answers"),
    ],
)
def test_wrong_use_is_one_line(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = tuple(word.format(port=port) for word in words)
    run = command("batch", SAMPLES, "-o", tmp_path / "labels", *words)
    assert (run.returncode, run.stdout) == (2, "")
    assert message in run.stderr
    assert len(run.stderr.splitlines()) == 1


@pytest.fixture
def variables() -> Iterator[dict[str, str]]:
    """An environment where Ray's files go to a folder; a long path is too long for its sockets."""
    folder = mkdtemp(prefix="ray-")
    yield environment(HOME=folder, RAY_TMPDIR=folder)
    shutil.rmtree(folder)


@pytest.fixture
def photos_of_cats(tmp_path: Path) -> Path:
    """300 pictures, all different."""
    folder, content = tmp_path / "photos", (SAMPLES / "cat.jpg").read_bytes()
    folder.mkdir()
    for number in range(300):
        (folder / f"{number:03}.jpg").write_bytes(content + number.to_bytes(2, "big"))
    return folder


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """The rows of all parts."""
    paths = folder.glob("part-*.jsonl")
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def sources(folder: Path) -> list[str]:
    """The pictures that the rows are about."""
    return sorted(Path(row["source"]).name for row in rows_of(folder))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def start(
    photos: Path, output: Path, variables: dict[str, str], *words: str
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [PICTELL, "batch", photos, "-o", output, "--part-size", "20", *RAY, *words],
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a decoder")
def test_a_ray_of_this_machine_makes_the_same_table(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    photos = shutil.copytree(SAMPLES, tmp_path / "photos")
    bomb(photos / "bomb.png")
    (photos / "broken.jpg").write_bytes((photos / "cat.jpg").read_bytes()[:500])
    # Workers import nothing from the current folder.
    for name in ("numpy", "onnxruntime", "pictell"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit")
    words = ("--part-size", "3", "--embedding", "--max-memory", "100000000")
    runs = [
        command("batch", "photos", "-o", name, *words, *more, cwd=tmp_path, env=variables)
        for name, more in (("local", ()), ("ray", RAY))
    ]
    assert [run.returncode for run in runs] == [1, 1]
    # Ray says nothing.
    assert runs[0].stderr == runs[1].stderr
    assert "bomb.png" in runs[1].stderr
    rows = rows_of(tmp_path / "ray")
    failed = {row["source"]: row["error"]["code"] for row in rows if "error" in row}
    assert failed == {"photos/bomb.png": "out_of_memory", "photos/broken.jpg": "broken_picture"}
    assert len(runs[1].stdout.splitlines()) == 1
    for path in (tmp_path / "local").glob("part-*"):
        assert (tmp_path / "ray" / path.name).read_bytes() == path.read_bytes()
    assert len(rows) == len(names(photos)) - 2


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_ended_goes_on(
    tmp_path: Path, photos_of_cats: Path, variables: dict[str, str], end: signal.Signals
) -> None:
    output = tmp_path / "labels"
    with start(photos_of_cats, output, variables) as process:
        wait_until(lambda: list(output.glob("part-*")))
        process.send_signal(end)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == -end
    if end == signal.SIGINT:
        assert stderr == f"pictell: stopped: run the same command again to go on with {output}\n"
    assert 0 < len(sources(output)) < 300
    with start(photos_of_cats, output, variables) as process:
        assert process.wait(timeout=60) == 0
    assert sources(output) == names(photos_of_cats)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_the_loss_of_a_machine_loses_and_doubles_no_picture(
    tmp_path: Path, photos_of_cats: Path, variables: dict[str, str]
) -> None:
    output, folder = tmp_path / "labels", variables["RAY_TMPDIR"]
    python_path = f"{ROOT / 'tests'}:{ROOT / 'src'}"
    with subprocess.Popen(
        [sys.executable, ROOT / "tests" / "ray_cluster.py", "1", folder],
        env=variables | {"PYTHONPATH": python_path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as cluster:
        assert cluster.stdin
        assert cluster.stdout
        address = cluster.stdout.readline().strip()
        with start(photos_of_cats, output, variables, "--ray-address", address) as process:
            wait_until(lambda: list(output.glob("part-*")))
            cluster.stdin.write("kill\n")
            cluster.stdin.flush()
            assert cluster.stdout.readline() == "killed\n"
            assert len(sources(output)) < 300
            stdout, stderr = process.communicate(timeout=120)
        assert (process.returncode, stderr) == (0, "")
        assert stdout.startswith("300 pictures labelled")
        cluster.communicate("\n", timeout=60)
    assert sources(output) == names(photos_of_cats)
