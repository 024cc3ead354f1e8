"""``pictell find`` as a person runs it, on real pictures."""

import csv
import io
import json
import os
import shutil
import subprocess
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from PIL import Image

import fake_model
from command import PICTELL, ROOT, environment, pictell

SAMPLES = ROOT / "samples"
NAMES = ("cat.jpg", "espresso.jpg", "noise.png", "wall-clock.png")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``photos``, and the folder that keeps what is known of them."""
    made = tmp_path_factory.mktemp("find")
    (made / "photos").mkdir()
    for name in NAMES:
        shutil.copy(SAMPLES / name, made / "photos")
    return made


def find(folder: Path, *words: str | bytes | Path, **options: Any) -> CompletedProcess[str]:
    own = environment(XDG_DATA_HOME=str(folder / "data"))
    return pictell("find", *words, cwd=folder, env=own, **options)


def names(run: CompletedProcess[str]) -> list[str]:
    assert run.returncode == 0, run.stderr
    return [Path(line.split("  ")[0]).name for line in run.stdout.splitlines()]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("cat", ["cat.jpg"]),
        ("ANIMALS", ["cat.jpg"]),
        ("espresso or clock", ["wall-clock.png", "espresso.jpg"]),
        ("animal not cat", []),
        ("not animal", ["espresso.jpg", "wall-clock.png"]),
    ],
)
def test_words_find_photos(folder: Path, query: str, found: list[str]) -> None:
    assert names(find(folder, query, "photos")) == found


def test_likeness_finds_photos_by_a_picture_that_is_elsewhere(folder: Path) -> None:
    with Image.open(SAMPLES / "cat.jpg") as picture:
        picture.resize((200, 133)).save(folder / "small.png")
    run = find(folder, "--like", "small.png", "photos/", "--limit", "2")
    assert names(run)[0] == "cat.jpg"
    assert "1 photo with a likeness of 0.5" in run.stderr
    run = find(folder, "--like", "small.png", "photos/", "--limit", "2", "--min-likeness", "0")
    assert "2 of" in run.stderr
    run = find(folder, "animal", "photos", "--like", SAMPLES / "espresso.jpg")
    assert names(run) == ["cat.jpg"]
    run = find(folder, "--like", "photos/cat.jpg", "--like", "photos/espresso.jpg", "photos")
    assert set(names(run)[:2]) == {"cat.jpg", "espresso.jpg"}


def test_the_same_picture_has_a_likeness_of_1(folder: Path) -> None:
    run = find(folder, "--like", "photos/cat.jpg", "photos", "--format", "jsonl")
    first = json.loads(run.stdout.splitlines()[0])
    assert first["source"] == "photos/cat.jpg"
    assert first["likeness"] == pytest.approx(1, abs=1e-5)
    assert first["score"] is None


def test_formats_for_programs_have_the_same_fields(folder: Path) -> None:
    lines = find(folder, "cat, clock", "photos", "--format", "jsonl").stdout.splitlines()
    records = [json.loads(line) for line in lines]
    assert [record["source"] for record in records] == ["photos/wall-clock.png", "photos/cat.jpg"]
    assert records[0]["best_class"] == "wall clock"
    assert json.loads(find(folder, "cat, clock", "photos", "--format", "json").stdout) == records
    table = find(folder, "cat, clock", "photos", "--format", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["source"] for row in rows] == [record["source"] for record in records]
    assert list(rows[0]) == list(records[0])


def test_nothing_found_is_said_and_is_no_failure(folder: Path) -> None:
    for format_, empty in (("text", ""), ("json", "[]\n"), ("jsonl", "")):
        run = find(folder, "dog", "photos", "--format", format_)
        assert (run.returncode, run.stdout) == (0, empty)
        assert "no photo is found" in run.stderr
    assert find(folder, "dog", "photos", "--quiet").stderr == ""


def test_names_end_with_nul_for_xargs(folder: Path, tmp_path: Path) -> None:
    odd = ["new\nline.jpg", os.fsdecode(b"caf\xe9.jpg"), "-n.jpg"]
    for name in odd:
        shutil.copy(SAMPLES / "cat.jpg", tmp_path / name)
    own = environment(XDG_DATA_HOME=str(folder / "data"))
    words = [PICTELL, "find", "cat", ".", "--null"]
    run = subprocess.run(words, capture_output=True, cwd=tmp_path, env=own)
    assert run.returncode == 0
    listed = [os.fsdecode(name) for name in run.stdout.split(b"\0")]
    assert listed.pop() == ""
    # No program takes a name for an option.
    assert sorted(listed) == sorted([*odd[:2], f"./{odd[2]}"])


def test_a_name_that_is_two_lines_needs_null(folder: Path, tmp_path: Path) -> None:
    for name in ("a.jpg", "new\nline.jpg"):
        shutil.copy(SAMPLES / "cat.jpg", tmp_path / name)
    run = find(folder, "cat", tmp_path, "--names-only")
    assert (run.returncode, run.stdout) == (2, "")
    assert "--null" in run.stderr


def test_a_photo_that_cannot_be_read_is_named_and_the_others_are_searched(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    run = find(folder, "cat", tmp_path, "photos", "gone.jpg")
    assert run.returncode == 1
    assert "broken.jpg" in run.stderr
    assert "gone.jpg" in run.stderr
    assert run.stdout.startswith("photos/cat.jpg ")


def test_a_photo_named_twice_is_found_once(folder: Path) -> None:
    run = find(folder, "cat", "photos", "photos/../photos/cat.jpg", "photos", "--limit", "2")
    assert names(run) == ["cat.jpg"]


def test_a_second_word_that_is_no_file_is_hinted_at(folder: Path) -> None:
    run = find(folder, "cat", "dog", "photos")
    assert run.returncode == 1
    assert "pictell find 'cat dog'" in run.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["catt", "photos"], "did you mean cat"),
        (["dog not", "photos"], "not without a word"),
        (["", "photos"], "no words"),
        (["cat"], "no photo given"),
        (["photos"], "name the photos too"),
        ([], "no query given"),
        (["cat", "-"], "standard input"),
        (["cat", "https://example.org/a.jpg"], "URL"),
        (["--taken", "2024-13", "photos"], "no such date"),
        (["cat", "photos", "--taken", "2025..2024"], "ends before"),
        (["cat", "photos", "--html", "-"], "--html -"),
        (["--like", "-", "photos"], "standard input"),
        (["--like", "https://example.org/a.jpg", "photos"], "URL"),
        (["cat", "photos", "--min-likeness", "0.5"], "--min-likeness"),
        (["cat", "-n", "2", "photos"], "-n"),
        (["--like", "gone.jpg", "photos"], "gone.jpg"),
        (["--like", "photos", "photos"], "a folder"),
        (["--like", "photos/notes.txt", "photos"], "--like photos/notes.txt"),
        (["--like", "photos/cat.jpg", "photos", "--min-score", "0.5"], "--min-score"),
        (["cat", "photos", "--null", "--format", "json"], "--null"),
        (["cat", "photos", "--limit", "0"], "1 or more"),
        (["cat", "photos", "--html", "photos"], "is a folder"),
        (["cat", "photos", "--html", "gone/page.html"], "no folder"),
    ],
)
def test_wrong_use_is_one_line_before_any_photo_is_read(
    folder: Path, words: list[str], said: str
) -> None:
    (folder / "photos/notes.txt").write_text("no picture")
    run = find(folder, *words)
    assert (run.returncode, run.stdout) == (2, "")
    assert said in run.stderr
    assert run.stderr.count("\n") == 1


def test_a_label_that_is_also_a_folder_is_never_guessed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "dog").mkdir()
    shutil.copy(SAMPLES / "cat.jpg", tmp_path / "dog")
    own = environment(XDG_DATA_HOME=str(folder / "data"))
    like = ["--like", SAMPLES / "cat.jpg"]
    run = pictell("find", "dog", "dog", *like, cwd=tmp_path, env=own)
    assert run.returncode == 2
    assert "--words dog" in run.stderr
    run = pictell("find", "./dog", "dog/cat.jpg", *like, cwd=tmp_path, env=own)
    assert names(run) == ["cat.jpg"]
    run = pictell("find", "--words", "cat", "dog", *like, cwd=tmp_path, env=own)
    assert names(run) == ["cat.jpg"]
    # Without other searches, the first word is always the query.
    assert names(pictell("find", "dog", "dog", cwd=tmp_path, env=own)) == []


def test_a_model_without_an_embedding_finds_words_but_no_likeness(
    folder: Path, tmp_path: Path
) -> None:
    model = tmp_path / "brightness.onnx"
    model.write_bytes(fake_model.weights(2).files[fake_model.WEIGHTS_FILE])
    (tmp_path / "labels.txt").write_text("dark\nbright\n")
    for name, brightness in (("night.png", 10), ("snow.png", 250)):
        Image.new("RGB", (64, 64), (brightness,) * 3).save(tmp_path / name)
    words = [tmp_path, "--model", model, "--labels", tmp_path / "labels.txt"]
    words += ["--activation", "softmax"]
    assert names(find(folder, "bright", *words)) == ["snow.png"]
    run = find(folder, "--like", tmp_path / "snow.png", *words)
    assert run.returncode == 2
    assert "has no embedding" in run.stderr


def test_dates_choose_photos_with_and_without_words(folder: Path, tmp_path: Path) -> None:
    for sample, taken in (
        ("cat.jpg", "2024:06:30 23:59:59"),
        ("espresso.jpg", "2023:01:01 00:00:00"),
    ):
        with Image.open(SAMPLES / sample) as picture:
            exif = picture.getexif()
            exif.get_ifd(0x8769)[0x9003] = taken
            picture.save(tmp_path / sample, exif=exif)
    shutil.copy(SAMPLES / "wall-clock.png", tmp_path)
    for period, found in (
        ("2024-06", ["cat.jpg"]),
        ("2023..2024", ["espresso.jpg", "cat.jpg"]),
        ("..2023-12", ["espresso.jpg"]),
        ("2025", []),
    ):
        assert names(find(folder, "--taken", period, tmp_path)) == found
    assert names(find(folder, "cat", tmp_path, "--taken", "2024")) == ["cat.jpg"]
    assert names(find(folder, "cat, clock", tmp_path, "--taken", "2023")) == []
    run = find(folder, "cat", tmp_path, "--taken", "2024", "--format", "jsonl")
    assert json.loads(run.stdout)["taken"] == "2024-06-30T23:59:59"


def test_a_page_is_written_whole_and_replaces_only_pages_of_its_own(folder: Path) -> None:
    page = folder / "photos/found.html"
    for _ in range(2):
        run = find(folder, "cat, clock", "photos", "--html", page)
        assert names(run) == ["wall-clock.png", "cat.jpg"]
    text = page.read_text()
    assert 'href="./cat.jpg"' in text
    assert "<script" not in text
    mine = folder / "index.html"
    mine.write_text("<!doctype html>\n<p>mine")
    run = find(folder, "cat", "photos", "--html", mine)
    assert run.returncode == 2
    assert mine.read_text() == "<!doctype html>\n<p>mine"
