"""A model of brightness that has an embedding, and counts its pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fake_model as fake
from labelled_pictures import LABELS
from pictell.classifier import Classifier
from pictell.image_model import ImageModel


class Counting(fake.FakeSession):
    """Counts the pictures that it runs on."""

    ran = 0

    def run(
        self, inputs: Mapping[str, NDArray[np.generic]], outputs: Sequence[str]
    ) -> dict[str, NDArray[np.generic]]:
        self.ran += len(next(iter(inputs.values())))
        return super().run(inputs, outputs)


def model(session: fake.FakeSession | None = None, **changes: Any) -> Classifier:
    """The model; ``changes`` are fields of its spec."""
    spec = replace(fake.spec(LABELS), **{"embedding": "embedding", **changes})
    return Classifier(ImageModel(spec, session or Counting(len(LABELS))))
