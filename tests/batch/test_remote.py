"""Pictures and tables in a storage: S3, served over a real socket by moto; and fsspec's memory."""

import json
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import s3fs

import pictell
from batch_runs import DESCRIPTION, draw
from command import PICTELL, ROOT, environment
from command import pictell as command
from pictell.batch.entries import to_entry
from pictell.batch.job import Job
from pictell.batch.listing import find_entries
from pictell.batch.output import open_output
from pictell.batch.part import Choice, label_parts
from pictell.batch.remote import RemoteFolder
from pictell.batch.rows import make_row
from pictell.batch.storage import part_name
from pictell.errors import OutputError, PictellError, UsageError
from pictell.images.sources import expand_argument
from pictell.reports.tables import TABLES, table_format
from waiting import wait_until

SAMPLES = ROOT / "samples"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The URL of a server that speaks S3."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "moto.server", "--port", str(port)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(url))
        yield url
        server.kill()


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(f"{url}/moto-api/").close()
    except OSError:
        return False
    return True


class Bucket:
    """A bucket with the samples as photos, and the command on it."""

    def __init__(self, endpoint: str, name: str, cache: Path) -> None:
        self.url, self.cache = f"s3://{name}", cache
        self.variables = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        self.system = s3fs.S3FileSystem(
            endpoint_url=endpoint, key="key", secret="secret", use_listings_cache=False
        )
        self.system.mkdir(name)
        for path in SAMPLES.glob("*.*g"):
            self.system.pipe_file(f"{name}/photos/{path.name}", path.read_bytes())
        self.system.pipe_file(f"{name}/photos/notes.txt", b"no picture")

    def batch(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        env = environment(**self.variables, XDG_CACHE_HOME=str(self.cache))
        return command("batch", *words, env=env, **options)

    def rows(self, folder: str) -> list[dict[str, Any]]:
        paths = sorted(self.system.glob(f"{self.url}/{folder}/part-*.jsonl"))
        return [json.loads(line) for path in paths for line in self.system.cat(path).splitlines()]


@pytest.fixture
def bucket(endpoint: str, tmp_path: Path, request: pytest.FixtureRequest) -> Bucket:
    name = f"bucket-{abs(hash(request.node.name)) % 10**9}"
    return Bucket(endpoint, name, tmp_path / "cache")


def test_pictures_in_s3_become_a_table_in_s3(bucket: Bucket, tmp_path: Path) -> None:
    words = (f"{bucket.url}/photos/", "-o", f"{bucket.url}/labels/", "--part-size", "3")
    run = bucket.batch(*words)
    assert (run.returncode, run.stderr) == (0, "")
    rows = bucket.rows("labels")
    assert len(rows) == 8
    local = command("--format", "jsonl", SAMPLES).stdout.splitlines()
    for row, line in zip(rows, map(json.loads, local), strict=True):
        assert row["source"] == f"{bucket.url}/photos/{Path(line['source']).name}"
        assert row["predictions"] == line["predictions"]
    # Nothing is left to do, also on a machine that has never seen the table.
    assert bucket.batch(*words).stdout.startswith("0 pictures labelled")
    shutil.rmtree(bucket.cache)
    assert bucket.batch(*words).stdout.startswith("0 pictures labelled")
    assert bucket.rows("labels") == rows


def test_a_changed_object_is_labelled_again(bucket: Bucket) -> None:
    words = (f"{bucket.url}/photos/", "-o", f"{bucket.url}/labels", "--part-size", "3")
    bucket.batch(*words)
    cat = f"{bucket.url}/photos/cat.jpg"
    bucket.system.pipe_file(cat, (SAMPLES / "espresso.jpg").read_bytes())
    bucket.system.rm_file(f"{bucket.url}/photos/noise.png")
    run = bucket.batch(*words, "--prune")
    assert (run.returncode, run.stdout.split(" labelled")[0]) == (0, "1 picture")
    answers = {row["source"]: row["answer"]["name"] for row in bucket.rows("labels")}
    assert len(answers) == len(bucket.rows("labels")) == 7
    assert answers[cat] == answers[f"{bucket.url}/photos/espresso.jpg"]


def many(bucket: Bucket) -> tuple[str, ...]:
    """Twenty objects, and the arguments that label them in ten parts."""
    content = (SAMPLES / "cat.jpg").read_bytes()
    for number in range(20):
        bucket.system.pipe_file(f"{bucket.url}/many/{number}.jpg", content + bytes([number]))
    return (f"{bucket.url}/many/", "-o", f"{bucket.url}/labels", "--part-size", "2")


def start(bucket: Bucket, words: tuple[str, ...]) -> subprocess.Popen[str]:
    """A run that has put a part."""
    env = environment(**bucket.variables, XDG_CACHE_HOME=str(bucket.cache))
    process = subprocess.Popen(
        [PICTELL, "batch", *words],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    wait_until(lambda: bucket.system.glob(f"{bucket.url}/labels/part-*"))
    return process


def check_all_once(bucket: Bucket) -> None:
    sources = [row["source"] for row in bucket.rows("labels")]
    names = [f"{bucket.url}/many/{number}.jpg" for number in range(20)]
    assert sorted(sources) == sorted(names)


def test_a_kill_loses_no_object(bucket: Bucket) -> None:
    words = many(bucket)
    with start(bucket, words) as process:
        process.kill()
        process.wait()
    shutil.rmtree(bucket.cache)
    assert 2 <= len(bucket.rows("labels")) < 20
    assert bucket.batch(*words).returncode == 0
    check_all_once(bucket)


@pytest.mark.skipif(sys.platform == "win32", reason="no signal that stops a process")
def test_of_two_machines_on_one_table_one_stops(bucket: Bucket, tmp_path: Path) -> None:
    words = many(bucket)
    with start(bucket, words) as first:
        first.send_signal(signal.SIGSTOP)
        bucket.cache = tmp_path / "another machine"
        # Parts with the same rows would be the same bytes.
        second = bucket.batch(*words, "--part-size", "3")
        first.send_signal(signal.SIGCONT)
        _, stderr = first.communicate(timeout=60)
    assert 2 in {first.returncode, second.returncode}
    assert "another run has written" in stderr + second.stderr
    assert bucket.batch(*words).returncode == 0
    check_all_once(bucket)


def test_one_parquet_file_in_s3(bucket: Bucket, tmp_path: Path) -> None:
    target = f"{bucket.url}/tables/labels.parquet"
    run = bucket.batch(str(SAMPLES), "-o", target)
    assert run.returncode == 0
    rows = table_format("parquet").read(bucket.system.cat_file(target))
    assert len(rows) == 8
    assert rows[0]["uri"].startswith("file:///")


def test_a_list_of_objects(bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "list").write_text(f"{bucket.url}/photos/cat.jpg\n{bucket.url}/photos/none.jpg\n")
    run = bucket.batch("--from-file", str(tmp_path / "list"), "-o", str(tmp_path / "labels.jsonl"))
    assert run.returncode == 1
    first, second = map(json.loads, (tmp_path / "labels.jsonl").read_text().splitlines())
    assert first["answer"]["name"] == "cat"
    assert second["error"]["code"] == "source_not_found"


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("{url}/none/", "-o", "{tmp}/labels"), 1, "no picture has this name or prefix"),
        (("{samples}", "-o", "s3://no-bucket/labels"), 2, "s3://no-bucket/labels cannot be used"),
        (("{samples}", "-o", "gs://bucket/labels"), 2, "gs:// needs another package"),
        (("{samples}", "-o", "nope://bucket/labels"), 2, "no storage is known for nope://"),
        (("{samples}", "-o", "file:///tmp/labels"), 2, "without file://"),
    ],
)
def test_what_cannot_be_used_is_one_line(
    bucket: Bucket, tmp_path: Path, words: tuple[str, ...], status: int, message: str
) -> None:
    values = {"url": bucket.url, "tmp": tmp_path, "samples": SAMPLES}
    run = bucket.batch(*(word.format(**values) for word in words))
    assert run.returncode == status
    assert message in run.stderr.splitlines()[0]
    assert "Traceback" not in run.stderr


def test_a_server_that_is_gone_is_an_error_of_the_output(bucket: Bucket) -> None:
    bucket.variables["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
    bucket.variables["AWS_MAX_ATTEMPTS"] = "1"
    run = bucket.batch(str(SAMPLES), "-o", f"{bucket.url}/labels")
    assert run.returncode == 2
    assert len(run.stderr.splitlines()) == 1


def test_a_part_of_another_machine_is_left_alone(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each machine has a lock of its own.
    for name, value in bucket.variables.items():
        monkeypatch.setenv(name, value)
    first, second = (RemoteFolder(f"{bucket.url}/labels") for _ in range(2))
    stamp = first.write("part-00001.jsonl", b"1", None)
    assert first.write("part-00001.jsonl", b"1", None) == stamp
    with pytest.raises(OutputError, match="another run has written"):
        second.write("part-00001.jsonl", b"2", None)
    changed = second.write("part-00001.jsonl", b"3", stamp)
    with pytest.raises(OutputError, match="another run has written"):
        first.write("part-00001.jsonl", b"4", stamp)
    assert first.stamps() == {"part-00001.jsonl": changed}
    assert first.read("part-00001.jsonl") == b"3"


def test_any_storage_of_fsspec(
    classifier: pictell.Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fsspec

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    memory = fsspec.filesystem("memory")
    for number in range(5):
        path = draw(tmp_path / f"{number}.png", 50 * number)
        memory.pipe_file(f"/photos/{number}.png", path.read_bytes())
    output = open_output("memory://labels", None, TABLES)
    for expected in (5, 0):
        with Job.open(output, table_format("jsonl"), DESCRIPTION) as job:
            entries = find_entries(expand_argument("memory://photos"), fail)
            assert job.plan(entries).planned == expected
            job.run(classifier, Choice(), 2)
            job.finish()
    names = [Path(name).name for name in memory.ls("/labels", detail=False)]
    assert sorted(names) == [".pictell", *(f"part-0000{number}.jsonl" for number in (1, 2, 3))]
    with (
        pytest.raises(UsageError, match="another --model"),
        Job.open(output, table_format("jsonl"), DESCRIPTION | {"model": "other"}),
    ):
        pass
    memory.pipe_file("/labels/part-00002.jsonl", b'{"source"')
    with (
        pytest.raises(OutputError, match="damaged"),
        Job.open(output, table_format("jsonl"), DESCRIPTION),
    ):
        pass


def fail(name: str, error: PictellError) -> None:
    pytest.fail(f"{name}: {error}")


def test_another_process_can_label_and_write_a_part(tmp_path: Path) -> None:
    # What a worker of another engine gets, pickled.
    path = tmp_path / "cat.jpg"
    shutil.copy(SAMPLES / "cat.jpg", path)
    parts = open_output("memory://pickled", None, TABLES).folder
    work = (pictell.load(), parts, table_format("parquet", 1280), [to_entry(str(path))])
    classifier, folder, table, entries = pickle.loads(pickle.dumps(work))
    (labelled,) = label_parts(classifier, [entries], Choice(embedding=True))
    rows = [make_row(one.result, one.entry, one.sha256) for one in labelled]
    folder.write(part_name(1, "parquet"), table.write(rows), None)
    (row,) = table.read(parts.read("part-00001.parquet"))
    assert (row["answer"]["name"], row["embedding"].shape) == ("cat", (1280,))


@pytest.mark.parametrize("line", ["nosuch://bucket/a.jpg", "file:///a.jpg"])
def test_a_line_that_no_storage_can_have_does_not_end_the_run(line: str, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"{ROOT / 'samples' / 'cat.jpg'}\n{line}\n")
    run = command("batch", "--from-file", "list.txt", "--output", "t", cwd=tmp_path)
    assert run.returncode == 1
    assert line in run.stderr
    assert "1 picture labelled" in run.stdout
