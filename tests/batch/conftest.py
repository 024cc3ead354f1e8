"""Pictures, and a model that labels them by their brightness."""

from pathlib import Path

import pytest

import fake_model as fake
import pictell
from batch_runs import Runs, draw
from pictell.image_model import ImageModel

LEVELS = ("dark", "grey", "bright")


@pytest.fixture
def classifier() -> pictell.Classifier:
    return pictell.Classifier(ImageModel(fake.spec(LEVELS), fake.FakeSession(len(LEVELS))))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Seven pictures, one of which is broken."""
    folder = tmp_path / "photos"
    for number in range(6):
        draw(folder / f"{number}.png", 40 * number)
    (folder / "broken.png").write_bytes((folder / "5.png").read_bytes()[:60])
    return folder


@pytest.fixture
def runs(classifier: pictell.Classifier, tmp_path: Path) -> Runs:
    return Runs(classifier, str(tmp_path / "labels"))
