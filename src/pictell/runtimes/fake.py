"""A runtime for tests, yours too: it names a picture by its brightness, with no engine at all.

classifier = pictell.Classifier(fake.spec(("dark", "grey", "bright")), fake.FakeSession(3))
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pictell.options import EngineOptions
from pictell.types import Label, ModelSpec, PreprocessSpec, TensorSpec, Weights

SIDE = 8
SHARPNESS = 20.0


class FakeSession:
    """Of ``classes`` equal steps between black and white, the one a picture falls into wins."""

    def __init__(self, classes: int) -> None:
        self._classes = classes

    def run(self, batch: NDArray[np.generic], outputs: Sequence[str]) -> list[NDArray[np.generic]]:
        """Logits (N, classes) for a uint8 batch (N, 8, 8, 3), once for each name in ``outputs``."""
        brightness = batch.astype(np.float64).reshape(len(batch), -1).mean(axis=1) / 255
        centres = (np.arange(self._classes) + 0.5) / self._classes
        logits = -SHARPNESS * np.abs(brightness[:, np.newaxis] - centres)
        return [logits for _ in outputs]


def spec(labels: Sequence[str]) -> ModelSpec:
    """The description of a ``FakeSession`` with these labels, from dark to bright."""
    return ModelSpec(
        name="fake",
        format="fake",
        weights=Path("none"),
        sha256="",
        input_name="image",
        logits="logits",
        activation="softmax",
        preprocess=PreprocessSpec(SIDE, SIDE, None, "bilinear", "NHWC", "RGB", None, None),
        labels=tuple(map(Label, labels)),
        licence="none",
        source="pictell",
    )


class FakeEngine(FakeSession):
    """The fake as the engine of a model folder with ``format = "fake"``."""

    def __init__(self, spec: ModelSpec) -> None:
        classes, image = len(spec.labels), spec.preprocess
        super().__init__(classes)
        dtype = "uint8" if image.mean is None else "float32"
        self.inputs = [TensorSpec(spec.input_name, None, dtype)]
        self.outputs = [TensorSpec(spec.logits, (None, classes), "float64")]


def open_engine(spec: ModelSpec, weights: Weights, options: EngineOptions) -> FakeEngine:
    """An engine for a model folder with ``format = "fake"``; weights and options are unused."""
    return FakeEngine(spec)
