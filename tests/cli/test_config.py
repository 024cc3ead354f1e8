"""Defaults from the environment and ``config.toml``, and ``pictell config``."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from platformdirs import user_config_path

from command import ROOT, environment, pictell
from pictell import models

CAT = ROOT / "samples" / "cat.jpg"
QUANT = "mobilenet_v1_0.25_128_quant.tflite"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config.toml"
    monkeypatch.setenv("PICTELL_CONFIG", str(path))
    return path


def shown(**changes: str) -> dict[str, list[object]]:
    run = pictell("config", "--format", "json", env=environment(**changes))
    assert (run.returncode, run.stderr) == (0, "")
    found = json.loads(run.stdout)["defaults"]
    return {key: [default["value"], default["origin"]] for key, default in found.items()}


def test_the_built_in_defaults(file: Path) -> None:
    assert shown() == {
        "model": ["default", "default"],
        "min_confidence": [0.9, "default"],
        "format": ["text", "default"],
        "server": [None, "default"],
    }


def test_the_file_replaces_them(file: Path) -> None:
    file.write_text('min_confidence = 0.99\nformat = "jsonl"\n')
    assert shown() == {
        "model": ["default", "default"],
        "min_confidence": [0.99, str(file)],
        "format": ["jsonl", str(file)],
        "server": [None, "default"],
    }
    assert json.loads(pictell(CAT).stdout)["status"] == "likely"


def test_a_variable_replaces_the_file_unless_it_is_empty(file: Path) -> None:
    file.write_text('min_confidence = 0.99\nformat = "jsonl"\n')
    assert shown(PICTELL_FORMAT="csv", PICTELL_MIN_CONFIDENCE="") == {
        "model": ["default", "default"],
        "min_confidence": [0.99, str(file)],
        "format": ["csv", "PICTELL_FORMAT"],
        "server": [None, "default"],
    }
    changed = environment(PICTELL_FORMAT="json", PICTELL_MIN_CONFIDENCE="0")
    result = json.loads(pictell(CAT, env=changed).stdout)[0]
    assert result["answer"]["name"] == "tiger cat"


def test_an_option_replaces_all(file: Path) -> None:
    file.write_text('min_confidence = 7\nformat = "xml"\nmodel = "nothing"\nwrong = 1\n')
    wrong = environment(PICTELL_FORMAT="xml", PICTELL_MIN_CONFIDENCE="7", PICTELL_MODEL="nothing")
    given = "--format jsonl --min-confidence 0.99 --model default --server".split()
    run = pictell(*given, "", CAT, env=wrong)
    assert (run.returncode, run.stderr) == (0, "")
    assert json.loads(run.stdout)["status"] == "likely"
    assert pictell("labels", "--model", "default").returncode == 0


def test_help_needs_no_defaults(file: Path) -> None:
    file.write_text("wrong")
    for words in (["--help"], ["labels", "--help"], ["config", "--help"], ["--version"]):
        assert pictell(*words).returncode == 0


@pytest.mark.parametrize("written", ["models/mine", "./models/mine", "ABSOLUTE"])
def test_a_path_in_the_file_starts_at_the_folder_of_the_file(
    written: str, file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "models" / "mine"
    shutil.copytree(models.BUILT_IN["default"], folder)
    (folder / "labels.tsv").write_text("thing\n" * 1000)
    (folder / "model.toml").write_text(
        (folder / "model.toml").read_text().replace('taxonomy = "taxonomy.tsv"\n', "")
    )
    file.write_text(f"model = '{written.replace('ABSOLUTE', str(folder))}'\n")
    assert shown()["model"] == [str(folder), str(file)]
    assert pictell("labels", "0").stdout == "thing  0\n"
    run = pictell("--flat", CAT, cwd="/")
    assert (run.returncode, run.stderr) == (0, "")
    assert "thing" in run.stdout


def test_a_file_of_a_model_and_the_home_folder(
    file: Path, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copy(shared / "models" / "coral" / QUANT, tmp_path)
    for written in (QUANT, f"~/{QUANT}"):
        file.write_text(f'model = "{written}"\n')
        assert shown()["model"] == [str(tmp_path / QUANT), str(file)]


def test_a_model_from_a_variable_starts_at_the_current_folder(file: Path, tmp_path: Path) -> None:
    shutil.copytree(models.BUILT_IN["default"], tmp_path / "here" / "mine")
    changed = environment(PICTELL_MODEL="mine")
    run = pictell("labels", "tiger cat", env=changed, cwd=tmp_path / "here")
    assert "tiger cat" in run.stdout
    assert pictell("verify", env=changed, cwd=tmp_path / "here").returncode == 0
    run = pictell("labels", env=changed, cwd=tmp_path)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("pictell: PICTELL_MODEL: no model named 'mine'")


def test_evaluate_uses_the_default_model(file: Path) -> None:
    file.write_text('model = "nothing"\n')
    run = pictell("evaluate", "--data", ROOT / "samples")
    assert run.returncode == 2
    assert run.stderr.startswith("pictell: config.toml: model: no model named 'nothing'")


def test_other_commands_have_their_own_formats() -> None:
    run = pictell("labels", "tiger cat", env=environment(PICTELL_FORMAT="csv"))
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.endswith("tiger cat  n02123159\n")


def test_a_threshold_without_effect_is_ignored(file: Path, shared: Path) -> None:
    file.write_text("min_confidence = 0.5\n")
    model = shared / "models" / "coral" / QUANT
    for words in (["--flat"], ["--model", model]):
        run = pictell(CAT, *words)
        assert (run.returncode, run.stderr) == (0, "")
    for words in (["--flat"], ["--model", model]):
        assert pictell(CAT, *words, "--min-confidence", "0.5").returncode == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("min_confidence = 3", "config.toml: min_confidence must be in 0..1"),
        ("min_confidence = nan", "config.toml: min_confidence must be in 0..1"),
        ("min_confidence = -inf", "config.toml: min_confidence must be in 0..1"),
        (f"min_confidence = 0x{'f' * 9000}", "config.toml: min_confidence must be in 0..1"),
        ("min_confidence = true", "config.toml: min_confidence must be a number"),
        ('min_confidence = "0.5"', "config.toml: min_confidence must be a number"),
        ("[min_confidence]", "config.toml: min_confidence must be a number"),
        ('format = "xml"', "config.toml: format must be one of text, json, jsonl, csv"),
        ('format = ""', "config.toml: format must be one of"),
        ("format = 1", "config.toml: format must be text in quotes"),
        ("model = 1979-05-27", "config.toml: model must be text in quotes"),
        ('model = "nothing"', "config.toml: model: no model named 'nothing'"),
        ('model = ""', "config.toml: model: no model named ''"),
        ('model = "a\\u0000b"', "config.toml: model: no model named"),
        ('model = "a/\\u0000b"', "config.toml: model: "),
        ('model = "x.onnx"', "/x.onnx: no such file or folder"),
        ('model = "~nobody-has-this-name/x"', "no such file or folder"),
        ('modle = "x"', "config.toml: unknown key 'modle' (did you mean model?)"),
        ('[zzz]\na = "x"', "config.toml: unknown key 'zzz' (the keys are model, min_confidence,"),
        ('"\\u001b[31m" = 1', r"config.toml: unknown key '\x1b[31m'"),
        ("model", "config.toml is not valid TOML"),
        ("a.b" + ".c" * 5000 + " = 1", "config.toml is not valid TOML"),
        ("a = " + "[" * 5000, "config.toml is not valid TOML"),
        (b"\xff", "is not UTF-8 text"),
        (b"#" * 2_000_000, "is longer than"),
    ],
)
def test_a_wrong_file_is_an_error_of_one_line(
    content: str | bytes, message: str, file: Path
) -> None:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    for words in ([CAT], ["config"]):
        run = pictell(*words)
        assert (run.returncode, run.stdout) == (2, "")
        assert message in run.stderr
        assert len(run.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("FORMAT", "xml", "PICTELL_FORMAT must be one of text, json, jsonl, csv"),
        ("FORMAT", "\udcff", "PICTELL_FORMAT must be one of"),
        ("MIN_CONFIDENCE", "90", "PICTELL_MIN_CONFIDENCE must be in 0..1, not '90': 0.9 for 90 %"),
        ("MIN_CONFIDENCE", "x", "PICTELL_MIN_CONFIDENCE must be a number, not 'x'"),
        ("MODEL", "nothing", "PICTELL_MODEL: no model named 'nothing'"),
        ("MODEL", "inception5h", "PICTELL_MODEL: inception5h is not downloaded"),
        ("MODEL", "\x1b[31m", r"PICTELL_MODEL: no model named '\x1b[31m'"),
    ],
)
def test_a_wrong_variable_is_an_error_of_one_line(variable: str, value: str, message: str) -> None:
    run = pictell(CAT, env=environment(**{f"PICTELL_{variable}": value}))
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith(f"pictell: {message}")
    assert len(run.stderr.splitlines()) == 1


def test_a_folder_and_a_broken_link_are_not_the_file(file: Path) -> None:
    file.mkdir()
    assert "is not a regular file" in pictell("config").stderr
    file.rmdir()
    file.symlink_to("nowhere")
    run = pictell("config")
    assert (run.returncode, len(run.stderr.splitlines())) == (2, 1)


def test_the_null_device_is_an_empty_file() -> None:
    assert shown(PICTELL_CONFIG="/dev/null")["model"] == ["default", "default"]


def test_the_table(file: Path) -> None:
    file.write_text("min_confidence = 1\n")
    run = pictell("config", env=environment(PICTELL_FORMAT="csv"))
    assert [line.split() for line in run.stdout.splitlines()] == [
        ["file", str(file), "exists"],
        ["model", "default", "default"],
        ["min_confidence", "1.0", str(file)],
        ["format", "csv", "PICTELL_FORMAT"],
        ["server", "none", "default"],
    ]
    file.unlink()
    assert pictell("config").stdout.splitlines()[0].split()[1:] == [
        str(file), "does", "not", "exist",
    ]  # fmt: skip
    assert pictell("config", "--path").stdout == f"{file}\n"


def test_the_path_of_a_wrong_file_is_shown(file: Path) -> None:
    file.write_text("wrong")
    assert pictell("config", "--path").stdout == f"{file}\n"


@pytest.mark.parametrize("folder", ["", "relative", "/somewhere"])
def test_the_file_is_where_the_system_keeps_configuration(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PICTELL_CONFIG", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", folder)
    expected = user_config_path("pictell", appauthor=False) / "config.toml"
    assert pictell("config", "--path").stdout == f"{expected}\n"


def test_the_library_has_no_defaults_from_outside(file: Path) -> None:
    file.write_text("wrong")
    code = f"import pictell; print(pictell.load().classify({str(CAT)!r}))"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(PICTELL_MODEL="nothing", PICTELL_MIN_CONFIDENCE="7"),
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.endswith("  97 %\n")
