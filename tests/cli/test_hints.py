"""A slip of the fingers gets the word that was meant."""

from pathlib import Path

import pytest

from command import ROOT, pictell
from pictell.cli.main import COMMANDS


@pytest.mark.parametrize(
    ("word", "command"),
    [
        ("evalute", "evaluate"),
        ("evaluation", "evaluate"),
        ("Models", "models"),
        ("inspekt", "inspect"),
        ("veryfy", "verify"),
        ("callibrate", "calibrate"),
        ("hlep", "help"),
    ],
)
@pytest.mark.parametrize("more", [(), ("--data", "val/"), ("--help",)])
def test_a_word_close_to_a_command(word: str, command: str, more: tuple[str, ...]) -> None:
    run = pictell(word, *more)
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == (
        f"pictell: no such file or folder: {word}; did you mean pictell {command}?\n"
    )


@pytest.mark.parametrize("word", ["cat.jpg", "./evalute", "nothing", "-", "*.jpg", "", "x" * 5000])
def test_other_words_are_pictures(word: str, tmp_path: Path) -> None:
    run = pictell(word, input="", cwd=tmp_path)
    assert run.returncode == 1
    assert "did you mean" not in run.stderr


def test_a_file_that_is_there_is_a_picture(tmp_path: Path) -> None:
    (tmp_path / "evalute").write_bytes((ROOT / "samples" / "golf-ball.png").read_bytes())
    run = pictell("evalute", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    assert "golf ball" in run.stdout


def test_a_picture_behind_another_is_not_stopped_by_a_word(tmp_path: Path) -> None:
    run = pictell(ROOT / "samples" / "golf-ball.png", "evalute", cwd=tmp_path)
    assert run.returncode == 1
    assert "golf ball" in run.stdout
    assert run.stderr == "pictell: evalute: no such file or folder\n"


def test_help_is_a_word_too() -> None:
    run = pictell("help")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == pictell("--help").stdout
    for command in COMMANDS:
        assert pictell("help", command).stdout == pictell(command, "--help").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--flatt", "x.jpg"), "--flatt (did you mean --flat?) (see pictell --help)"),
        (
            ("--min-confidance=0.9", "x.jpg"),
            "--min-confidance=0.9 (did you mean --min-confidence?) (see",
        ),
        (
            ("--max-deth", "--flatt", "x"),
            "--max-deth (did you mean --max-depth?) --flatt (did you mean --flat?)",
        ),
        (("--frobnicate", "x.jpg"), "--frobnicate (see pictell --help)"),
        (("-x", "x.jpg"), "-x (see pictell --help)"),
        (("--flatt", "--", "-x"), "--flatt (did you mean --flat?) (see pictell --help)"),
        (("evaluate", "--data", "x", "--reprot", "y"), "--reprot (did you mean --report?) (see"),
        (("x.jpg", "--mean", "0", "--scale", "1"), "--scale (did you mean --std?) 1"),
        (("models", "--fromat"), "--fromat (did you mean --format?) (see pictell models --help)"),
    ],
)
def test_an_option_close_to_another(words: tuple[str, ...], message: str) -> None:
    run = pictell(*words)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith(f"pictell: unrecognized arguments: {message}")
    assert len(run.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("90", "must be in 0..1, not '90': 0.9 for 90 %"),
        ("90%", "must be in 0..1, not '90%': 0.9 for 90 %"),
        ("99.5", "must be in 0..1, not '99.5': 0.995 for 99.5 %"),
        ("0.5%", "must be in 0..1, not '0.5%': 0.005 for 0.5 %"),
        ("101", "must be in 0..1, not '101' ("),
        ("-1", "must be in 0..1, not '-1' ("),
        ("%", "must be a number, not '%'"),
        ("nan", "must be in 0..1, not 'nan'"),
    ],
)
def test_how_sure_an_answer_must_be_is_no_percentage(value: str, message: str) -> None:
    run = pictell(f"--min-confidence={value}", "x.jpg")
    assert (run.returncode, run.stdout) == (2, "")
    assert f"--min-confidence: {message}" in run.stderr
    assert len(run.stderr.splitlines()) == 1
