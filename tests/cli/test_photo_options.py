"""The options of the commands for photos: what they refuse, and that an index disturbs nothing."""

import argparse
from collections.abc import Callable
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


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["-"],
        ["http://localhost:9/a.jpg"],
        [".", "--index", "missing/index"],
        [".", "--index", "."],
        [".", "--index", "0.png"],
        [".", "--index", ""],
    ],
)
def test_wrong_use(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "0.png", 50)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError):
        parse(*words)
    assert [one.name for one in tmp_path.iterdir()] == ["0.png"]


def test_an_index_that_is_not_used_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "0.png", 50)
    (tmp_path / "index").write_text("a text")
    photos, status = look(tmp_path / "0.png", "--index", tmp_path / "index")
    assert len(photos) == 1
    assert status == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert str(tmp_path / "index") in line
    assert (tmp_path / "index").read_text() == "a text"


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
