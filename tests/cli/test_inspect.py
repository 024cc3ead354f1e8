"""``pictell inspect``: what is in a file, what is known, what is missing, a model.toml."""

import json
import os
import pty
import re
import shutil
import termios
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from command import pictell
from hostile_models import classifier, frozen, node, onnx_model
from pictell import models
from pictell.inspection.onnx import with_metadata
from tflite_files import LABELS, colours, metadata, packed

SAMPLES = Path(__file__).parents[2] / "samples"


def results(model: str | Path, *pictures: Path) -> list[dict[str, Any]]:
    """The results of a model for pictures, without timings."""
    run = pictell("--format", "json", "--model", model, *pictures)
    assert (run.returncode, run.stderr) == (0, "")
    return [one | {"timings": None} for one in json.loads(run.stdout)]


def test_a_known_file_is_ready(shared: Path) -> None:
    path = shared / "models" / "coral" / "mobilenet_v2_1.0_224_quant.tflite"
    run = pictell("inspect", path)
    assert (run.returncode, run.stderr) == (0, "")
    for text in (
        "format         tflite",
        "3.61 MB",
        "7aad0c74c5e3c06e5eb3c827e13304fdd68a83da6087d92ee169c24ff9fd4776",
        "known as       mobilenet_v2_1.0_224_quant",
        "input  uint8 (1, 224, 224, 3), quantised: 0.0078125 x (stored - 128)",
        "MobilenetV2/Predictions/Softmax  uint8 (1, 1001)",
        "probabilities",
        "litert, openvino",
        "safe           yes",
        "ready          yes",
        "squash central 0.875 to 224 x 224, bilinear-tf1, uint8, RGB, NHWC",
        "from the catalogue",
    ):
        assert text in run.stdout
    toml = tomllib.loads(run.stdout[run.stdout.index("[model]") :])
    assert toml["model"]["format"] == "tflite"
    assert toml["input"]["width"] == 224


def test_the_preset_of_an_unknown_file_is_a_marked_guess(shared: Path) -> None:
    path = shared / "models" / "panel_retrained_frozen" / "retrained_graph.pb"
    run = pictell("inspect", path, "--format", "json")
    assert run.returncode == 0
    found = json.loads(run.stdout)
    assert found["format"] == "frozen-graph"
    assert (found["safe"], found["ready"]) == (True, False)
    assert found["known_as"] is None
    assert found["inputs"][0] == {
        "name": "input",
        "shape": [1, 128, 128, 3],
        "dtype": "float32",
        "quantisation": None,
    }
    assert [output["name"] for output in found["outputs"]] == ["final_result"]
    assert found["activations"] == {"final_result": "none"}
    assert found["ops"]["Conv2D"] > 10
    assert found["preprocessing"].startswith("possible preset retrain: retrain.py names")
    assert "give --labels FILE" in found["missing"]
    assert "give --mean and --std, or --preset" in found["missing"]
    assert found["model_toml"].startswith("# [input] is a guess: possible preset retrain\n")
    assert tomllib.loads(found["model_toml"])["input"]["mean"] == [127.5, 127.5, 127.5]


def test_what_is_written_runs_without_options(shared: Path, tmp_path: Path) -> None:
    panel = shared / "models" / "panel_retrained_frozen"
    target = tmp_path / "panel"
    run = pictell(
        "inspect", panel / "retrained_graph.pb", "--labels", panel / "retrained_labels.txt",
        "--mean", "127.5", "--std", "127.5", "--write", target,
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (0, "")
    assert sorted(path.name for path in target.iterdir()) == [
        "labels.tsv", "model.toml", "retrained_graph.pb"
    ]  # fmt: skip
    photo = shared / "models" / "coral" / "parrot.jpg"
    told = pictell("--format", "json", "--model", target, photo)
    assert told.returncode == 0
    assert len(json.loads(told.stdout)[0]["predictions"]) == 5
    again = pictell("inspect", target)
    assert "from model.toml" in again.stdout
    assert pictell("inspect", panel / "retrained_graph.pb", "--write", target).returncode == 2


def test_the_default_model_becomes_one_file_and_a_folder_again(tmp_path: Path) -> None:
    packed = tmp_path / "packed.onnx"
    assert pictell("inspect", "default", "--write", packed).returncode == 0
    folder = tmp_path / "folder"
    assert pictell("inspect", packed, "--write", folder).returncode == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        "calibration.toml", "labels.tsv", "model.toml", "packed.onnx", "taxonomy.tsv"
    ]  # fmt: skip
    noise = tmp_path / "noise.png"
    pixels = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    Image.fromarray(pixels).save(noise)
    ours, packeds, folders = (
        results(model, noise, *sorted(SAMPLES.glob("*.png")))
        for model in ("default", packed, folder)
    )
    assert ours == packeds == folders
    assert {"unknown", "sure"} <= {one["status"] for one in ours}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["inspect"], "the following arguments are required: MODEL"),
        (["inspect", "nothing.pb"], "nothing.pb: no such file or folder"),
        (
            ["inspect", "inception5h"],
            "inception5h is not downloaded: run pictell models pull inception5h",
        ),
        (["inspect", "labels.txt"], "a text file, such as labels, not a model"),
        (["inspect", "model.pth"], "pickle"),
        (["inspect", "--size", "0", "x.pb"], "argument --size: must be a whole number from 1"),
        (["inspect", "--mean", "1,2", "x.pb"], "argument --mean: must be 3 numbers"),
        (
            ["inspect", "--crop-fraction", "2", "x.pb"],
            "argument --crop-fraction: must be a number from 0.01 to 1",
        ),
    ],
)
def test_bad_input_gets_one_line(words: list[str], message: str, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    (tmp_path / "model.pth").write_bytes(b"\x80\x02}q\x00.")
    run = pictell(*words, cwd=tmp_path)
    assert run.returncode == 2
    assert run.stdout == ""
    assert message in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_a_dangerous_graph_is_shown_but_not_written(tmp_path: Path) -> None:
    hostile_graph = tmp_path / "graph.pb"
    nodes = [*classifier(), node("content", "ReadFile", "name")]
    hostile_graph.write_bytes(frozen(nodes).graph)
    run = pictell("inspect", hostile_graph)
    assert run.returncode == 0
    assert "safe           no: " in run.stdout
    assert "ReadFile" in run.stdout
    refused = pictell("inspect", hostile_graph, "--write", tmp_path / "target")
    assert refused.returncode == 2
    assert "ReadFile" in refused.stderr
    assert not (tmp_path / "target").exists()


def test_a_tampered_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(models.BUILT_IN["default"], folder)
    weights = folder / "weights.onnx"
    weights.write_bytes(weights.read_bytes() + b"\x32\x00")
    for words in ((), ("--write", tmp_path / "copy")):
        run = pictell("inspect", folder, *words)
        assert run.returncode == 2
        assert "the SHA-256 of weights.onnx is not the one in model.toml" in run.stderr
    assert not (tmp_path / "copy").exists()


def test_golden_answers_go_with_the_model(tmp_path: Path) -> None:
    assert pictell("inspect", "default", "--write", tmp_path / "copy").returncode == 0
    assert pictell("verify", tmp_path / "copy").returncode == 0


def test_inspect_says_what_training_would_use(shared: Path) -> None:
    run = pictell("inspect", "default", "--format", "json")
    record = json.loads(run.stdout)
    assert record["embedding"].startswith("embedding, stated")
    assert (record["safe"], record["ready"], record["missing"]) == (True, True, None)
    tflite = next((shared / "models" / "coral").glob("*.tflite"))
    assert "no: training needs an ONNX" in pictell("inspect", tflite).stdout


def test_the_metadata_is_shown_and_goes_into_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "colours.tflite"
    texts = {0: "\x1b[31mcolours", 1: "d" * 200, 5: "MIT\nand more"}
    path.write_bytes(packed(colours(), metadata(texts=texts), {"labels.txt": LABELS}))
    run = pictell("inspect", path)
    assert (run.returncode, run.stderr) == (0, "")
    for text in (
        r"metadata       name: \x1b[31mcolours",
        r"metadata       license: MIT\nand more",
        "metadata       files: labels.txt",
        "(x - 127.5) / 127.5, RGB, NHWC; from the TFLite metadata; "
        "resize mode, interpolation and channels are defaults",
        "ready          yes",
    ):
        assert text in run.stdout
    (line,) = [line for line in run.stdout.splitlines() if "description: dd" in line]
    assert len(line) == 80
    record = json.loads(pictell("inspect", path, "--format", "json").stdout)
    assert record["metadata"]["description"] == "d" * 200
    assert record["metadata"]["name"] == texts[0]
    assert record["stated_by"] == "the TFLite metadata"
    assert pictell("inspect", path, "--write", tmp_path / "written").returncode == 0
    toml = tomllib.loads((tmp_path / "written" / "model.toml").read_text(encoding="utf-8"))
    assert toml["model"]["licence"] == "MIT"
    assert toml["input"]["mean"] == [127.5, 127.5, 127.5]
    red = tmp_path / "red.png"
    Image.new("RGB", (9, 9), (255, 0, 0)).save(red)
    assert results(path, red) == results(tmp_path / "written", red)


def test_unknown_metadata_is_shown_and_much_of_it_is_cut(tmp_path: Path) -> None:
    entries = {f"key {number}": "value" for number in range(900)}
    path = tmp_path / "much.onnx"
    path.write_bytes(with_metadata(onnx_model().SerializeToString(), entries))
    run = pictell("inspect", path)
    assert "metadata       key 0: value\n" in run.stdout
    assert "metadata       and 880 more\n" in run.stdout
    record = json.loads(pictell("inspect", path, "--format", "json").stdout)
    assert len(record["metadata"]) == 900
    assert record["stated_by"] is None


def test_a_model_for_another_task_is_shown_with_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "yolo.onnx"
    entries = {"names": "{0: 'a'}", "task": "detect", "stride": "32"}
    path.write_bytes(with_metadata(onnx_model().SerializeToString(), entries))
    record = json.loads(pictell("inspect", path, "--format", "json").stdout)
    assert record["missing"] == "a YOLO detection model: pictell reads classification models"
    assert record["metadata"]["task"] == "detect"


def test_the_lines_fit_a_terminal() -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    run = pictell("inspect", "default", capture_output=False, stdout=theirs)
    os.close(theirs)
    assert run.returncode == 0
    with os.fdopen(ours, "rb") as terminal:
        lines = terminal.read1().decode().partition("[model]")[0].splitlines()[1:]
    assert max(map(len, lines)) == 80
    assert any(line.startswith(" " * 16 + "Flatten") for line in lines)


def test_the_fields_of_the_documentation_are_those_of_the_json() -> None:
    text = (SAMPLES.parent / "docs" / "models.md").read_text(encoding="utf-8")
    rows = text.partition("| field of `inspect`")[2].partition("\n\n")[0].splitlines()[2:]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert named == json.loads(pictell("inspect", "default", "-f", "json").stdout).keys()
