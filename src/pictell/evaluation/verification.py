"""Check that a model gives its recorded answers, or the same answers with two runtimes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import packages_distributions, version

import numpy as np
from numpy.typing import NDArray

from pictell.classifier import Classifier
from pictell.errors import InvalidModelError
from pictell.images.sources import Input
from pictell.models.golden import About, Golden
from pictell.results import Result
from pictell.version import __version__

WIDTH, HEIGHT = 320, 240
TOP_K = 5
# Processors and runtime versions round differently, int8 models by some thousandths.
TOLERANCE = 0.02


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two sets of probabilities for the same pictures differ.

    ``same_top1`` counts the pictures with the same best class. The difference of a picture is the
    largest absolute difference of its probabilities; ``worst`` names the picture where it is
    largest (empty without pictures).
    """

    pictures: int
    same_top1: int
    max_difference: float
    median_difference: float
    worst: str


def golden_pictures() -> Mapping[str, NDArray[np.uint8]]:
    """Generated test images, RGB uint8 (240, 320, 3), by name. Integer arithmetic only."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    squared = (x - WIDTH // 2) ** 2 + (y - HEIGHT // 2) ** 2
    checks = (x // 20 + y // 20) % 2 * 255
    return {
        "gradient": _rgb(x * 255 // (WIDTH - 1), y * 255 // (HEIGHT - 1), (x + y) % 256),
        "checks": _rgb(checks, checks, 255 - checks),
        "rings": _rgb(squared // 16 % 256, squared // 64 % 256, squared // 256 % 256),
    }


def record(classifier: Classifier, package: str) -> Golden:
    """Classify the golden pictures, for storage with the model.

    ``package`` is the import name of the runtime.
    """
    answers = {
        name: tuple(
            (prediction.class_index, round(prediction.score, 6))
            for prediction in classifier.classify(pixels, top_k=TOP_K).predictions
        )
        for name, pixels in golden_pictures().items()
    }
    distribution = packages_distributions()[package][0]
    made_by = f"pictell {__version__}, {distribution} {version(distribution)}"
    return Golden(About(made_by, TOLERANCE), answers)


def compare_to_golden(classifier: Classifier, golden: Golden) -> Agreement:
    """Classify the golden pictures again and compare the scores with the recorded ones.

    Raises ``InvalidModelError`` for an unknown picture or class index.
    """
    pictures = golden_pictures()
    unknown = golden.answers.keys() - pictures.keys()
    if unknown:
        raise InvalidModelError(f"unknown golden pictures: {', '.join(sorted(unknown))}")
    pairs = []
    for name, scores in golden.answers.items():
        result = classifier.classify(pictures[name], probabilities=True)
        found = np.asarray(result.probabilities, np.float64)
        indices = [index for index, _ in scores]
        for index in indices:
            if not 0 <= index < len(found):
                raise InvalidModelError(f"the golden answers name an unknown class {index}")
        stored = found.copy()
        stored[indices] = [score for _, score in scores]
        pairs.append((name, stored, found))
    return _agreement(pairs)


def compare(
    first: Classifier, second: Classifier, pictures: Iterable[Input]
) -> tuple[Agreement, list[Result]]:
    """Classify the pictures with both models; return the agreement and the failed results.

    Raises ``InvalidModelError`` when the models differ in their number of classes.
    """
    classes = len(first.spec.labels)
    if classes != len(second.spec.labels):
        raise InvalidModelError(
            f"the models have {classes} and {len(second.spec.labels)} classes: "
            "only models with the same classes can be compared"
        )
    pictures = list(pictures)
    pairs, failed = [], []
    results = (model.stream(pictures, probabilities=True) for model in (first, second))
    for one, other in zip(*results, strict=True):
        if one.probabilities is None or other.probabilities is None:
            failed.append(other if one.error is None else one)
        else:
            pairs.append((one.source, one.probabilities, other.probabilities))
    return _agreement(pairs), failed


def _agreement(pairs: list[tuple[str, NDArray[np.float64], NDArray[np.float64]]]) -> Agreement:
    if not pairs:
        return Agreement(0, 0, 0.0, 0.0, "")
    # Several pictures may have the same name, such as "array".
    differences = [float(np.abs(one - other).max()) for _, one, other in pairs]
    return Agreement(
        pictures=len(pairs),
        same_top1=sum(int(one.argmax() == other.argmax()) for _, one, other in pairs),
        max_difference=max(differences),
        median_difference=float(np.median(differences)),
        worst=pairs[int(np.argmax(differences))][0],
    )


def _rgb(*channels: NDArray[np.int64]) -> NDArray[np.uint8]:
    return np.stack(channels, axis=-1).astype(np.uint8)
