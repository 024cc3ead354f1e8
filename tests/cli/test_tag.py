"""``pictell tag`` as a subprocess, with real photos."""

import fcntl
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from command import PICTELL, ROOT, environment, pictell
from sidecar_files import DC, FORMS, described, listed, packet
from waiting import wait_until

SAMPLES = ROOT / "samples"
BROKEN = b"<x:xmpmeta>"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("cat.jpg", "noise.png", "traffic-light.png", "golf-ball.png"):
        shutil.copy(SAMPLES / name, folder)
    return folder


def tag(photos: Path, *words: str | bytes | Path, **options: Any) -> CompletedProcess[str]:
    """Run the command; its journals are beside the photos."""
    variables = environment(XDG_DATA_HOME=str(photos.parent / "data"), **options)
    return pictell("tag", *words, env=variables)


def undo(photos: Path) -> CompletedProcess[str]:
    return pictell("undo", env=environment(XDG_DATA_HOME=str(photos.parent / "data")))


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """All files with their bytes and times."""
    return {
        one.name: (one.read_bytes(), one.stat().st_mtime_ns)
        for one in folder.iterdir()
        if one.is_file()
    }


def sidecars(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir() if one.suffix.lower() == ".xmp"}


def test_sure_answers_become_keywords(photos: Path) -> None:
    before = contents(photos)
    run = tag(photos, photos)
    assert run.returncode == 0
    assert sorted(run.stdout.splitlines()) == [
        f"{photos}/cat.jpg  + cat",
        f"{photos}/golf-ball.png  + sports equipment, ball, golf ball",
    ]
    assert "2 sidecars written; 2 photos without a sure answer" in run.stderr
    assert sidecars(photos) == {"cat.jpg.xmp", "golf-ball.png.xmp"}
    assert {name: contents(photos)[name] for name in before} == before
    text = (photos / "cat.jpg.xmp").read_text()
    assert "<rdf:li>animal|mammal|cat</rdf:li>" in text
    assert "<rdf:li>animal/mammal/cat</rdf:li>" in text
    # Mammal is a heading: it says too little.
    assert "<rdf:li>mammal</rdf:li>" not in text


def test_a_second_run_writes_nothing(photos: Path) -> None:
    tag(photos, photos)
    before = contents(photos)
    run = tag(photos, photos)
    assert (run.returncode, run.stdout) == (0, "")
    assert contents(photos) == before
    # The run to undo is the first one.
    assert undo(photos).returncode == 0
    assert not sidecars(photos)


def test_remove_takes_the_sidecars_away(photos: Path) -> None:
    before = contents(photos)
    tag(photos, photos)
    run = tag(photos, photos, "--remove")
    assert (run.returncode, len(run.stdout.splitlines())) == (0, 2)
    assert contents(photos) == before


def test_remove_brings_the_bytes_of_a_sidecar_back(photos: Path) -> None:
    for number, form in enumerate(FORMS.values()):
        shutil.copy(SAMPLES / "cat.jpg", photos / f"{number}.jpg")
        (photos / f"{number}.jpg.xmp").write_bytes(form.encode())
    before = {name: content for name, (content, _) in contents(photos).items()}
    assert tag(photos, photos).returncode == 0
    for number in range(len(FORMS)):
        assert b"AddedSubject" in (photos / f"{number}.jpg.xmp").read_bytes()
    assert tag(photos, photos, "--remove").returncode == 0
    assert {name: content for name, (content, _) in contents(photos).items()} == before


def test_undo_puts_everything_back(photos: Path) -> None:
    (photos / "cat.jpg.xmp").write_text(FORMS["darktable"])
    before = contents(photos)
    tag(photos, photos)
    after = contents(photos)
    assert undo(photos).returncode == 0
    assert {name: one[0] for name, one in contents(photos).items()} == {
        name: one[0] for name, one in before.items()
    }
    tag(photos, photos)
    tag(photos, photos, "--remove")
    assert undo(photos).returncode == 0
    assert {name: one[0] for name, one in contents(photos).items()} == {
        name: one[0] for name, one in after.items()
    }


def test_likely_answers_are_keywords_if_asked(photos: Path) -> None:
    run = tag(photos, photos, "--status", "sure,likely")
    assert "traffic light" in run.stdout
    assert len(sidecars(photos)) == 3
    # And without it they are not.
    run = tag(photos, photos)
    assert run.stdout.startswith(f"{photos}/traffic-light.png  - ")
    assert len(sidecars(photos)) == 2


def test_other_names_and_another_depth_replace_the_keywords(photos: Path) -> None:
    tag(photos, photos)
    run = tag(photos, photos / "cat.jpg", "--labels-from", SAMPLES / "german.csv")
    assert run.stdout == f"{photos}/cat.jpg  + Katze  - cat\n"
    run = tag(photos, photos / "cat.jpg", "--max-depth", "1")
    assert run.stdout == f"{photos}/cat.jpg  + animal  - Katze\n"
    run = tag(photos, photos / "cat.jpg", "--min-confidence", "1")
    assert run.stdout == f"{photos}/cat.jpg  - animal\n"
    assert not (photos / "cat.jpg.xmp").exists()


def test_dry_run_changes_nothing(photos: Path) -> None:
    before = contents(photos)
    run = tag(photos, photos, "--dry-run")
    assert len(run.stdout.splitlines()) == 2
    assert contents(photos) == before
    tag(photos, photos)
    before = contents(photos)
    assert len(tag(photos, photos, "--remove", "-n").stdout.splitlines()) == 2
    assert contents(photos) == before


def test_json(photos: Path) -> None:
    (photos / "golf-ball.png.xmp").write_bytes(BROKEN)
    run = tag(photos, photos, "--format", "json")
    assert run.returncode == 1
    found = {Path(one["source"]).name: one for one in json.loads(run.stdout)}
    assert found["cat.jpg"]["outcome"] == "written"
    assert found["cat.jpg"]["added"] == ["cat"]
    assert found["noise.png"]["outcome"] == "absent"
    assert found["golf-ball.png"]["outcome"] == "failed"
    assert found["golf-ball.png"]["error"]
    run = tag(photos, photos, "--format", "jsonl")
    assert run.returncode == 1
    outcomes = {
        Path(one["source"]).name: one["outcome"] for one in map(json.loads, run.stdout.splitlines())
    }
    assert outcomes["cat.jpg"] == "unchanged"
    assert len(outcomes) == 4


def test_json_has_a_record_for_each_photo_of_a_sidecar(photos: Path) -> None:
    shutil.copy(SAMPLES / "golf-ball.png", photos / "cat.png")
    run = tag(photos, photos / "cat.jpg", photos / "cat.png", "--sidecar", "stem", "-f", "jsonl")
    records = [json.loads(line) for line in run.stdout.splitlines()]
    assert [one["source"] for one in records] == [f"{photos}/cat.jpg", f"{photos}/cat.png"]
    assert {one["sidecar"] for one in records} == {f"{photos}/cat.xmp"}
    assert "1 sidecar written" in run.stderr


def test_an_existing_sidecar_of_a_photo_program_is_used(photos: Path) -> None:
    (photos / "cat.xmp").write_text(FORMS["Lightroom"])
    tag(photos, photos / "cat.jpg")
    assert sidecars(photos) == {"cat.xmp"}
    assert b"<rdf:li>cat</rdf:li>" in (photos / "cat.xmp").read_bytes()
    tag(photos, photos / "cat.jpg", "--sidecar", "name")
    assert sidecars(photos) == {"cat.xmp", "cat.jpg.xmp"}
    tag(photos, photos / "cat.jpg", "--remove")
    assert sidecars(photos) == {"cat.xmp"}
    assert (photos / "cat.xmp").read_text() == FORMS["Lightroom"]


def test_photos_with_one_stem_share_a_sidecar(photos: Path) -> None:
    shutil.copy(SAMPLES / "golf-ball.png", photos / "cat.png")
    run = tag(photos, photos / "cat.jpg", photos / "cat.png", "--sidecar", "stem")
    assert run.returncode == 0
    assert sidecars(photos) == {"cat.xmp"}
    text = (photos / "cat.xmp").read_text()
    assert "<rdf:li>cat</rdf:li>" in text
    assert "<rdf:li>golf ball</rdf:li>" in text
    assert len(run.stdout.splitlines()) == 2


def test_the_sidecars_that_a_shell_gives_are_no_photos(photos: Path) -> None:
    tag(photos, photos)
    run = tag(photos, *sorted(photos.iterdir()))
    assert (run.returncode, run.stdout) == (0, "")


def test_a_sidecar_that_cannot_be_used_costs_one_photo(photos: Path) -> None:
    for name in "abcdef":
        shutil.copy(SAMPLES / "cat.jpg", photos / f"{name}.jpg")
    (photos / "a.jpg.xmp").write_bytes(BROKEN)
    (photos / "b.jpg.xmp").mkdir()
    os.mkfifo(photos / "c.jpg.xmp")
    (photos / "d.jpg.xmp").symlink_to("nowhere.xmp")
    (photos / "e.jpg.xmp").write_text(FORMS["exiftool"])
    (photos / "e.jpg.xmp").chmod(0o444)
    run = tag(photos, photos)
    assert run.returncode == 1
    lines = [line for line in run.stderr.splitlines() if ".jpg.xmp" in line]
    assert [Path(line.split(": ")[1]).name[0] for line in lines] == list("abcde")
    assert (photos / "a.jpg.xmp").read_bytes() == BROKEN
    assert (photos / "e.jpg.xmp").read_text() == FORMS["exiftool"]
    assert (photos / "f.jpg.xmp").is_file()
    assert not os.path.lexists(photos / "nowhere.xmp")


def test_a_link_stays_a_link_and_permissions_stay(photos: Path) -> None:
    real = photos.parent / "real.xmp"
    real.write_text(FORMS["exiftool"])
    real.chmod(0o640)
    (photos / "cat.jpg.xmp").symlink_to(real)
    assert tag(photos, photos / "cat.jpg").returncode == 0
    assert (photos / "cat.jpg.xmp").is_symlink()
    assert "<rdf:li>cat</rdf:li>" in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


def test_strange_names(photos: Path) -> None:
    names = [
        b"new\nline.jpg",
        b"\xff\xfe.jpg",
        b"a'\"&<>.jpg",
        "ü.jpg".encode(),
        b"x" * 250 + b".jpg",
    ]
    for name in names:
        shutil.copy(SAMPLES / "cat.jpg", os.fsencode(photos) + b"/" + name)
    run = tag(photos, photos, "--format", "json")
    # The name of the last sidecar is too long.
    assert run.returncode == 1
    assert [one["outcome"] for one in json.loads(run.stdout)].count("failed") == 1
    made = {os.fsencode(name) for name in sidecars(photos)}
    assert {name + b".xmp" for name in names[:-1]} <= made
    assert len(tag(photos, photos, "--remove").stdout.splitlines()) == 6
    assert not sidecars(photos)


def test_a_photo_that_cannot_be_read_keeps_its_keywords(photos: Path) -> None:
    tag(photos, photos)
    (photos / "cat.jpg").write_bytes(b"\xff\xd8\xff broken")
    before = (photos / "cat.jpg.xmp").read_bytes()
    run = tag(photos, photos)
    assert run.returncode == 1
    assert (photos / "cat.jpg.xmp").read_bytes() == before
    assert tag(photos, photos, "--remove").returncode == 0
    assert not sidecars(photos)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["https://example.org/cat.jpg"],
        ["-"],
        ["cat.jpg.xmp"],
        ["cat.jpg", "--flat"],
        ["cat.jpg", "--status", "unsure"],
        ["cat.jpg", "--sidecar", "beside"],
        ["cat.jpg", "--remove", "--status", "sure"],
        ["cat.jpg", "--remove", "--min-confidence", "0.9"],
        ["cat.jpg", "--remove", "--max-depth", "1"],
        ["cat.jpg", "--remove", "--labels-from", "names.csv"],
        ["cat.jpg", "--remove", "--model", "default"],
    ],
)
def test_wrong_use(photos: Path, words: list[str]) -> None:
    run = tag(photos, *words)
    assert (run.returncode, run.stdout) == (2, "")
    assert len(run.stderr.splitlines()) == 1
    assert "Traceback" not in run.stderr


def test_a_missing_photo_is_named(photos: Path) -> None:
    for words in ([], ["--remove"]):
        run = tag(photos, photos / "none.jpg", photos / "cat.jpg", *words)
        assert run.returncode == 1
        assert "none.jpg" in run.stderr
        assert "cat.jpg  " in run.stdout


@pytest.fixture
def many(photos: Path) -> Path:
    for number in range(200):
        shutil.copy(SAMPLES / "cat.jpg", photos / f"{number}.jpg")
    return photos


def stopped(photos: Path, *words: str | Path, stdout: int) -> tuple[int, str, int]:
    """The exit status, the messages and the number of sidecars of a run whose output fails."""
    variables = environment(XDG_DATA_HOME=str(photos.parent / "data"))
    run = subprocess.run(
        [PICTELL, "tag", *words, "-q"],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=variables,
        text=True,
        timeout=60,
    )
    return run.returncode, run.stderr, len(sidecars(photos))


@pytest.mark.parametrize("format_", ["text", "json", "jsonl"])
def test_a_run_whose_output_fails_says_how_far_it_came(many: Path, format_: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    status, messages, made = stopped(many, many, "-f", format_, stdout=writer)
    os.close(writer)
    assert status == -signal.SIGPIPE
    assert made == (202 if format_ == "json" else 1)
    assert f"stopped: {made} of 202 sidecars" in messages
    assert undo(many).returncode == 0
    assert not sidecars(many)
    with Path("/dev/full").open("wb") as full:
        status, messages, made = stopped(many, many, "-f", format_, stdout=full.fileno())
    assert status == 1
    assert f"stopped: {made} of 202 sidecars" in messages
    assert "cannot write the output" in messages


def test_a_dry_run_that_stops_wrote_nothing(photos: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        status, messages, _ = stopped(photos, photos, "-n", stdout=full.fileno())
    assert (status, len(messages.splitlines())) == (1, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="the size of a pipe is set")
def test_ctrl_c_says_how_far_it_came(many: Path) -> None:
    reader, writer = os.pipe()
    # The run waits for a reader when 4096 bytes are written.
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    with subprocess.Popen(
        [PICTELL, "tag", many, "-q", "-f", "jsonl"],
        stdout=writer,
        stderr=subprocess.PIPE,
        env=environment(XDG_DATA_HOME=str(many.parent / "data")),
        text=True,
    ) as process:
        wait_until(lambda: len(sidecars(many)) > 5)
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate(timeout=60)
    os.close(writer)
    os.close(reader)
    assert process.returncode == -signal.SIGINT
    (line,) = messages.splitlines()
    told = int(line.removeprefix("pictell: stopped: ").split()[0])
    # A sidecar may be written just before the keys are pressed.
    assert told <= len(sidecars(many)) <= told + 1


def test_only_the_keywords_of_pictell_are_shown(photos: Path) -> None:
    sidecar = photos / "cat.jpg.xmp"
    sidecar.write_text(packet(described(listed("dc:subject", "Bag", "holiday", "cat"), DC)))
    line = f"{photos}/cat.jpg  {{}} animal/mammal/cat\n"
    assert tag(photos, photos / "cat.jpg").stdout == line.format("+")
    assert "<rdf:li>holiday</rdf:li>" in sidecar.read_text()
    assert tag(photos, photos / "cat.jpg", "--remove").stdout == line.format("-")


def test_a_deleted_keyword_has_no_line_when_the_rest_is_removed(photos: Path) -> None:
    tag(photos, photos / "cat.jpg")
    sidecar = photos / "cat.jpg.xmp"
    text = sidecar.read_text()
    for value in ("cat", "animal|mammal|cat", "animal/mammal/cat"):
        text = text.replace(f"<rdf:li>{value}</rdf:li>", "", 1)
    sidecar.write_text(text)
    run = tag(photos, photos / "cat.jpg", "--remove")
    assert (run.returncode, run.stdout) == (0, "")
    assert "<pictell:" not in sidecar.read_text()
