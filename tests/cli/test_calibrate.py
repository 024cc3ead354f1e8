"""``pictell calibrate``: fit on labelled pictures, store in the model's folder."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fake_model as fake
from command import pictell
from pictell import models
from pictell.evaluation.calibrate import Sample, fit_calibration
from pictell.models.calibration_file import read_calibration
from pictell.models.folder import create_model_folder
from pictell.reports.evaluation.calibration import render
from pictell.scoring import calibration
from pictell.scoring.taxonomy import flat_taxonomy
from pictell.types import Attachment, Label

LABELS = ("dark", "grey", "bright")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The folder of a model that classifies pictures by their brightness."""
    spec = fake.spec(LABELS)
    folder = tmp_path / "model"
    create_model_folder(folder, spec, fake.weights(len(LABELS)))
    return folder


def pictures(folder: Path, count: int, accuracy: float = 0.8) -> Path:
    """A list of grey pictures; ``accuracy`` is the share that the model has right."""
    folder.mkdir()
    random = np.random.default_rng(0)
    lines = ["file,label,weight"]
    for number in range(count):
        brightness = int(random.integers(0, 256))
        path = folder / f"{number}.png"
        Image.fromarray(np.full((8, 8, 3), brightness, np.uint8)).save(path)
        label = LABELS[(brightness * 3 // 256 + (random.random() >= accuracy)) % 3]
        lines.append(f"{path.name},{label},{random.uniform(0.5, 1.5):.3f}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_a_model_is_calibrated(model: Path, tmp_path: Path) -> None:
    data = pictures(tmp_path / "val", 400)
    run = pictell("calibrate", "--model", model, "--data", data)
    assert (run.returncode, run.stderr) == (0, "")
    lines = run.stdout.splitlines()
    assert re.fullmatch(r"400 pictures: top-1 accuracy \d\d\.\d %, mean score \d\d\.\d %", lines[0])
    assert re.fullmatch(
        r"scores (raised|lowered): mean score now \d\d\.\d % \(temperature \d+\.\d\d.*\)", lines[1]
    )
    assert "where the best score is low (probability below 0." in run.stdout
    assert f"stored in {model / 'calibration.toml'}\n" in run.stdout
    fitted = read_calibration(models.find(model))
    assert fitted is not None
    assert (fitted.data.on, fitted.data.pictures) == ("val", 400)
    assert fitted.abstention.score == "probability"
    assert fitted.after.negative_log_likelihood < fitted.before.negative_log_likelihood


def test_calibrated_scores_stay_unchanged() -> None:
    tree = flat_taxonomy([Label(name) for name in ("a", "b", "c")])
    targets = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [210, 60, 30]))
    evidence = calibration.evidence(np.log(np.tile([0.7, 0.2, 0.1], (300, 1))), "softmax")
    found = fit_calibration(Sample(evidence, targets, np.ones(300)), "drawn", tree)
    assert found.unchanged
    assert found.fitted.after == found.fitted.before
    assert found.mean_confidence[0] == found.mean_confidence[1]
    assert "scores unchanged: " in render(found)
    louder = fit_calibration(Sample(3 * evidence, targets, np.ones(300)), "drawn", tree)
    assert not louder.unchanged
    assert louder.fitted.calibration.temperature == pytest.approx(3, rel=0.01)
    assert "scores lowered: " in render(louder)


def test_the_pictures_can_be_described(model: Path, tmp_path: Path) -> None:
    data = pictures(tmp_path / "val", 300)
    options = ("--data", data / "labels.csv", "--about", "grey squares")
    assert pictell("calibrate", "-m", model, *options).returncode == 0
    assert 'on = "grey squares"' in (model / "calibration.toml").read_text()


def test_the_same_pictures_give_the_same_file(model: Path, tmp_path: Path) -> None:
    data = pictures(tmp_path / "val", 300)
    pictell("calibrate", "-m", model, "-d", data)
    first = (model / "calibration.toml").read_bytes()
    pictell("calibrate", "-m", model, "-d", data)
    assert (model / "calibration.toml").read_bytes() == first


def test_unreadable_pictures_are_named_and_counted(model: Path, tmp_path: Path) -> None:
    data = pictures(tmp_path / "val", 300)
    (data / "7.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    run = pictell("calibrate", "-m", model, "-d", data)
    assert run.returncode == 1
    assert run.stdout.startswith("299 pictures: ")
    assert len(run.stderr.splitlines()) == 1
    assert "7.png: " in run.stderr


@pytest.mark.parametrize(
    ("count", "accuracy", "message"),
    [
        (60, 0.8, "are needed"),
        (400, 1.0, "only 0 of 400 answers are wrong: at least 10 are needed"),
    ],
)
def test_too_little_data_is_refused(
    model: Path, tmp_path: Path, count: int, accuracy: float, message: str
) -> None:
    run = pictell("calibrate", "-m", model, "-d", pictures(tmp_path / "val", count, accuracy))
    assert (run.returncode, run.stdout) == (2, "")
    assert message in run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert not (model / "calibration.toml").exists()


def test_labels_that_match_nothing_are_refused(model: Path, tmp_path: Path) -> None:
    data = pictures(tmp_path / "val", 10)
    table = data / "labels.csv"
    table.write_text(table.read_text().replace("dark", "darc"))
    run = pictell("calibrate", "-m", model, "-d", data)
    assert run.returncode == 2
    assert "'darc' (nearest: dark)" in run.stderr


def test_broader_labels_are_refused(tmp_path: Path) -> None:
    model = tmp_path / "model"
    tree = Attachment("taxonomy.tsv", "low\tlow\t-\ndark\tlow\ngrey\tlow\n")
    spec = replace(fake.spec(LABELS), taxonomy=tree)
    create_model_folder(model, spec, fake.weights(len(LABELS)))
    data = pictures(tmp_path / "val", 10)
    table = data / "labels.csv"
    table.write_text(table.read_text().replace("dark", "low"))
    run = pictell("calibrate", "-m", model, "-d", data)
    assert (run.returncode, run.stdout) == (2, "")
    assert "1 of 3 labels are broader labels: 'low': " in run.stderr
    assert "names of classes" in run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert not (model / "calibration.toml").exists()


def test_the_default_model_is_not_changed(tmp_path: Path) -> None:
    run = pictell("calibrate", "-m", "default", "-d", tmp_path)
    assert run.returncode == 2
    assert "is part of pictell: use a copy of its folder" in run.stderr


def test_the_default_models_own_folder_is_not_changed(tmp_path: Path) -> None:
    own = models.BUILT_IN["default"]
    (tmp_path / "link").symlink_to(own)
    before = (own / "calibration.toml").read_bytes()
    for place in (own, tmp_path / "link", f"{own}/../default"):
        run = pictell("calibrate", "-m", place, "-d", tmp_path)
        assert run.returncode == 2
        assert run.stderr == (
            f"pictell: {place} is part of pictell: use a copy of its folder "
            "(pictell models path default)\n"
        )
    assert (own / "calibration.toml").read_bytes() == before


# root may write everywhere: the command gives up root after its imports.
AS_NOBODY = """
import os, sys
from pictell.cli.main import main
main()
if os.geteuid() == 0:
    os.setuid(65534)
sys.exit(main())
"""


def test_a_read_only_folder_is_refused_at_once(model: Path, tmp_path: Path) -> None:
    data = pictures(tmp_path / "val", 10)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    model.chmod(0o555)
    command = [sys.executable, "-c", AS_NOBODY, "calibrate", "-m", model, "-d", data]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 2
    assert run.stderr.endswith(f"\npictell: {model} is not writable: use a copy of the folder\n")


@pytest.mark.parametrize("bare", ["net.onnx", "saved-model"])
def test_a_bare_model_is_refused(tmp_path: Path, bare: str) -> None:
    place = tmp_path / bare
    if place.suffix:
        place.write_bytes(b"any")
    else:
        place.mkdir()
    run = pictell("calibrate", "-m", place, "-d", tmp_path)
    assert run.returncode == 2
    assert len(run.stderr.splitlines()) == 1
    assert "convert it with pictell inspect --write" in run.stderr


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    run = pictell("calibrate", "-m", "x" * 5000, "-d", tmp_path)
    assert run.returncode == 2
    assert "no model named" in run.stderr
    assert len(run.stderr.splitlines()) == 1
