"""The command as a subprocess: what it prints where, and how it ends."""

import base64
import csv
import io
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np
import pytest
from PIL import Image

from command import PICTELL, ROOT, environment, pictell
from pictell import __version__, models

SAMPLES = ROOT / "samples"
BALL = SAMPLES / "golf-ball.png"
CLOCK = SAMPLES / "wall-clock.png"
SAMPLE_NAMES = ("crossword puzzle", "golf ball", "ping-pong ball", "traffic light", "wall clock")


def labels(jsonl: str) -> list[str | None]:
    results = [json.loads(line) for line in jsonl.splitlines()]
    return [r["predictions"][0]["label"] if "predictions" in r else None for r in results]


def test_names_a_picture_best_label_first() -> None:
    run = pictell(BALL)
    name, first = run.stdout.splitlines()
    assert name == str(BALL)
    assert re.fullmatch(r"  golf ball  \d\d %  ball › golf ball", first)
    assert (run.stderr, run.returncode) == ("", 0)


def test_a_pipe_of_the_shell_is_a_picture() -> None:
    command = f"'{PICTELL}' <(cat '{BALL}') '{CLOCK}'"
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    ball, clock = run.stdout.splitlines()
    assert ball.startswith("/dev/fd/")
    assert "golf ball" in ball
    assert "clock" in clock
    assert run.returncode == 0


def test_a_pipe_in_a_list_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    listed = tmp_path / "list"
    listed.write_text(f"{tmp_path}/pipe.png\n/dev/tty\n/dev/zero\n{BALL}\n")
    run = pictell("--from-file", listed)
    assert run.returncode == 1
    assert "golf ball" in run.stdout
    first, *others = run.stderr.splitlines()
    assert first == f"pictell: {tmp_path}/pipe.png: a named pipe, not a file"
    assert len(others) == 2


def test_links_that_lead_nowhere_are_named(tmp_path: Path) -> None:
    shutil.copy(BALL, tmp_path)
    (tmp_path / "gone.jpg").symlink_to("missing.jpg")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    (tmp_path / "notes").symlink_to("missing.txt")
    run = pictell(tmp_path)
    assert run.returncode == 1
    assert [line.rpartition(": ")[2] for line in run.stderr.splitlines()] == [
        "no such file or folder",
        "Too many levels of symbolic links",
        "skipped",
    ]


def test_a_data_url_has_a_short_name() -> None:
    small = io.BytesIO()
    Image.open(BALL).resize((64, 64)).save(small, "JPEG")
    url = f"DATA:image/jpeg;base64,{base64.b64encode(small.getvalue()).decode()}"
    run = pictell("-f", "jsonl", url, "data:;base64,@", "www.example.org/a.jpg")
    good, bad, missing = map(json.loads, run.stdout.splitlines())
    assert good["source"] == f"{url[:32]}…({len(url)} characters)"
    assert "predictions" in good
    assert "not valid base64" in bad["error"]["message"]
    assert "add https://" in missing["error"]["message"]
    assert url[:100] not in run.stdout + run.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("http:///me:secret@127.0.0.1/",),
        ("http:/me:secret@127.0.0.1/",),
        ("http:me:secret@127.0.0.1",),
        ("http:\\\\me:secret@127.0.0.1",),
        ("//me:secret@127.0.0.1/",),
        ("FTP://me:secret@127.0.0.1/",),
        ("http://me:secret%40127.0.0.1/",),
        ("cat.jpg", "--model", "http://me:secret@127.0.0.1/m.onnx"),
        ("cat.jpg", "--labels", "http://me:secret@127.0.0.1/l.txt", "--model", "m.onnx"),
        ("--from-file", "http:/me:secret@127.0.0.1/list"),
        ("cat.jpg", "-o", "http://me:secret@127.0.0.1/a.json"),
        ("cat.jpg", "--proxy", "http://me:secret@127.0.0.1:x"),
        ("cat.jpg", "--server", "http://me:secret@127.0.0.1"),
        ("cat.jpg", "--wrong", "http://me:secret@127.0.0.1"),
    ],
)
@pytest.mark.parametrize("format_", ["text", "json", "csv"])
def test_no_password_is_shown(words: tuple[str, ...], format_: str) -> None:
    run = pictell("-f", format_, *words)
    assert run.returncode != 0
    assert "secret" not in run.stdout + run.stderr


def test_flat_gives_only_the_best_classes() -> None:
    name, first, *others = pictell("--flat", BALL).stdout.splitlines()
    assert name == str(BALL)
    assert re.fullmatch(r"  golf ball +█+\S* +\d+\.\d %", first)
    assert len(others) == 4


def test_where_no_class_is_sure_the_answer_is_a_name_above() -> None:
    _, first, second, *_ = pictell(CLOCK).stdout.splitlines()
    assert re.fullmatch(r"  clock  \d\d %  clock or watch › clock", first)
    assert re.fullmatch(r"    wall clock  .+ %", second)
    (result,) = json.loads(pictell("--min-confidence", "0.3", "-f", "json", CLOCK).stdout)
    assert result["answer"]["path"][-2:] == ["clock", "wall clock"]
    assert result["answer"]["name"] == "wall clock"
    assert result["answer"]["score"] == result["predictions"][0]["score"]


@pytest.mark.parametrize(
    ("max_depth", "answer"), [("1", "man-made thing"), ("2", "measuring device"), ("9", "clock")]
)
def test_an_answer_is_not_deeper_than_wanted(max_depth: str, answer: str) -> None:
    (result,) = json.loads(pictell("--max-depth", max_depth, "-f", "json", CLOCK).stdout)
    assert result["answer"]["name"] == answer
    assert result["predictions"][0]["label"] == "wall clock"


def test_noise_is_unknown(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    _, line = pictell(tmp_path / "noise.png").stdout.splitlines()
    assert line.startswith("  not sure: unlike anything")
    (result,) = json.loads(pictell("-f", "json", tmp_path / "noise.png").stdout)
    assert (result["answer"], result["status"]) == (None, "unknown")
    (row,) = csv.DictReader(
        io.StringIO(pictell("--flat", "-k", "1", "-f", "csv", tmp_path / "noise.png").stdout)
    )
    assert (row["answer"], row["status"]) == ("", "")


def test_names_may_be_in_another_language(tmp_path: Path) -> None:
    names = tmp_path / "names.csv"
    names.write_text("synset,name\nn03046257,Uhr\n892,Wanduhr\n", encoding="utf-8")
    _, first, second, third, *_ = pictell("--labels-from", names, CLOCK).stdout.splitlines()
    assert re.fullmatch(r"  Uhr  .+ %  clock or watch › Uhr", first)
    assert second.startswith("    Wanduhr ")
    assert third.startswith("    analog clock ")


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_names_the_sample_pictures_with_confidence(name: str) -> None:
    run = pictell("-f", "json", SAMPLES / f"{name.replace(' ', '-')}.png")
    (result,) = json.loads(run.stdout)
    best = result["predictions"][0]
    assert best["label"] == name
    assert best["score"] > 0.5


def test_names_the_photographs_of_a_macaw_and_a_hotdog(shared: Path) -> None:
    photos = shared / "models" / "coral"
    run = pictell("-f", "jsonl", photos / "parrot.jpg", photos / "hot_dog.jpg")
    assert labels(run.stdout) == ["macaw", "hotdog"]


def test_json_is_one_array_and_top_k_its_length() -> None:
    run = pictell("--top-k", "3", "--format", "json", BALL, BALL)
    results = json.loads(run.stdout)
    assert [len(result["predictions"]) for result in results] == [3, 3]
    facts = {"source", "model", "status", "answer", "predictions", "width", "height", "timings"} | {
        "warnings"
    }
    assert results[0].keys() == facts
    assert results[0]["predictions"][0].keys() == {"label", "score", "class_index", "synset"}


def test_csv_has_a_row_a_picture_and_csv_long_a_row_a_prediction() -> None:
    long = pictell("-f", "csv-long", "-k", "2", BALL).stdout
    rows = list(csv.DictReader(io.StringIO(long)))
    assert [row["rank"] for row in rows] == ["1", "2"]
    assert rows[0]["label"] == "golf ball"
    (row,) = csv.DictReader(io.StringIO(pictell("-f", "csv", "-k", "2", BALL).stdout))
    assert (row["status"], row["answer"], row["top_class"]) == ("sure", "golf ball", "golf ball")


def test_a_folder_is_named_whole_and_other_files_are_counted(tmp_path: Path) -> None:
    for name in ("b10.png", "b2.png", ".hidden.png", "no-suffix", "sub/c.png"):
        target = tmp_path / name
        target.parent.mkdir(exist_ok=True)
        shutil.copy(BALL, target)
    tmp_path.joinpath("notes.txt").write_text("hello")
    run = pictell("-f", "jsonl", ".", cwd=tmp_path)
    sources = [json.loads(line)["source"] for line in run.stdout.splitlines()]
    assert sources == ["./b2.png", "./b10.png", "./no-suffix", "./sub/c.png"]
    assert "1 file is not a picture" in run.stderr
    assert run.returncode == 0


def test_options_may_stand_between_pictures() -> None:
    run = pictell(BALL, "--format", "jsonl", SAMPLES / "wall-clock.png", "-k", "1", BALL)
    assert labels(run.stdout) == ["golf ball", "wall clock", "golf ball"]


def test_after_two_dashes_all_words_are_pictures(tmp_path: Path) -> None:
    shutil.copy(BALL, tmp_path / "-k")
    run = pictell("--format", "jsonl", "--", "-k", BALL, cwd=tmp_path)
    assert labels(run.stdout) == ["golf ball", "golf ball"]


def test_a_picture_on_stdin() -> None:
    with BALL.open("rb") as stream:
        run = pictell("-f", "jsonl", "-", stdin=stream)
    assert labels(run.stdout) == ["golf ball"]
    assert json.loads(run.stdout)["source"] == "stdin"


@pytest.mark.parametrize(("options", "separator"), [((), "\n"), (("--null",), "\0")])
def test_a_list_on_stdin(options: tuple[str, ...], separator: str) -> None:
    listed = separator.join([str(BALL), "nope.jpg", str(SAMPLES / "wall-clock.png")])
    run = pictell("-f", "jsonl", *options, "--from-file", "-", input=listed)
    assert labels(run.stdout) == ["golf ball", None, "wall clock"]
    assert run.returncode == 1


def test_one_bad_picture_is_named_and_all_others_done(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0")
    run = pictell("-f", "jsonl", BALL, broken, BALL)
    assert labels(run.stdout) == ["golf ball", None, "golf ball"]
    assert run.stderr.startswith(f"pictell: {broken}: broken or truncated JPEG picture")
    assert run.returncode == 1


def test_every_name_survives_and_no_terminal_obeys_it(tmp_path: Path) -> None:
    names = ["übung.png", "two\nlines.png", "red\x1b[31m.png", "=1+1.png"]
    raw_names = [*map(os.fsencode, names), b"caf\xe9.png"]
    for raw_name in raw_names:
        shutil.copy(BALL, os.fsencode(tmp_path) + b"/" + raw_name)
    run = pictell("-f", "jsonl", "-k", "1", *raw_names, cwd=tmp_path)
    assert run.returncode == 0
    sources = [json.loads(line)["source"] for line in run.stdout.splitlines()]
    assert [os.fsencode(source) for source in sources] == raw_names
    for format_ in ("text", "csv", "csv-long", "json", "jsonl"):
        printed = pictell("-f", format_, *raw_names, cwd=tmp_path).stdout
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", printed)


NO_SUCH = "no such file or folder"
FORMATS = "JPEG, PNG, WebP, AVIF, GIF, TIFF, BMP, HEIC"
BAD_FILES = {
    "missing.jpg": (None, NO_SUCH),
    "empty.jpg": (b"", "the file is empty"),
    "text.jpg": (b"hello", f"not a picture in a format pictell reads ({FORMATS})"),
    "page.png": (
        b"<!DOCTYPE html><html>",
        f"a web page, not a picture in a format pictell reads ({FORMATS})",
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_gets_one_line(name: str, tmp_path: Path) -> None:
    content, message = BAD_FILES[name]
    if content is not None:
        tmp_path.joinpath(name).write_bytes(content)
    run = pictell(name, cwd=tmp_path)
    assert (run.stdout, run.stderr) == ("", f"pictell: {name}: {message}\n")
    assert run.returncode == 1


def test_a_truncated_photograph_is_an_error(tmp_path: Path, shared: Path) -> None:
    whole = shared.joinpath("models/coral/parrot.jpg").read_bytes()
    tmp_path.joinpath("half.jpg").write_bytes(whole[: len(whole) // 2])
    run = pictell("half.jpg", cwd=tmp_path)
    assert re.fullmatch(r"pictell: half\.jpg: .*truncated.*\n", run.stderr)
    assert (run.stdout, run.returncode) == ("", 1)


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    tmp_path.joinpath("notes.txt").write_text("hello")
    run = pictell(tmp_path)
    failed, skipped = run.stderr.splitlines()
    assert failed.startswith(f"pictell: {tmp_path}: ")
    assert "1 file is not a picture" in skipped
    assert run.returncode == 1


WRONG_USES = {
    ("-k", "0", "x.jpg"): "argument -k/--top-k: must be 1 or more, not '0'",
    ("-k", "many", "x.jpg"): "argument -k/--top-k: must be a whole number, not 'many'",
    ("-f", "xml", "x.jpg"): "argument -f/--format: invalid choice: 'xml' "
    "(choose from 'text', 'json', 'jsonl', 'csv', 'csv-long')",
    ("--max-depth", "0", "x.jpg"): "argument --max-depth: must be 1 or more, not '0'",
    ("--frobnicate", "x.jpg"): "unrecognized arguments: --frobnicate",
    (
        "--timeout",
        "0",
        "x.jpg",
    ): "argument --timeout: must be a number from 0.001 to 1000000, not 0.0",
    ("--max-bytes", "0", "x.jpg"): "argument --max-bytes: must be a whole number from 1 to "
    f"{sys.maxsize}, not 0",
    ("--threads", "0", "x.jpg"): "argument --threads: must be a whole number from 1 to 1024, not 0",
    (): "no picture given: name a file, a folder or a URL",
}


@pytest.mark.parametrize(("words", "message"), WRONG_USES.items())
def test_wrong_use_is_one_line_and_status_2(words: tuple[str, ...], message: str) -> None:
    run = pictell(*words)
    assert (run.stdout, run.stderr) == ("", f"pictell: {message} (see pictell --help)\n")
    assert run.returncode == 2


def test_stdin_cannot_be_a_picture_and_a_list() -> None:
    run = pictell("--from-file", "-", "-", input="")
    assert run.stderr == (
        "pictell: standard input cannot be both a picture (-) and a list (--from-file -)\n"
    )
    assert run.returncode == 2


def test_an_unknown_model_lists_the_known_ones() -> None:
    run = pictell("--model", "resnet", BALL)
    assert run.stderr == (
        "pictell: no model named 'resnet' (nearest: resnet18-v1-7, resnet50-v1-12, "
        "resnet50-v1-12-int8, resnet50-v2-7): give one of default, a model's file, "
        "a folder with a model.toml, or a name that pictell models lists\n"
    )
    assert run.returncode == 2


def test_version() -> None:
    assert pictell("--version").stdout == f"pictell {__version__}\n"


# root reads everything, so the command gives up root once it has loaded what it needs.
AS_NOBODY = """
import os, sys
from pictell.cli.main import main
readable, secret = sys.argv[1:]
sys.argv[1:] = [readable]
main()
if os.geteuid() == 0:
    os.setuid(65534)
sys.argv[1:] = [secret]
sys.exit(main())
"""


def test_a_file_without_read_permission(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    shutil.copy(BALL, secret)
    secret.chmod(0)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    command = [sys.executable, "-c", AS_NOBODY, BALL, secret]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.stderr == f"pictell: {secret}: cannot be read: Permission denied\n"
    assert run.returncode == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        run = pictell(BALL, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert run.stderr == "pictell: cannot write the output: No space left on device\n"
    assert run.returncode == 1


Streaming = tuple[subprocess.Popen[str], TextIO, TextIO, TextIO]


@pytest.fixture
def streaming() -> Iterator[Streaming]:
    """The command at work on a list that may still grow: it, its stdin, stdout and stderr."""
    with subprocess.Popen(
        [PICTELL, "-f", "jsonl", "--from-file", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdin
        assert run.stdout
        assert run.stderr
        run.stdin.write(f"{BALL}\n" * 100)
        run.stdin.flush()
        run.stdout.readline()
        yield run, run.stdin, run.stdout, run.stderr


def test_a_closed_pipe_ends_quietly(streaming: Streaming) -> None:
    run, stdin, stdout, stderr = streaming
    stdin.close()
    stdout.close()
    assert stderr.read() == ""
    assert run.wait() == -signal.SIGPIPE


def test_ctrl_c_ends_quietly(streaming: Streaming) -> None:
    run, _, _, stderr = streaming
    run.send_signal(signal.SIGINT)
    assert stderr.read() == ""
    assert run.wait() == -signal.SIGINT


def on_a_terminal(*words: str, **changes: str) -> str:
    """What the command shows on a terminal of its own."""
    ours, theirs = pty.openpty()
    changes = {"TERM": "xterm"} | changes
    run = pictell(*words, capture_output=False, stdout=theirs, env=environment(**changes))
    os.close(theirs)
    assert run.returncode == 0
    with os.fdopen(ours, "rb") as terminal:
        return terminal.read1().decode()


def test_colour_on_a_terminal_only() -> None:
    assert "\x1b[" in on_a_terminal(str(BALL), NO_COLOR="")
    assert "\x1b[" not in pictell(BALL).stdout


@pytest.mark.parametrize("changes", [{"NO_COLOR": "1"}, {"TERM": "dumb", "NO_COLOR": ""}])
def test_colour_can_be_declined(changes: dict[str, str]) -> None:
    assert "\x1b[" not in on_a_terminal(str(BALL), **changes)


def test_progress_shows_on_a_terminal_if_results_go_elsewhere() -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    streams = {"stdout": subprocess.DEVNULL, "stderr": theirs}
    run = pictell(*[BALL] * 400, "missing.jpg", capture_output=False, **streams)
    os.close(theirs)
    shown = b""
    with os.fdopen(ours, "rb") as terminal:
        while chunk := _read_terminal(terminal):
            shown += chunk
    assert b" pictures" in shown
    assert b"/401 [" in shown
    assert re.search(rb"<\d\d:\d\d, ", shown)
    assert b"pictell: missing.jpg: no such file or folder" in shown
    assert run.returncode == 1


@pytest.mark.parametrize(
    ("words", "what"), [(("-",), "a picture"), (("--from-file", "-"), "a list of files and URLs")]
)
def test_a_terminal_is_told_what_it_waits_for(words: tuple[str, ...], what: str) -> None:
    ours, theirs = pty.openpty()
    for quiet in ((), ("-q",)):
        os.write(ours, b"\x04\x04\x04")
        run = pictell(*words, *quiet, stdin=theirs)
        assert run.stderr.startswith(f"pictell: waiting for {what}") == (not quiet)
    os.close(theirs)
    os.close(ours)
    assert "waiting" not in pictell(*words, input="").stderr


def test_a_library_that_logs_an_error_shows_nothing() -> None:
    code = (
        "import logging, sys; from pictell.cli import main; sys.argv[1:] = ['samples/cat.jpg'];"
        "main.main(); logging.getLogger('some.library').error('odd metadata')"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stderr == ""


def _read_terminal(terminal: io.BufferedReader) -> bytes:
    try:
        return terminal.read1()
    except OSError:
        # Linux raises EIO at the end of a terminal where other systems return nothing.
        return b""


def test_a_folder_deeper_than_python_recurses(tmp_path: Path) -> None:
    deepest = tmp_path
    # One level at a time: a path of so many levels is longer than the system allows.
    for _ in range(120):
        deepest = deepest / "d"
    deepest.mkdir(parents=True)
    shutil.copy(BALL, deepest)
    limited = (
        "import sys; sys.setrecursionlimit(100); from pictell.images.sources import expand_path;"
    )
    command = f"{limited} print(len(list(expand_path(sys.argv[1]))))"
    run = subprocess.run(
        [sys.executable, "-c", command, tmp_path], capture_output=True, text=True, check=True
    )
    assert run.stdout == "1\n"


CLOSED = "pictell: cannot write the output: standard output is closed\n"


@pytest.mark.parametrize(
    ("redirection", "stderr", "status"), [(">&-", CLOSED, 1), ("2>&-", "", 0), (">&- 2>&-", "", 1)]
)
def test_a_closed_output_is_no_traceback(redirection: str, stderr: str, status: int) -> None:
    command = f"exec '{PICTELL}' '{BALL}' {redirection}"
    run = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert (run.stderr, run.returncode) == (stderr, status)
    assert ("golf ball" in run.stdout) == (status == 0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_errors_that_cannot_be_written_cost_no_results() -> None:
    with Path("/dev/full").open("w") as full:
        run = pictell(
            "missing.jpg", BALL, capture_output=False, stdout=subprocess.PIPE, stderr=full
        )
    assert "golf ball" in run.stdout
    assert run.returncode == 1


def test_stdin_holds_one_picture() -> None:
    run = pictell("-", "-", input="")
    assert (run.stderr.count("\n"), run.returncode) == (1, 2)


@pytest.mark.parametrize("option", ["--min-confidence", "--max-depth"])
def test_flat_gives_no_answer_to_be_limited(option: str) -> None:
    run = pictell("--flat", option, "1", BALL)
    assert option in run.stderr
    assert (run.stderr.count("\n"), run.returncode) == (1, 2)


def test_a_model_without_a_taxonomy_and_a_calibration_gives_only_classes(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(models.locate("default"), tmp_path / "flat"))
    spec = (folder / "model.toml").read_text()
    (folder / "model.toml").write_text(re.sub(r"taxonomy = .*\n", "", spec))
    assert "no taxonomy" in pictell("--model", folder, "--max-depth", "1", BALL).stderr
    calibrated = pictell("--model", folder, "--min-confidence", "0.999", BALL)
    assert calibrated.stdout.splitlines()[1].startswith("  probably golf ball ")
    (folder / "calibration.toml").unlink()
    plain = pictell("--model", folder, "--min-confidence", "0.999", BALL)
    assert (plain.stdout, plain.returncode) == ("", 2)
    assert "no calibration" in plain.stderr
    assert len(pictell("--model", folder, BALL).stdout.splitlines()) == 6


def test_results_come_while_another_program_writes_the_list() -> None:
    command = [PICTELL, "--from-file", "-", "-f", "jsonl"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for name in ("golf-ball", "wall-clock"):
            print(SAMPLES / f"{name}.png", file=process.stdin, flush=True)
            assert labels(process.stdout.readline()) == [name.replace("-", " ")]
        process.stdin.close()
        assert process.wait(20) == 0


@pytest.mark.parametrize("name", ["none.txt", "."])
def test_a_list_that_cannot_be_opened_is_wrong_use(name: str) -> None:
    run = pictell(BALL, "--from-file", name)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith(f"pictell: --from-file {name}: ")
    assert len(run.stderr.splitlines()) == 1


def test_null_wants_a_list() -> None:
    run = pictell("--null", BALL)
    assert "--from-file" in run.stderr
    assert run.returncode == 2


def test_a_damaged_note_beside_the_picture_is_not_talked_about(tmp_path: Path) -> None:
    """Pillow warns of EXIF entries that point beyond the end."""
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\xff\xff\0\0\x1a\0\0\0\0\0\0\0"
    Image.open(BALL).convert("RGB").save(tmp_path / "odd.jpg", exif=exif)
    run = pictell(tmp_path / "odd.jpg")
    assert (run.stderr, run.returncode) == ("", 0)


def test_isolate_gives_the_same_report_and_costs_a_hostile_picture_alone(tmp_path: Path) -> None:
    Image.new("RGB", (6000, 6000)).save(tmp_path / "bomb.png")
    words = ("--format", "jsonl", ROOT / "samples" / "cat.jpg", tmp_path, ROOT / "samples")
    limits = ("--isolate", "--max-memory", str(80 * 1024 * 1024), "--decode-timeout", "60")
    plain, isolated = pictell(*words), pictell(*limits, *words)
    assert (plain.returncode, isolated.returncode) == (0, 1)
    here, there = (
        [json.loads(line) for line in run.stdout.splitlines()] for run in (plain, isolated)
    )
    assert there[1]["error"]["code"] == "out_of_memory"
    assert isolated.stderr.splitlines()[0].startswith(f"pictell: {tmp_path / 'bomb.png'}: ")
    for one, other in zip(here, there, strict=True):
        one.pop("timings")
        other.pop("timings", None)
    assert here[:1] + here[2:] == there[:1] + there[2:]


def test_a_limit_of_isolation_without_isolation_is_an_error() -> None:
    run = pictell("--max-memory", "1000", ROOT / "samples" / "cat.jpg")
    assert run.returncode == 2
    assert "--max-memory" in run.stderr
    assert len(run.stderr.splitlines()) == 1
