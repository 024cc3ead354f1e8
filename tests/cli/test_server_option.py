"""``pictell --server``: the same output, from the model of a server."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import raw_server
from command import ROOT, environment, pictell
from pretend_server import RESULT, PretendServer, http, problem
from serving import CAT, Server, serving

SAMPLES = ROOT / "samples"
TIMES = re.compile(r', "timings": {.*?}')


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--details",),
        ("--format", "json"),
        ("--format", "jsonl", "--top-k", "1"),
        ("--format", "csv"),
        ("--status", "sure,likely", "--min-score", "0.95", "--names-only"),
    ],
)
def test_the_output_is_that_of_the_model(server: Server, words: tuple[str, ...]) -> None:
    pictures = (SAMPLES, ROOT / "README.md", "missing.jpg")
    remote = pictell("--server", server.url, *words, *pictures)
    local = pictell(*words, *pictures)
    assert (remote.returncode, remote.stderr) == (local.returncode, local.stderr)
    assert local.returncode == 1
    assert TIMES.sub("", remote.stdout) == TIMES.sub("", local.stdout)


def test_stdin_a_list_and_a_url_are_sent(server: Server, tmp_path: Path) -> None:
    listed = tmp_path / "list"
    listed.write_text(f"{CAT}\n")
    with raw_server.Server(raw_server.http(CAT.read_bytes())) as pictures, CAT.open("rb") as stdin:
        words = ("--format", "jsonl", "--from-file", listed, "-", pictures.url())
        run = pictell("--server", server.url, *words, stdin=stdin)
    assert (run.returncode, run.stderr) == (0, "")
    results = [json.loads(line) for line in run.stdout.splitlines()]
    assert [one["source"] for one in results] == ["stdin", pictures.url(), str(CAT)]
    assert {one["answer"]["name"] for one in results} == {"cat"}


def test_a_default_of_the_server_replaces_that_of_the_model(server: Server) -> None:
    variables = {"PICTELL_SERVER": server.url, "PICTELL_MODEL": "no-model-of-this-machine"}
    run = pictell(CAT, env=environment(**variables))
    assert (run.returncode, run.stderr) == (0, "")


def test_the_server_may_be_a_default(server: Server, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'server = "{server.url}"\nmodel = "default"\nmin_confidence = 0.5\n')
    without = environment(PICTELL_CONFIG=str(config))
    assert pictell("-f", "jsonl", CAT, env=without).returncode == 0
    assert pictell("--runtime", "onnx", CAT, env=without).returncode == 2
    here = pictell("--server", "", "--runtime", "onnx", CAT, env=without)
    assert (here.returncode, here.stderr) == (0, "")
    wrong = pictell(CAT, env=environment(PICTELL_SERVER="localhost:8000"))
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "PICTELL_SERVER" in wrong.stderr
    assert "/v1/classify" in {line["path"] for line in server.access_log()}


@pytest.mark.parametrize(
    "words",
    [
        ("--runtime", "onnx"),
        ("--labels", "labels.txt"),
        ("--isolate",),
        ("--min-confidence", "0.5"),
        ("--only", "cat"),
        ("--not", "cat"),
        ("--flat",),
        ("--max-pixels", "9"),
        ("--threads", "2"),
    ],
)
def test_an_option_of_a_model_on_this_machine_is_wrong_use(words: tuple[str, ...]) -> None:
    run = pictell("--server", "http://localhost:1", *words, CAT)
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
    assert words[0] in run.stderr


def test_a_model_is_one_of_the_server(server: Server) -> None:
    assert pictell("--server", server.url, "--model", "default", CAT).returncode == 0
    run = pictell("--server", server.url, "--model", "other", CAT)
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
    assert "other" in run.stderr


def test_the_token_of_the_variable_is_sent_and_not_shown() -> None:
    token = "a-secret-of-this-test"
    with PretendServer(problem("401 Unauthorized", "unauthorized", token)) as server:
        run = pictell("--server", server.url, CAT, env=environment(PICTELL_TOKEN=token))
    assert all(f"Authorization: Bearer {token}" in head for head in server.heads)
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
    assert token not in run.stderr


def test_no_server_is_one_line() -> None:
    with PretendServer(http(RESULT)) as server:
        url = server.url
    run = pictell("--server", url, SAMPLES)
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
    assert url in run.stderr


def test_a_server_that_fails_in_the_middle_ends_the_run_with_one_line(tmp_path: Path) -> None:
    names = [str(CAT)] * 100
    listed = tmp_path / "list"
    listed.write_text("\n".join(names))
    output = tmp_path / "found.jsonl"
    with PretendServer(*[http(RESULT)] * 30, http(b"<html>", "403 Forbidden")) as server:
        run = pictell("--server", server.url, "-o", output, "--from-file", listed)
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert "403" in run.stderr
    kept = [json.loads(line) for line in output.read_text().splitlines()]
    assert 0 < len(kept) <= 30
    assert {one["source"] for one in kept} == {str(CAT)}


def test_what_a_server_says_cannot_control_the_terminal() -> None:
    answer = RESULT | {"answer": RESULT["answer"] | {"name": "\x1b[2Jcat"}}  # type: ignore[operator]
    with PretendServer(problem("422 X", "decode", "\x1b[2Jno"), http(answer)) as server:
        run = pictell("--server", server.url, CAT, CAT)
    assert run.returncode == 1
    assert "\x1b" not in run.stdout + run.stderr
    assert "cat" in run.stdout
