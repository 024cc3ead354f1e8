"""``calibration.toml``: read back as written; an error names the key."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

import fake_model as fake
from fitted_calibration import FITTED
from pictell import models
from pictell.errors import InvalidModelError, StoreError
from pictell.models.calibration_file import (
    Data,
    read_calibration,
    to_toml,
    write_calibration,
)
from pictell.models.folder import CALIBRATION_FILE
from pictell.scoring.calibration import MIN_DIVISOR, Abstention, Calibration, to_logits
from pictell.types import Attachment, ModelSpec

SHA256 = "0" * 64


def spec_with(text: str) -> ModelSpec:
    fitted = Attachment(CALIBRATION_FILE, text)
    return dataclasses.replace(fake.spec(["dark", "bright"]), sha256=SHA256, calibration=fitted)


def spec_in(folder: Path) -> ModelSpec:
    return spec_with((folder / CALIBRATION_FILE).read_text(encoding="utf-8"))


@pytest.mark.parametrize("knee", [5.5, math.inf])
def test_what_is_written_is_read_back(tmp_path: Path, knee: float) -> None:
    fitted = replace(FITTED, calibration=Calibration(0.75, knee))
    write_calibration(tmp_path, fitted, SHA256)
    assert read_calibration(spec_in(tmp_path)) == fitted
    assert [path.name for path in tmp_path.iterdir()] == [CALIBRATION_FILE]


def test_the_threshold_is_written_with_all_digits(tmp_path: Path) -> None:
    """If it were rounded up, scores equal to it would be below; quantised models have many."""
    exact = replace(FITTED, abstention=Abstention("peak", 0.7273605000000001, 0.0))
    write_calibration(tmp_path, exact, SHA256)
    assert read_calibration(spec_in(tmp_path)) == exact


def test_a_model_may_have_no_calibration() -> None:
    assert read_calibration(fake.spec(["dark", "bright"])) is None


def test_the_calibration_of_the_default_model() -> None:
    fitted = read_calibration(models.find("default"))
    assert fitted is not None
    assert fitted.data.pictures == 650
    assert "ImageNet's validation set" in fitted.data.on
    assert fitted.after.calibration_error < fitted.before.calibration_error
    assert fitted.after.negative_log_likelihood < fitted.before.negative_log_likelihood
    assert fitted.after.brier_score < fitted.before.brier_score


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("temperature = 0.75", "temperature = 0", "calibration.temperature: .* >= 1e-06"),
        ("temperature = 0.75", "temperature = nan", "calibration.temperature: .* >= 1e-06"),
        ("temperature = 0.75", "temperature = 1e-300", "calibration.temperature: .* >= 1e-06"),
        ("knee = 5.5", "knee = 1e-300", "calibration.knee: .* >= 1e-06"),
        ("knee = 5.5", "knee = nan", "calibration.knee: .* >= 1e-06"),
        ("temperature = 0.75", "temperature = inf", "calibration.temperature: .* <= 1.79"),
        ("temperature = 0.75", "temperature = true", "calibration.temperature: .* got `bool`"),
        ("temperature = 0.75", f"temperature = {'9' * 400}", "temperature: number out of range"),
        ("threshold = 8.25", f"threshold = {'9' * 400}", "threshold: number out of range"),
        ("pictures = 650", f"pictures = {'9' * 4000}", "fitted.pictures: .* <= 10"),
        ("knee = 5.5", "knee = 5.5\nbend = 1", "calibration: unknown key `bend`"),
        ('score = "peak"', 'score = "energy"', "abstention.score: .* 'energy'"),
        ("threshold = 8.25", "threshold = -1", "abstention.threshold: .* >= 0"),
        ("false_alarms = 0.05", "false_alarms = -1", "abstention.false_alarms: .* >= 0"),
        ("pictures = 650", "pictures = 0", "fitted.pictures: .* >= 1"),
        ("pictures = 650", "pictures = 6.5", "fitted.pictures: expected `int`"),
        ("brier_score = 0.35\n", "", "after: missing key `brier_score`"),
        ("[after]", "[afterwards]", "(missing key `after`|unknown key `afterwards`)"),
        ("[fitted]", "[fitted", "is not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused(right: str, wrong: str, message: str) -> None:
    text = to_toml(FITTED, SHA256)
    assert right in text
    with pytest.raises(InvalidModelError, match=f"^calibration.toml.*{message}"):
        read_calibration(spec_with(text.replace(right, wrong)))


@pytest.mark.parametrize("knee", [MIN_DIVISOR, 1e300, math.inf])
def test_the_smallest_divisor_gives_finite_scores(knee: float) -> None:
    text = to_toml(replace(FITTED, calibration=Calibration(MIN_DIVISOR, knee)), SHA256)
    fitted = read_calibration(spec_with(text))
    assert fitted is not None
    largest = float(np.finfo(np.float32).max)
    assert np.isfinite(to_logits(np.array([largest, 0, -largest]), fitted.calibration)).all()


def test_other_weights_need_another_calibration() -> None:
    with pytest.raises(InvalidModelError, match="run pictell calibrate again"):
        read_calibration(spec_with(to_toml(FITTED, "1" * 64)))


def test_writing_into_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"^calibration.toml cannot be written: No such file"):
        write_calibration(tmp_path / "none", FITTED, SHA256)


def test_names_that_are_not_utf8_are_written(tmp_path: Path) -> None:
    write_calibration(tmp_path, replace(FITTED, data=Data("val\udcff", 1)), SHA256)
    fitted = read_calibration(spec_in(tmp_path))
    assert fitted is not None
    assert fitted.data.on == "val?"
