"""Plain grey pictures in class folders, and a model that classifies them by brightness."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.special import softmax

import fake_model as fake
from pictell.classifier import Classifier
from pictell.evaluation.comparison import Evaluation, compare
from pictell.evaluation.dataset import Dataset, read_dataset
from pictell.evaluation.summary import Summary, evaluate
from pictell.image_model import ImageModel
from pictell.scoring.calibration import Calibration
from pictell.scoring.taxonomy import build
from pictell.types import Label

LABELS = ("dark", "dim", "grey", "light", "bright")
# The middle of each class, 0..255.
BRIGHTNESS = {label: 25 + 51 * index for index, label in enumerate(LABELS)}
# The number of the weighted picture that cannot be read.
BROKEN = 23


def classifier(labels: tuple[str, ...] = LABELS) -> Classifier:
    return Classifier(ImageModel(fake.spec(labels), fake.FakeSession(len(labels))))


def with_answers(**scorer: Any) -> Classifier:
    """A calibrated model with the broader label low above dark, dim and grey.

    ``scorer``: fields of its scorer.
    """
    model = classifier()
    tree = build(model.spec.labels, [Label("low")], [6, 6, 6, 5, 5, 5])
    fields = {"taxonomy": tree, "calibration": Calibration()} | scorer
    model.scorer = replace(model.scorer, **fields)
    return model


def save(path: Path, brightness: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8, 3), brightness, np.uint8)).save(path, "PNG")


def make(folder: Path, names: tuple[str, ...] = LABELS) -> Path:
    """Two pictures in each class folder; the second has the brightness of the next class."""
    for name, brightness in zip(names, BRIGHTNESS.values(), strict=True):
        save(folder / name / "right.png", brightness)
        save(folder / name / "wrong.png", (brightness + 51) % 255)
    return folder


def make_weighted(folder: Path, labels: tuple[str, ...] = LABELS) -> NDArray[np.int64]:
    """A list of 60 weighted pictures; returns their brightness, random in 0..255.

    About half of the labels fit the brightness, the others are random. One weight is 0, and picture
    ``BROKEN`` cannot be read.
    """
    random = np.random.default_rng(3)
    brightness = random.integers(0, 256, 60)
    shown, other = brightness * len(LABELS) // 256, random.integers(0, len(labels), 60)
    label_of = np.where(random.random(60) < 0.5, shown, other)
    weights = random.exponential(1, 60)
    weights[BROKEN + 9] = 0
    lines = ["file,label,weight"]
    for number, (label, weight) in enumerate(zip(label_of, weights, strict=True)):
        save(folder / f"{number}.png", int(brightness[number]))
        lines.append(f"{number}.png,{labels[label]},{weight}")
    (folder / f"{BROKEN}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    (folder / "labels.csv").write_text("\n".join(lines))
    return brightness


def scores_of(brightness: NDArray[np.int64], classes: int = len(LABELS)) -> NDArray[np.float64]:
    """The probabilities (N, classes) of the fake for brightness (N,), by its formula."""
    centres = (np.arange(classes) + 0.5) / classes
    return softmax(-fake.SHARPNESS * abs(brightness[:, np.newaxis] / 255 - centres), axis=1)


def evaluated(dataset: Dataset, model: Classifier, name: str = "fake") -> Summary:
    return evaluate(model, dataset, name, skip_unmatched=True)


def compared(folder: Path) -> Evaluation:
    """Two models; the second gives every picture the next class."""
    data = read_dataset(folder)
    labels = tuple(label.name for label in classifier().spec.labels)
    first = evaluated(data, classifier(labels), "first")
    second = evaluated(data, classifier((*labels[1:], labels[0])), "second")
    comparison = compare(first, second)
    assert comparison is not None
    return Evaluation((first, second), (comparison,))
