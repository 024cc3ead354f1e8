"""The options of the commands for photos: what they refuse, and that an index disturbs nothing."""

import argparse
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from labelled_pictures import save
from pictell.cli.parser import Parser
from pictell.cli.photo_options import (
    Surveyed,
    add_photo_options,
    check_photo_options,
    survey_photos,
)
from pictell.errors import UsageError


def parse(*words: str | Path) -> argparse.Namespace:
    parser = Parser("pictell test", "PHOTO …", "pictell test photos/")
    add_photo_options(parser)
    options = parser.parse([str(word) for word in words])
    check_photo_options(options)
    return options


def look(
    *words: str | Path, use: Callable[[Surveyed], Any] = lambda found: found.survey.photos
) -> tuple[Any, int]:
    with survey_photos(parse(*words)) as found:
        return use(found), found.exit_status


def test_photos_are_surveyed(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / "photos" / f"{number}.png", 50 * number)
    (tmp_path / "photos" / "note.txt").write_text("no picture")
    for _ in range(2):
        photos, status = look(tmp_path / "photos", "--index", tmp_path / "index")
        assert [one.path.name for one in photos] == ["0.png", "1.png", "2.png"]
        assert status == 0


@pytest.mark.parametrize("name", ["index.sqlite3", "no suffix"])
def test_an_index_among_the_photos(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "0.png", 50)
    monkeypatch.chdir(tmp_path)
    link = tmp_path.with_name(f"{tmp_path.name}-link")
    link.symlink_to(tmp_path)
    for words in (
        [tmp_path],
        ["."],
        [str(link / "*")],
        [str(tmp_path / "*")],
        ["0.png", name],
        [tmp_path],
    ):
        photos, status = look(*words, "--index", name)
        assert [one.path.name for one in photos] == ["0.png"]
        assert status == 0
        assert capsys.readouterr().err == ""


def test_photos_that_fail_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "0.png", 50)
    list_ = tmp_path / "list"
    list_.write_text(f"{tmp_path / '0.png'}\nhttp://localhost:9/a.jpg\n")
    photos, status = look("--from-file", list_, "--index", tmp_path / "index")
    assert len(photos) == 1
    assert status == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "http://localhost:9/a.jpg: a URL" in line


def test_files_that_a_shell_names_beside_their_photos_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "IMG_1.png", 50)
    names = ["IMG_1.png.xmp", "IMG_1.XMP", "IMG_1.aae", "IMG_1.MOV", "IMG_1.png.json", "IMG_1.pp3"]
    for name in (*names, "IMG_1.png.dop", "IMG_1.THM", "IMG_2.xmp"):
        (tmp_path / name).write_text("no picture")
    everything = sorted(tmp_path.iterdir())
    list_ = tmp_path.with_name(f"{tmp_path.name}-list")
    list_.write_text("\n".join(map(str, everything)))
    for words in (everything, ["--from-file", list_], [tmp_path / "*"]):
        photos, status = look(*words, "--index", tmp_path.with_name(f"{tmp_path.name}-index"))
        assert [one.path.name for one in photos] == ["IMG_1.png"]
        assert (status, capsys.readouterr().err) == (0, "")


def test_a_film_or_a_table_of_no_photo_is_an_error(tmp_path: Path) -> None:
    save(tmp_path / "IMG_1.png", 50)
    for name in ("clip.mov", "notes.json"):
        (tmp_path / name).write_text("no picture")
        _, status = look(tmp_path / "IMG_1.png", tmp_path / name, "--index", tmp_path / "index")
        assert status == 1


def test_a_folder_may_be_called_like_a_sidecar(tmp_path: Path) -> None:
    save(tmp_path / "of.xmp" / "0.png", 50)
    photos, _ = look(tmp_path / "of.xmp", "--index", tmp_path / "index")
    assert len(photos) == 1


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["0.png.xmp"],
        ["0.xmp", "0.AAE", "0.png.json"],
        ["-"],
        ["http://localhost:9/a.jpg"],
        [".", "--index", "missing/index"],
        [".", "--index", "."],
        [".", "--index", "0.png"],
        [".", "--index", ""],
        [".", "--index", "notes.txt"],
        [".", "--index", "other.sqlite3"],
        [".", "--index", "/dev/null"],
    ],
)
def test_wrong_use(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "0.png", 50)
    (tmp_path / "notes.txt").write_text("a text of the user")
    with closing(sqlite3.connect(tmp_path / "other.sqlite3")) as other:
        other.execute("CREATE TABLE mine (text)")
    monkeypatch.chdir(tmp_path)
    before = {one: one.read_bytes() for one in tmp_path.iterdir()}
    with pytest.raises(UsageError) as raised:
        parse(*words)
    assert "delete" not in str(raised.value)
    assert {one: one.read_bytes() for one in tmp_path.iterdir()} == before


def test_an_empty_file_becomes_an_index(tmp_path: Path) -> None:
    save(tmp_path / "0.png", 50)
    (tmp_path / "index").touch()
    look(tmp_path / "0.png", "--index", tmp_path / "index")
    assert (tmp_path / "index").stat().st_size


def test_an_index_that_is_not_used_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "0.png", 50)
    (tmp_path / "index").write_text("a text")
    monkeypatch.setenv("PICTELL_PHOTO_INDEX", str(tmp_path / "index"))
    photos, status = look(tmp_path / "0.png")
    assert len(photos) == 1
    assert status == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{tmp_path / 'index'} is not an index of pictell: name another file" in line
    assert "delete" not in line
    assert (tmp_path / "index").read_text() == "a text"


def test_an_index_that_is_damaged_may_be_deleted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "0.png", 50)
    look(tmp_path / "0.png", "--index", tmp_path / "index")
    whole = (tmp_path / "index").read_bytes()
    (tmp_path / "index").write_bytes(whole[:100] + b"\xff" * (len(whole) - 100))
    photos, _ = look(tmp_path / "0.png", "--index", tmp_path / "index")
    assert len(photos) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "delete it to begin a new one" in line


def test_an_index_that_stops_working_later_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "0.png", 50)

    def use(found: Surveyed) -> int:
        found.index._stores[0].close()
        return len(found.survey.probabilities())

    rows, _ = look(tmp_path / "0.png", "--index", tmp_path / "index", use=use)
    assert rows == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
