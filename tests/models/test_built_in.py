"""Only the exact weights in the package run unchecked, whatever path leads to a model."""

import hashlib
import os
from pathlib import Path

import pytest

from hostile_models import classifier, frozen, node
from pictell import models
from pictell.errors import UnsafeModelError
from pictell.models.folder import read_weights, weights_to_run

PACKAGE = Path(models.__file__).parent

MODEL_TOML = """
[model]
name = "evil"
format = "frozen-graph"
weights = "graph.pb"
sha256 = "{sha256}"
labels = "labels.tsv"
licence = "none"
source = "a test"

[input]
name = "image"
layout = "NHWC"
channels = "RGB"
dtype = "uint8"
width = 4
height = 4
resize_mode = "squash"
crop_fraction = 1.0
interpolation = "bilinear"

[output]
name = "scores"
activation = "none"
"""


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    """The folder of a model that writes a file."""
    content = frozen([*classifier(), node("bad", "WriteFile", "image")]).graph
    folder = tmp_path / "evil"
    folder.mkdir()
    (folder / "graph.pb").write_bytes(content)
    (folder / "labels.tsv").write_text("a\nb\nc\n")
    toml = MODEL_TOML.format(sha256=hashlib.sha256(content).hexdigest())
    (folder / "model.toml").write_text(toml)
    return folder


def refuses(path: Path) -> None:
    spec = models.find(str(path))
    with pytest.raises(UnsafeModelError, match="WriteFile"):
        read_weights(spec)
    with pytest.raises(UnsafeModelError, match="WriteFile"):
        weights_to_run(spec)


def test_a_path_through_the_package_is_checked(evil: Path) -> None:
    refuses(PACKAGE / os.path.relpath(evil, PACKAGE))


def test_a_link_to_the_package_is_checked(evil: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(PACKAGE)
    refuses(tmp_path / "link" / os.path.relpath(evil, PACKAGE))


def test_the_default_model_runs_from_the_file_that_its_checksum_and_safety_are_checked_for() -> (
    None
):
    spec = models.find("default")
    checked, run = read_weights(spec), weights_to_run(spec)
    assert run.path is not None
    assert run.path.read_bytes() == run.graph == checked.graph
    assert dict(run.files) == dict(checked.files)
