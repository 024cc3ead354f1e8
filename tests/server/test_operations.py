"""What an operator sees: settings, metrics, and a server that does not start."""

import os
import resource
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

import fake_model as fake
from command import PICTELL, environment
from dropout_model import DROPOUT, write
from pictell.cli.serve import _parse, make_parser
from pictell.cli.serve_settings import fill_from_elsewhere
from pictell.models.examine import examine
from pictell.models.folder import create_model_folder
from pictell.options import ModelOptions
from pictell.results import Result
from pictell.server.metrics import Metrics
from serving import CAT, HOST, Server, serving


def failed(*words: str | Path, **variables: str) -> tuple[int, str]:
    """The exit status of a server that does not start, and the one line that says why."""
    run = subprocess.run(
        [PICTELL, "serve", "--port", "0", *words],
        capture_output=True,
        timeout=60,
        encoding="utf-8",
        env=environment(**variables),
    )
    lines = [line for line in run.stderr.splitlines() if " on http://" not in line]
    assert run.stdout == ""
    assert len(lines) == 1, run.stderr
    assert lines[0].startswith("pictell: ")
    return run.returncode, lines[0]


def metrics(server: Server) -> dict[tuple[str, frozenset[str]], float]:
    """The value of each sample, by its name and the values of its labels."""
    text = server.get("/metrics").data.decode()
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
    return {(one.name, frozenset(one.labels.values())): one.value for one in samples}


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_metrics_count_what_happens(workers: str) -> None:
    with serving("--workers", workers) as server:
        picture = ("images", ("a", CAT.read_bytes()))
        server.post("/v1/classify", fields=[picture, picture, ("images", ("b", b"x"))])
        server.post("/v1/classify?no=1")
        server.get("/made-up")
        found = metrics(server)
    ok = frozenset({"/v1/classify", "POST", "200"})
    assert found["pictell_requests_total", ok] == 1
    assert found["pictell_requests_total", frozenset({"other", "GET", "404"})] == 1
    assert found["pictell_pictures_total", frozenset({"default", "ok"})] == 2
    assert found["pictell_pictures_total", frozenset({"default", "not_a_picture"})] == 1
    assert found["pictell_refused_total", frozenset({"wrong_use"})] == 1
    assert found["pictell_queue_pictures", frozenset()] == 0
    assert found["pictell_batch_pictures_sum", frozenset({"default"})] == 2
    assert found["pictell_request_seconds_count", frozenset({"/v1/classify"})] == 2
    assert found["pictell_run_seconds_sum", frozenset({"default"})] > 0
    assert not any("/made-up" in labels for _, labels in found)


def test_metrics_count_warnings_beside_outcomes() -> None:
    metrics = Metrics()
    for warnings in ((), ("damaged",), ("damaged", "truncated")):
        metrics.saw_picture("m", Result("a.jpg", "m", warnings=warnings))
    text = metrics.text().decode()
    assert 'pictell_pictures_total{model="m",outcome="ok"} 3.0' in text
    assert 'pictell_warnings_total{model="m",warning="damaged"} 2.0' in text
    assert 'pictell_warnings_total{model="m",warning="truncated"} 1.0' in text


@pytest.fixture
def shades(tmp_path: Path) -> Path:
    """A model of three classes, as a folder."""
    labels = ["dark", "grey", "bright"]
    folder = tmp_path / "shades"
    create_model_folder(folder, fake.spec(labels), fake.weights(len(labels)))
    return folder


def test_several_models(shades: Path) -> None:
    with serving("--model", "default", "--model", f"my={shades}") as server:
        names = [one["name"] for one in server.get("/v1/models").json()["models"]]
        assert names == ["default", "my"]
        assert server.classify() == "tiger cat"
        found = server.post("/v1/classify?model=my", body=CAT.read_bytes()).json()
        assert found["predictions"][0]["label"] in {"dark", "grey", "bright"}
        answer = server.post("/v1/embed?model=my", body=CAT.read_bytes())
        assert (answer.status, answer.json()["code"]) == (400, "wrong_use")


def test_settings_of_a_flag_a_variable_and_the_file(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[serve]\nmax_pictures = 1\nfetch = true\nfetch_host = ["a.example"]\n')
    two = [("images", ("a", CAT.read_bytes()))] * 2
    config = {"PICTELL_CONFIG": str(file)}
    with serving(**config) as server:
        assert server.post("/v1/classify", fields=two).status == 413
        answer = server.post("/v1/classify", json={"url": "http://b.example/"})
        assert answer.json()["code"] == "address_refused"
    with serving(**config, PICTELL_SERVE_MAX_PICTURES="2") as server:
        assert server.post("/v1/classify", fields=two).status == 200
    flag = ("--max-pictures", "1")
    with serving(*flag, **config, PICTELL_SERVE_MAX_PICTURES="2") as server:
        assert server.post("/v1/classify", fields=two).status == 413


def test_a_flag_that_is_a_list_replaces_that_of_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[serve]\nallowed_host = ["file.example"]\n')
    monkeypatch.setenv("PICTELL_CONFIG", str(file))

    def allowed(*words: str) -> list[str]:
        parser = make_parser()
        fill_from_elsewhere(parser)
        found: list[str] = parser.parse([*words]).allowed_hosts
        return found

    assert allowed() == ["file.example"]
    monkeypatch.setenv("PICTELL_SERVE_ALLOWED_HOST", "a.example b.example")
    assert allowed() == ["a.example", "b.example"]
    flags = ("--allowed-host", "c.example", "--allowed-host", "d.example")
    assert allowed(*flags) == ["c.example", "d.example"]


def test_the_operator_decides_what_is_accepted_of_a_truncated_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.toml"
    monkeypatch.setenv("PICTELL_CONFIG", str(file))

    def accepts(*words: str) -> bool:
        return _parse([*words]).limits.allow_truncated

    assert not accepts()
    assert accepts("--allow-truncated")
    assert accepts("--allow-truncated", "--no-isolate")
    file.write_text("[serve]\nallow_truncated = true\n")
    assert accepts()
    monkeypatch.setenv("PICTELL_SERVE_ALLOW_TRUNCATED", "false")
    assert not accepts()


def test_an_origin_is_compared_as_browsers_write_it() -> None:
    options = make_parser().parse(["--cors-origin", "HTTPS://Example.org"])
    assert options.cors_origins == ["https://example.org"]


WRONG = {
    "--port": "65536",
    "--workers": "0",
    "--max-body": "-1",
    "--max-queue": "many",
    "--request-timeout": "-1",
    "--head-timeout": "nan",
    "--rate-limit": "0/minute",
    "--min-confidence": "2",
    "--decode-timeout": "0",
    "--tokens-file": "/proc/none",
    "--allowed-host": "https://example.org",
    "--cors-origin": "example.org",
    "--trusted-proxy": "10.0.0.1/8",
}


@pytest.mark.parametrize("option", WRONG)
def test_a_wrong_value(tmp_path: Path, option: str) -> None:
    value, key = WRONG[option], option.removeprefix("--").replace("-", "_")
    assert failed(option, value)[0] == 2
    assert failed(**{f"PICTELL_SERVE_{key.upper()}": value})[0] == 2
    file = tmp_path / "config.toml"
    file.write_text(f'[serve]\n{key} = "{value}"\n')
    assert failed(PICTELL_CONFIG=str(file))[0] == 2


@pytest.mark.parametrize(
    "text",
    ["[serve]\nprot = 1\n", "[serve]\nfetch = 'perhaps'\n", "serve = 1\n", "[serve\n"],
)
def test_a_wrong_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    assert failed(PICTELL_CONFIG=str(file))[0] == 2


def test_settings_that_contradict_each_other(tmp_path: Path) -> None:
    short, foreign = tmp_path / "short", tmp_path / "foreign"
    short.write_text("too-short\n")
    foreign.write_text("ein-längeres-geheimnis\n")
    for words in (
        ("--fetch-host", "a.example"),
        ("--max-body", "2000", "--max-buffered", "1000"),
        ("--rate-limit", "100/minute;5/second"),
        ("--allowed-host", "*.example.org"),
        ("--tokens-file", short),
        ("--tokens-file", foreign),
        ("--tokens-file", os.devnull),
        ("--model", "default", "--model", "default"),
        ("--model", "a/b=default"),
    ):
        assert failed(*words)[0] == 2


def test_a_port_or_host_that_cannot_be_used() -> None:
    with socket.create_server((HOST, 0)) as taken:
        status, line = failed("--port", str(taken.getsockname()[1]))
    assert status == 2
    assert "in use" in line
    # A token, so that there is no warning of a server that everyone can use.
    token = "a-token-of-some-length"
    assert failed("--host", "no.such.host.invalid", PICTELL_SERVE_TOKENS=token)[0] == 2


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_a_model_that_does_not_open(tmp_path: Path, workers: str) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    started = time.monotonic()
    for model in (broken, tmp_path / "none.onnx"):
        status, line = failed("--model", model, "--workers", workers)
        assert status in {1, 2}
        assert str(model.name) in line
    assert time.monotonic() < started + 55


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_a_warning_of_the_model_comes_once(tmp_path: Path, workers: str) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("cat\ndog\nbird\n")
    trained = write(tmp_path / "trained.onnx", DROPOUT)
    found = examine(trained, ModelOptions(labels=labels, preset="unit"))
    model = tmp_path / "model"
    create_model_folder(model, found.ready_spec(), found.model.content)
    with serving("--model", str(model), "--workers", workers) as server:
        server.classify()
        server.stop()
        assert server.log.count("dropout, are taken out") == 1
        assert "ModelWarning" not in server.log


@pytest.mark.skipif(sys.platform != "linux", reason="systems count open files in other ways")
def test_few_files_may_be_open() -> None:
    """The server then keeps fewer connections; those that wait for longest make room."""

    def allow_few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (400, 400))

    with serving(preexec_fn=allow_few) as server, ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(socket.create_connection((HOST, server.port)))
        assert server.get("/healthz").status == 200
        assert server.classify() == "tiger cat"
