"""``pictell batch`` as its user has it: runs that are interrupted, killed, refused and repeated."""

import base64
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from batch_runs import bomb
from command import PICTELL, ROOT, pictell
from waiting import wait_until

SAMPLES = ROOT / "samples"
SAMPLE_PICTURES = 8


def rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of all parts, in order."""
    paths = sorted(folder.glob("part-*.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Forty pictures, all different."""
    folder = tmp_path / "photos"
    folder.mkdir()
    content = (SAMPLES / "cat.jpg").read_bytes()
    for number in range(40):
        (folder / f"{number}.jpg").write_bytes(content + bytes([number]))
    return folder


def test_the_samples_are_labelled(tmp_path: Path) -> None:
    run = pictell("batch", SAMPLES, "--output", tmp_path / "labels")
    assert run.returncode == 0
    assert f"{SAMPLE_PICTURES} pictures labelled in" in run.stdout
    found = {Path(row["source"]).name: row for row in rows(tmp_path / "labels")}
    assert found["cat.jpg"]["answer"]["name"] == "cat"
    again = pictell("batch", SAMPLES, "--output", tmp_path / "labels")
    assert (again.returncode, again.stdout[:18]) == (0, "0 pictures labelle")


def test_rows_are_what_the_main_command_says(tmp_path: Path) -> None:
    pictell("batch", SAMPLES, "-o", tmp_path / "labels", "--top-k", "2")
    main = pictell("--format", "jsonl", "--top-k", "2", SAMPLES).stdout.splitlines()
    for row, line in zip(rows(tmp_path / "labels"), main, strict=True):
        assert row.items() >= (json.loads(line) | {"timings": None}).items()


def test_broken_pictures_are_named_and_none_is_lost(tmp_path: Path, odd: Path) -> None:
    run = pictell("batch", odd, SAMPLES, "-o", tmp_path / "labels")
    assert run.returncode == 1
    plain = pictell("--format", "jsonl", odd, SAMPLES)
    expected = [json.loads(line) for line in plain.stdout.splitlines()]
    found = rows(tmp_path / "labels")
    assert [row["source"] for row in found] == [row["source"] for row in expected]
    failed = [row for row in found if "error" in row]
    assert len(failed) > 5
    assert [row["error"] for row in failed] == [row["error"] for row in expected if "error" in row]
    for row in failed:
        assert row["error"]["message"] in run.stderr
    again = pictell("batch", odd, SAMPLES, "-o", tmp_path / "labels")
    assert again.returncode == 1
    assert "--retry-failed" in again.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a decoder")
def test_a_picture_that_crashes_its_decoder_costs_one_row(tmp_path: Path) -> None:
    photos = shutil.copytree(SAMPLES, tmp_path / "photos")
    bomb(photos / "bomb.png")
    words = ("batch", photos, "--part-size", "4", "--max-memory", "100000000")
    run = pictell(*words, "-o", tmp_path / "labels")
    assert run.returncode == 1
    codes = {Path(row["source"]).name: row["error"]["code"] for row in failed(tmp_path / "labels")}
    assert codes == {"bomb.png": "out_of_memory"}
    assert len(rows(tmp_path / "labels")) == SAMPLE_PICTURES + 1
    # The limit is one of the other processes.
    run = pictell(*words, "-o", tmp_path / "others", "--no-isolate")
    assert (run.returncode, "given with isolate" in run.stderr) == (2, True)
    run = pictell("batch", photos, "-o", tmp_path / "others", "--no-isolate")
    assert run.returncode == 0


def failed(folder: Path) -> list[dict[str, Any]]:
    return [row for row in rows(folder) if "error" in row]


def test_a_dry_run_writes_nothing(tmp_path: Path, photos: Path) -> None:
    run = pictell("batch", photos, "-o", tmp_path / "labels", "--dry-run")
    assert (run.returncode, run.stderr) == (0, "")
    assert "40 pictures named, 40 to label\nabout " in run.stdout
    assert not (tmp_path / "labels").exists()
    pictell("batch", photos, "-o", tmp_path / "labels")
    before = sorted((tmp_path / "labels").rglob("*"))
    run = pictell("batch", photos, "-o", tmp_path / "labels", "--dry-run")
    assert run.stdout == "40 pictures named, 0 to label\n"
    assert sorted((tmp_path / "labels").rglob("*")) == before


READ_ONLY = """
mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 77
"$2" batch "$3" -o "$1" --dry-run
"""


@pytest.mark.skipif(not shutil.which("unshare"), reason="no namespaces to mount a folder in")
def test_a_dry_run_works_on_a_table_that_cannot_be_written(tmp_path: Path, photos: Path) -> None:
    pictell("batch", photos, "-o", tmp_path / "labels")
    (photos / "0.jpg").write_bytes((SAMPLES / "cat.jpg").read_bytes())
    words = [tmp_path / "labels", PICTELL, photos]
    run = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", READ_ONLY, "sh", *words],
        capture_output=True,
        text=True,
        timeout=100,
    )
    if run.returncode in {1, 77}:
        pytest.skip(f"no folder can be mounted read-only: {run.stderr}")
    assert (run.returncode, run.stderr) == (0, "")
    assert "40 pictures named, 1 to label, 1 of them again" in run.stdout


def test_globs_choose_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    for name in ("a.jpg", "b.png", "thumbs/a.jpg", "2023/c.jpg", "2023/thumbs/d.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SAMPLES / "cat.jpg", folder / name)
    words = ("--include", "*.jpg", "--exclude", "thumbs/*", "--exclude", "a.*")
    pictell("batch", folder, "-o", tmp_path / "labels", *words)
    assert [row["source"] for row in rows(tmp_path / "labels")] == [str(folder / "2023/c.jpg")]


def test_a_list_is_labelled(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"{SAMPLES}/cat.jpg\nnone.jpg\n")
    run = pictell("batch", "--from-file", "list.txt", "-o", "out.csv", cwd=tmp_path)
    assert run.returncode == 1
    assert "none.jpg: no such file or folder" in run.stderr
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["source", f"{SAMPLES}/cat.jpg", "none.jpg"]


def test_data_urls_of_a_list_are_labelled_once(tmp_path: Path) -> None:
    content = base64.b64encode((SAMPLES / "cat.jpg").read_bytes()).decode()
    listed = tmp_path / "list"
    listed.write_text(f"data:image/jpeg;base64,{content}\ndata:,x\n{SAMPLES / 'golf-ball.png'}\n")
    for planned in ("3 pictures", "0 pictures"):
        run = pictell("batch", "--from-file", listed, "-o", tmp_path / "labels")
        assert run.stdout.startswith(f"{planned} labelled")
    cat, text, _ = rows(tmp_path / "labels")
    assert cat["answer"]["name"] == "cat"
    assert text["error"]["code"] == "not_a_picture"
    assert len(cat["source"]) < 100
    assert cat["uri"].startswith("data:#sha256=")
    assert content[:100] not in run.stdout + run.stderr + json.dumps(rows(tmp_path / "labels"))


def test_a_list_of_hostile_urls_costs_their_own_rows_only(tmp_path: Path) -> None:
    listed = tmp_path / "list"
    urls = [
        *(b"http://\xff127.0.0.1/", b"http://[bad/a.jpg", b"http://me:secret@[bad/a.jpg"),
        *(b"ftp://\xff/a.jpg", b"memory://\xff/a.jpg", b"nope://host/a.jpg", b"://", b"http://"),
        *(b"s3://me:secret@bucket/a.jpg", b"ftp://me:secret@host/a.jpg", b"http:/me:secret@host"),
        *(b"zip://a.jpg::http://127.0.0.1/a.zip", b"//me:secret@host/", b"file:///etc/passwd"),
    ]
    listed.write_bytes(b"\n".join([*urls, bytes(SAMPLES / "golf-ball.png")]))
    run = pictell("batch", "--from-file", listed, "-o", tmp_path / "labels")
    assert run.returncode == 1
    assert "secret" not in run.stderr + json.dumps(rows(tmp_path / "labels"))
    assert len(run.stderr.splitlines()) >= len(urls)
    *failed_rows, ball = rows(tmp_path / "labels")
    assert ball["answer"]["name"] == "golf ball"
    assert {row["error"]["code"] for row in failed_rows} == {"address_refused", "source_not_found"}


@pytest.mark.parametrize(
    "words",
    [
        ("http:/me:secret@host/a.jpg", "-o", "labels"),
        ("//me:secret@host/a.jpg", "-o", "labels"),
        ("s3://me:secret@bucket/", "-o", "labels"),
        ("samples", "-o", "s3://me:secret@bucket/labels"),
        ("samples", "-o", "labels", "--model", "http://me:secret@host/model"),
        ("--from-file", "http://me:secret@host/list", "-o", "labels"),
        ("samples", "-o", "labels", "--proxy", "http:///me:secret@host"),
        ("samples", "http://me:secret@host/", "-o", "labels", "--unknown=http://me:secret@host"),
    ],
)
def test_no_password_is_shown(tmp_path: Path, words: tuple[str, ...]) -> None:
    run = pictell("batch", *words, cwd=tmp_path)
    assert run.returncode != 0
    assert "secret" not in run.stdout + run.stderr


def test_embeddings_are_added(tmp_path: Path) -> None:
    run = pictell("batch", SAMPLES / "cat.jpg", "-o", tmp_path / "labels", "--embedding")
    assert run.returncode == 0
    (row,) = rows(tmp_path / "labels")
    assert len(row["embedding"]) == 1280
    assert sum(number**2 for number in row["embedding"]) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-o", "labels"), "no picture given"),
        (("cat.jpg", "-o", "memory://labels"), "is lost when the command ends"),
        (("cat.jpg", "-o", ""), "--output is empty"),
        (("cat.jpg",), "the following arguments are required: -o/--output"),
        (("-", "-o", "labels"), "leave batch out"),
        (("cat.jpg", "-o", "labels.csv", "--embedding"), "CSV has no embeddings"),
        (("cat.jpg", "-o", "labels.csv", "--format", "jsonl"), "is not jsonl"),
        (("cat.jpg", "-o", "cat.jpg/x"), "cat.jpg/x/.pictell cannot be written"),
        (("cat.jpg", "-o", "labels", "--part-size", "0"), "must be 1 or more"),
        (("cat.jpg", "-o", "labels", "--watch"), "--watch needs folders"),
        ((".", "-o", "labels.csv", "--watch"), "give a folder as --output"),
        (("--from-file", "none.txt", "-o", "labels"), "none.txt: no such file"),
        (("--from-file", ".", "-o", "labels"), "a folder, not a list"),
        (("cat.jpg", "-o", "labels", "--include", ""), "must not be empty"),
        (("cat.jpg", "-o", "labels", "--exclude", ""), "must not be empty"),
    ],
)
def test_wrong_use_is_one_line(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    shutil.copy(SAMPLES / "cat.jpg", tmp_path)
    run = pictell("batch", *words, cwd=tmp_path)
    assert (run.returncode, run.stdout) == (2, "")
    assert message in run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["cat.jpg"]


def test_other_options_on_the_same_table_are_refused(tmp_path: Path) -> None:
    pictell("batch", SAMPLES, "-o", tmp_path / "labels")
    before = rows(tmp_path / "labels")
    run = pictell("batch", SAMPLES, "-o", tmp_path / "labels", "--top-k", "1")
    assert run.returncode == 2
    assert "another --top-k (5, now 1)" in run.stderr
    run = pictell("batch", SAMPLES, "-o", tmp_path / "labels", "--flat")
    assert run.returncode == 2
    assert "without --flat" in run.stderr
    (tmp_path / "names").write_text("281,tabby\n")
    run = pictell("batch", SAMPLES, "-o", tmp_path / "labels", "--labels-from", tmp_path / "names")
    assert run.returncode == 2
    assert "other labels" in run.stderr
    assert rows(tmp_path / "labels") == before


def test_an_unreadable_folder_prunes_nothing(tmp_path: Path) -> None:
    folder = shutil.copytree(SAMPLES, tmp_path / "photos")
    pictell("batch", folder, "-o", tmp_path / "labels")
    for path in folder.iterdir():
        path.unlink()
    run = pictell("batch", folder, "-o", tmp_path / "labels", "--prune")
    assert run.returncode == 1
    assert "the folder has no pictures" in run.stderr
    assert "no row is dropped" in run.stderr
    assert len(rows(tmp_path / "labels")) == SAMPLE_PICTURES


def test_a_missing_folder_prunes_nothing(tmp_path: Path) -> None:
    folder = shutil.copytree(SAMPLES, tmp_path / "photos")
    pictell("batch", folder, "-o", tmp_path / "labels")
    before = rows(tmp_path / "labels")
    folder.rename(tmp_path / "away")
    run = pictell("batch", folder, "-o", tmp_path / "labels", "--prune", "--include", "*.jpg")
    assert run.returncode == 1
    assert "no row is dropped" in run.stderr
    assert "--prune drops" not in run.stderr
    assert [row for row in rows(tmp_path / "labels") if row in before] == before
    (tmp_path / "away").rename(folder)
    assert pictell("batch", folder, "-o", tmp_path / "labels", "--prune").returncode == 0
    assert rows(tmp_path / "labels") == before


@pytest.mark.parametrize("name", ["none", "none.jpg", "link.jpg", "cat.jpg/x"])
def test_what_is_named_and_missing_is_no_row(tmp_path: Path, name: str) -> None:
    shutil.copy(SAMPLES / "cat.jpg", tmp_path)
    (tmp_path / "link.jpg").symlink_to("nowhere.jpg")
    words = ("cat.jpg", name, "-o", "labels", "--prune", "--include", "*.jpg")
    run = pictell("batch", *words, cwd=tmp_path)
    assert run.returncode == 1
    assert f"pictell: {name}: " in run.stderr
    assert "no row is dropped" in run.stderr
    assert [row["source"] for row in rows(tmp_path / "labels")] == ["cat.jpg"]
    run = pictell("batch", *words, "--dry-run", cwd=tmp_path)
    assert run.returncode == 1
    assert "1 picture named, 0 to label" in run.stdout


def test_a_row_stays_when_its_picture_is_named_and_missing(tmp_path: Path) -> None:
    shutil.copy(SAMPLES / "cat.jpg", tmp_path)
    pictell("batch", "cat.jpg", "-o", "labels", cwd=tmp_path)
    before = rows(tmp_path / "labels")
    (tmp_path / "cat.jpg").unlink()
    assert pictell("batch", "cat.jpg", "-o", "labels", cwd=tmp_path).returncode == 1
    assert rows(tmp_path / "labels") == before


def test_globs_that_match_nothing_are_named(tmp_path: Path) -> None:
    globs = ("--include", "*.jpg", "--include", "*.jgp", "--exclude", "thumbs/*")
    run = pictell("batch", SAMPLES, "-o", tmp_path / "labels", *globs)
    assert run.returncode == 0
    assert [line for line in run.stderr.splitlines() if "matches no picture" in line] == [
        "pictell: --include *.jgp matches no picture",
        "pictell: --exclude thumbs/* matches no picture",
    ]
    run = pictell("batch", SAMPLES, "-o", tmp_path / "labels", *globs, "-q")
    assert (run.returncode, run.stderr) == (0, "")


def test_larger_limits_make_rows_of_pictures_that_were_too_large(tmp_path: Path) -> None:
    words = ("batch", SAMPLES, "-o", tmp_path / "labels")
    assert pictell(*words, "--max-bytes", "1000", "--max-pixels", "1000").returncode == 1
    assert all("(--max-" in row["error"]["message"] for row in rows(tmp_path / "labels"))
    assert pictell(*words, "--retry-failed").returncode == 0
    assert not failed(tmp_path / "labels")


def test_a_table_without_its_description_says_what_to_do(tmp_path: Path) -> None:
    words = ("batch", SAMPLES, "-o", tmp_path / "labels")
    pictell(*words)
    before = rows(tmp_path / "labels")
    (tmp_path / "labels" / ".pictell" / "job.json").unlink()
    for more in ((), ("--dry-run",)):
        run = pictell(*words, *more)
        assert (run.returncode, run.stdout) == (2, "")
        assert "--adopt" in run.stderr
        assert len(run.stderr.splitlines()) == 1
    assert "0 to label" in pictell(*words, "--adopt", "--dry-run").stdout
    assert not (tmp_path / "labels" / ".pictell" / "job.json").exists()
    assert pictell(*words, "--adopt").stdout.startswith("0 pictures labelled")
    assert pictell(*words).stdout.startswith("0 pictures labelled")
    assert rows(tmp_path / "labels") == before


def start(photos: Path, output: Path, *words: str) -> subprocess.Popen[str]:
    """A run with small parts."""
    return subprocess.Popen(
        [PICTELL, "batch", photos, "-o", output, "--part-size", "4", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_ctrl_c_says_how_to_go_on(tmp_path: Path, photos: Path) -> None:
    output = tmp_path / "labels"
    with start(photos, output) as process:
        wait_until(lambda: list(output.glob("part-*")))
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT
    assert stderr == f"pictell: stopped: run the same command again to go on with {output}\n"
    assert 0 < len(rows(output)) < 40
    pictell("batch", photos, "-o", output, "--part-size", "4")
    assert len(rows(output)) == 40


def test_pictures_that_arrive_are_labelled_until_ctrl_c(tmp_path: Path) -> None:
    inbox, output = tmp_path / "inbox", tmp_path / "labels"
    inbox.mkdir()
    shutil.copy2(SAMPLES / "cat.jpg", inbox)
    with start(inbox, output, "--watch") as process:
        wait_until(lambda: len(rows(output)) == 1)
        shutil.copy(SAMPLES / "golf-ball.png", inbox)
        shutil.copytree(SAMPLES, inbox / "more")
        wait_until(lambda: len(rows(output)) == 2 + SAMPLE_PICTURES)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT
    assert "pictell: stopped" in stderr
    assert "golf ball" in {row["answer"] and row["answer"]["name"] for row in rows(output)}
    assert pictell("batch", inbox, "-o", output).stdout.startswith("0 pictures labelled")


def test_a_watched_folder_may_be_empty_at_first(tmp_path: Path) -> None:
    inbox, output = tmp_path / "inbox", tmp_path / "labels"
    inbox.mkdir()
    with start(inbox, output, "--watch") as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("0 pictures labelled")
        shutil.copy2(SAMPLES / "cat.jpg", inbox)
        wait_until(lambda: len(rows(output)) == 1)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    assert stderr.splitlines() == [
        f"pictell: stopped: run the same command again to go on with {output}"
    ]


def test_another_run_is_refused_while_one_is_running(tmp_path: Path, photos: Path) -> None:
    output = tmp_path / "labels"
    with start(photos, output) as process:
        wait_until(lambda: list(output.glob("part-*")))
        process.send_signal(signal.SIGSTOP)
        run = pictell("batch", photos, "-o", output)
        dry = pictell("batch", photos, "-o", output, "--dry-run")
        process.send_signal(signal.SIGCONT)
        process.communicate(timeout=60)
    assert (run.returncode, run.stdout) == (2, "")
    assert f"another pictell batch is writing to {output}" in run.stderr
    assert (dry.returncode, dry.stdout[:18]) == (0, "40 pictures named,")
    assert process.returncode == 0
    assert len(rows(output)) == 40


FULL_DISK = """
mkdir "$1"; mount -t tmpfs -o size=220k none "$1" || exit 77
"$2" batch "$3" -o "$1/labels" --part-size 4; first=$?
ls -A "$1/labels"
mount -o remount,size=20m "$1"
"$2" batch "$3" -o "$1/labels" --part-size 4 || exit 78
cp -r "$1/labels" "$4"
exit $first
"""


@pytest.mark.skipif(not shutil.which("unshare"), reason="no namespaces to mount a small disk in")
def test_a_full_disk_stops_the_run_which_then_goes_on(tmp_path: Path, photos: Path) -> None:
    words = [tmp_path / "disk", PICTELL, photos, tmp_path / "copy"]
    run = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", FULL_DISK, "sh", *words],
        capture_output=True,
        text=True,
        timeout=100,
    )
    if run.returncode in {1, 77}:
        pytest.skip(f"no small disk can be mounted: {run.stderr}")
    assert run.returncode == 2, run.stderr
    assert "No space left" in run.stderr or "disk is full" in run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert ".draft" not in run.stdout
    assert len(rows(tmp_path / "copy")) == 40


@pytest.mark.parametrize("rounds", [4])
def test_kills_at_any_moment_lose_no_picture(tmp_path: Path, photos: Path, rounds: int) -> None:
    expected = tmp_path / "undisturbed"
    pictell("batch", photos, "-o", expected, "--part-size", "4")
    output, finished = tmp_path / "labels", 0
    for number in range(1, rounds + 1):
        with start(photos, output) as process:
            wait_until(lambda least=finished: len(list(output.glob("part-*"))) > least)
            process.kill()
            process.wait()
        finished = len(list(output.glob("part-*")))
        # Each part is whole, and no two have the same picture.
        table = rows(output)
        assert len({row["uri"] for row in table}) == len(table) == 4 * finished >= 4 * number
    run = pictell("batch", photos, "-o", output, "--part-size", "4")
    assert run.returncode == 0
    assert rows(output) == rows(expected)
    assert not list(output.glob(".draft-*"))
