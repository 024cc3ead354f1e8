"""``pictell verify``: golden answers, and two runtimes compared."""

import json
import re
import shutil
from pathlib import Path

import pytest

from command import ROOT, pictell
from pictell import models

PARROT = "coral/parrot.jpg"


def test_the_default_model_reproduces_its_golden_answers() -> None:
    run = pictell("verify")
    assert (run.returncode, run.stderr) == (0, "")
    assert "3 pictures: same best class for 3; " in run.stdout
    assert "\nverified: the tolerance is 0.02\n" in run.stdout


def test_other_answers_are_not_verified(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(models.BUILT_IN["default"], folder)
    golden = folder / "golden.toml"
    golden.write_text(golden.read_text().replace("rings = [[632, 0.1", "rings = [[632, 0.6"))
    run = pictell("verify", folder)
    assert run.returncode == 1
    assert "\nNOT verified: the tolerance is 0.02\n" in run.stdout


def test_answers_are_recorded_in_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(models.BUILT_IN["default"], folder)
    (folder / "golden.toml").unlink()
    without = pictell("verify", folder)
    assert without.returncode == 2
    assert "has no golden answers: store them with --record" in without.stderr
    assert pictell("verify", folder, "--record").returncode == 0
    assert pictell("verify", folder, "--tolerance", "1e-6").returncode == 0


def test_golden_answers_as_json(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(models.BUILT_IN["default"], folder)
    recorded = pictell("verify", folder, "--record", "--format", "json")
    assert (recorded.returncode, recorded.stderr) == (0, "")
    found = json.loads(recorded.stdout)
    assert (found["file"], found["answers"]) == (str(folder / "golden.toml"), 3)
    for tolerance, verified in (("0.02", True), ("0", False)):
        run = pictell("verify", folder, "--format", "json", "--tolerance", tolerance)
        assert (run.returncode, run.stderr) == (0 if verified else 1, "")
        record = json.loads(run.stdout)
        assert record["verified"] is verified
        assert record["against"] == "golden answers"
        assert record["made_by"] == found["made_by"]
        assert (record["pictures"], record["same_top1"]) == (3, 3)
        assert 0 < record["median_difference"] <= record["max_difference"] < 1e-5
        assert record["worst"] in {"gradient", "checks", "rings"}
        assert record["tolerance"] == float(tolerance)


def test_two_runtimes_as_json() -> None:
    run = pictell(
        "verify", "default", "--against", "openvino", ROOT / "samples" / "cat.jpg", "missing.png",
        "-f", "json", "--tolerance", "0.1",
    )  # fmt: skip
    assert run.returncode == 1
    record = json.loads(run.stdout)
    assert (record["runtime"], record["against"]) == ("onnx", "openvino")
    assert (record["pictures"], record["verified"]) == (1, True)
    assert [(one["source"], one["code"]) for one in record["failed"]] == [
        ("missing.png", "source_not_found")
    ]


@pytest.mark.slow
def test_two_runtimes_agree_on_a_frozen_graph(shared: Path) -> None:
    folder = shared / "models" / "mobilenet_v1_0.25_128_frozen"
    run = pictell(
        "verify", folder / "frozen_graph.pb", "--labels", folder / "labels.txt",
        "--runtime", "tensorflow", "--against", "openvino", "--tolerance", "1e-4",
        shared / "models" / PARROT, ROOT / "samples",
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (0, "")
    found = re.search(r"(\d+) pictures: same best class for (\d+); ", run.stdout)
    assert found is not None
    assert found[1] == found[2]
    assert "\nverified: the tolerance is 0.0001\n" in run.stdout


def test_answers_cannot_be_recorded_for_a_bare_file(shared: Path) -> None:
    path = shared / "models" / "coral" / "mobilenet_v1_0.25_128_quant.tflite"
    run = pictell("verify", path, "--record")
    assert run.returncode == 2
    assert "convert it with pictell inspect --write" in run.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["default", "cat.jpg"], "give --against RUNTIME"),
        (["default", "--against", "openvino"], "--against needs pictures"),
        (["default", "--against", "caffe", "cat.jpg"], "invalid choice: 'caffe'"),
        (["default", "--against", "litert", "cat.jpg"], "litert does not read onnx models"),
        (["nothing"], "no model named 'nothing'"),
    ],
)
def test_bad_input_gets_one_line(words: list[str], message: str) -> None:
    run = pictell("verify", *words)
    assert run.returncode == 2
    assert message in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_answers_of_the_default_model_are_not_replaced() -> None:
    folder = models.BUILT_IN["default"]
    before = (folder / "golden.toml").read_bytes()
    for model in ("default", folder):
        run = pictell("verify", model, "--record")
        assert run.returncode == 2
        assert "is part of pictell" in run.stderr
    assert (folder / "golden.toml").read_bytes() == before
