"""The options for the output of the main command, and for which pictures it shows."""

import json
import os
import shutil
import signal
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest

from command import PICTELL, ROOT, environment, pictell

SAMPLES = ROOT / "samples"
CAT, NOISE, LIGHT = (SAMPLES / name for name in ("cat.jpg", "noise.png", "traffic-light.png"))


def names(*words: str | Path, folder: Path = SAMPLES) -> list[str]:
    """The names of the pictures that the command shows."""
    run = pictell("--names-only", *words, folder)
    assert run.returncode == 0, run.stderr
    return [Path(line).name for line in run.stdout.splitlines()]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with pictures only."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for picture in (CAT, NOISE, LIGHT):
        shutil.copy(picture, folder)
    return folder


def test_several_pictures_are_a_line_each_in_columns(pictures: Path) -> None:
    run = pictell(pictures)
    assert (run.returncode, run.stderr) == (0, "")
    cat, noise, light = run.stdout.splitlines()
    assert cat.index("cat (") == noise.index("not sure") == light.index("probably traffic light")
    assert (cat[-4:], light[-4:]) == ("97 %", "88 %")


def test_a_thousand_files_are_a_thousand_lines(tmp_path: Path) -> None:
    for number in range(1000):
        (tmp_path / f"{number}.png").symlink_to(NOISE)
    run = pictell(tmp_path, timeout=120)
    assert (run.returncode, len(run.stdout.splitlines())) == (0, 1000)
    assert len({line.index("not sure") for line in run.stdout.splitlines()}) == 1


def test_one_picture_has_details_also_in_a_folder(pictures: Path) -> None:
    (pictures / CAT.name).rename(pictures.parent / CAT.name)
    (pictures / NOISE.name).unlink()
    alone = pictell(pictures / LIGHT.name).stdout
    assert alone.splitlines()[1].startswith("  probably traffic light  88 %")
    assert pictell(pictures).stdout == alone
    details = pictell("--details", CAT, LIGHT).stdout
    assert [line for line in details.splitlines() if not line.startswith(" ")] == [
        str(CAT), "", str(LIGHT)
    ]  # fmt: skip


@pytest.mark.parametrize(
    "word", ["cat", "Cats", "n02121808", "tiger cat", "281", "mammal", "animal"]
)
def test_only_takes_any_name_of_the_tree(word: str) -> None:
    assert names("--only", word, "--min-score", "0.2") == ["cat.jpg"]


def test_only_and_not_take_several_words() -> None:
    balls = ["golf-ball.png", "ping-pong-ball.png"]
    assert names("--only", "ball") == balls
    assert names("--only", "ball, cat") == names("--only", "ball", "--only", "cat")
    assert names("--only", "ball,cat") == ["cat.jpg", *balls]
    assert not {*names("--not", "ball,cat")} & {"cat.jpg", *balls}
    assert "noise.png" in names("--not", "ball")
    assert names("--only", "ball", "--not", "golf ball") == ["ping-pong-ball.png"]


def test_the_least_score_is_that_of_the_answer_also_with_not() -> None:
    assert names("--not", "cat", "--min-score", "0.97") == [
        name for name in names("--min-score", "0.97") if name != "cat.jpg"
    ]
    assert "cat.jpg" not in names("--not", "cat", "--min-score", "0.5")
    # The score of a likely answer is above the sum of its classes.
    for word in ([], ["--only", "traffic light"]):
        assert "traffic-light.png" in names(*word, "--min-score", "0.88")


def test_flat_results_have_names_too() -> None:
    assert names("--flat", "--only", "cat") == ["cat.jpg"]


def test_a_picture_unlike_anything_shows_nothing() -> None:
    assert "noise.png" not in names("--only", "animal,nature,food,man-made thing")


def test_the_score_of_a_word_is_that_of_all_its_classes() -> None:
    assert names("--only", "tiger cat") == []
    assert names("--only", "tiger cat", "--min-score", "0.3") == ["cat.jpg"]
    assert names("--only", "cat", "--min-score", "0.99") == []


def test_only_takes_the_names_that_are_shown(tmp_path: Path) -> None:
    german = SAMPLES / "german.csv"
    assert names("--labels-from", german, "--only", "Katze") == ["cat.jpg"]


def test_the_status_and_the_score_choose_pictures() -> None:
    everything = names()
    by_status = {
        status: names("--status", status) for status in ("sure", "likely", "unsure", "unknown")
    }
    assert by_status["unknown"] == ["noise.png"]
    assert by_status["likely"] == ["traffic-light.png"]
    assert sorted(chain(*by_status.values())) == sorted(everything)
    assert names("--status", "sure,likely") == [name for name in everything if name != "noise.png"]
    assert names("--min-score", "0.9") == by_status["sure"]
    assert names("--min-score", "0.98", "--status", "likely") == []


def test_a_choice_holds_in_every_format() -> None:
    for format_ in ("json", "jsonl", "csv", "csv-long", "text"):
        run = pictell("--only", "cat", "-k", "1", "-f", format_, SAMPLES, ROOT / "missing.jpg")
        assert "cat.jpg" in run.stdout
        assert "ball" not in run.stdout
        # Standard error names the failure, as always.
        assert "missing.jpg" not in run.stdout
        assert ("missing.jpg" in run.stderr, run.returncode) == (True, 1)


@pytest.mark.parametrize("name", ["two\nlines.png", "a b.png", "-x.png", "ä\x1b.png"])
def test_names_for_xargs(tmp_path: Path, name: str) -> None:
    shutil.copy(CAT, tmp_path / name)
    run = subprocess.run(
        [PICTELL, "--only", "cat", "--names-only", "--null", "--", "."],
        cwd=tmp_path, capture_output=True, check=True,
    )  # fmt: skip
    assert run.stdout == os.fsencode(f"./{name}") + b"\0"


def test_names_that_are_not_utf_8(tmp_path: Path) -> None:
    shutil.copy(CAT, os.fsencode(tmp_path) + b"/caf\xe9.jpg")
    run = subprocess.run([PICTELL, "--names-only", "."], cwd=tmp_path, capture_output=True)
    assert run.stdout == b"./caf\xe9.jpg\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--only", "kat"], "no label is called 'kat' (nearest: "),
        (["--only", "cat,,dog"], "--only"),
        (["--not", ""], "--not"),
        (["--status", "certain"], "sure, likely, unsure, unknown"),
        (["--status", "sure", "--flat"], "--status"),
        (["--min-score", "97%"], "--min-score"),
        (["--names-only", "-f", "json"], "--names-only"),
        (["--details", "-f", "csv"], "--details"),
        (["--details", "--names-only"], "--names-only"),
        (["--null"], "--null"),
        (["--color", "sometimes"], "--color"),
        (["-o", "."], "is a folder"),
        (["-o", "missing/labels.csv"], "there is no folder missing"),
        (["-o", "cat.jpg"], "exists"),
        (["-o", "table.toml", "-f", "json"], "exists"),
        (["-o", "table.toml", "-f", "jsonl"], "exists"),
        (["-o", "other.csv"], "exists"),
        (["-o", "cat.jpg", "-f", "json"], "exists"),
        (["--from-file", "list.txt", "-o", "list.txt"], "exists"),
        (["-o", "list.txt"], "exists"),
        (["--names-only", "-o", "list.txt"], "exists"),
        (["--details", "-o", "labels.json"], "--details"),
    ],
)
def test_wrong_use_is_one_line_and_overwrites_nothing(
    words: list[str], message: str, tmp_path: Path
) -> None:
    shutil.copy(CAT, tmp_path)
    (tmp_path / "table.toml").write_text("[table]\n")
    (tmp_path / "other.csv").write_text("name,label\n")
    (tmp_path / "list.txt").write_text("cat.jpg\n")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    run = pictell(*words, CAT, cwd=tmp_path)
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
    assert message in run.stderr
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("suffix", ["json", "jsonl", "csv"])
def test_the_end_of_the_files_name_chooses_the_format(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"labels.{suffix.upper()}"
    run = pictell("-o", file, CAT)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    written, printed = file.read_text(), pictell("-f", suffix, CAT).stdout
    assert written.split(",")[0] == printed.split(",")[0]
    assert pictell("-o", tmp_path / "labels.json", "-f", "csv", CAT).returncode == 0
    assert (tmp_path / "labels.json").read_text().startswith("source,")


def test_a_file_is_replaced_and_keeps_its_permissions(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    pictell("-o", file, CAT, NOISE)
    file.chmod(0o640)
    assert pictell("-o", file, CAT).returncode == 0
    assert len(file.read_text().splitlines()) == 2
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["labels.csv"]


def test_json_lines_are_appended_whole(tmp_path: Path) -> None:
    file = tmp_path / "labels.jsonl"
    file.write_text('{"source": "half')
    for picture in (CAT, NOISE):
        assert pictell("-o", file, picture).returncode == 0
    first, *lines = file.read_text().splitlines()
    assert first == '{"source": "half'
    assert [json.loads(line)["source"] for line in lines] == [str(CAT), str(NOISE)]


@pytest.mark.parametrize(("name", "left"), [("labels.csv", []), ("labels.jsonl", ["labels.jsonl"])])
def test_ctrl_c_leaves_no_half_file(tmp_path: Path, name: str, left: list[str]) -> None:
    output = tmp_path / "output"
    output.mkdir()
    endless = tmp_path / "list.txt"
    endless.write_text(f"{CAT}\n" * 100_000)
    run = subprocess.Popen(
        [PICTELL, "-q", "-o", output / name, "--from-file", endless], stderr=subprocess.DEVNULL
    )
    while not any(path.stat().st_size for path in output.iterdir()):
        assert run.poll() is None
    run.send_signal(signal.SIGINT)
    assert run.wait(20) == -signal.SIGINT
    assert [path.name for path in output.iterdir()] == left
    for line in (output / name).read_text().splitlines() if left else ():
        assert json.loads(line)["source"] == str(CAT)


def test_a_device_can_be_the_file() -> None:
    assert pictell("-o", "/dev/null", CAT).returncode == 0
    assert pictell("-f", "jsonl", "-o", "/dev/stdout", CAT).stdout.count("\n") == 1


def test_a_full_disk_is_one_line() -> None:
    run = pictell("-o", "/dev/full", CAT)
    assert (run.returncode, run.stderr.count("\n")) == (1, 1)


@pytest.mark.parametrize(
    ("variables", "words", "coloured"),
    [
        ({}, [], False),
        ({"FORCE_COLOR": "1"}, [], True),
        ({"FORCE_COLOR": ""}, [], False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, [], False),
        ({"FORCE_COLOR": "1"}, ["--color", "never"], False),
        ({"NO_COLOR": "1"}, ["--color", "always"], True),
        ({"NO_COLOR": "1"}, ["--color", "auto"], False),
    ],
)
def test_colour_where_there_is_no_terminal(
    variables: dict[str, str], words: list[str], coloured: bool
) -> None:
    env = {key: value for key, value in environment().items() if not key.endswith("_COLOR")}
    run = pictell(*words, CAT, env=env | variables)
    assert ("\x1b[" in run.stdout) == coloured


def test_quiet_says_only_errors() -> None:
    assert pictell(SAMPLES).stderr.count("skipped") == 1
    run = pictell("-q", SAMPLES, "missing.jpg")
    assert (run.returncode, run.stderr) == (1, "pictell: missing.jpg: no such file or folder\n")


def test_the_version() -> None:
    assert pictell("-V").stdout == pictell("--version").stdout != ""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pseudo-terminal")
@pytest.mark.parametrize("columns", [30, 60, 120])
def test_lines_fit_the_terminal(columns: int, tmp_path: Path) -> None:
    import fcntl
    import pty
    import struct
    import termios

    deep = tmp_path / ("long folder " * 8)
    deep.mkdir()
    for picture in (CAT, NOISE, LIGHT):
        shutil.copy(picture, deep)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    subprocess.run([PICTELL, "--color", "never", deep], stdout=theirs, stderr=theirs, check=True)
    os.close(theirs)
    written = os.read(ours, 100_000).decode()
    os.close(ours)
    assert [len(line) <= columns for line in written.splitlines()] == [True] * 3
    assert written.count("…") >= 3
