"""Whether a model still answers as it did when it was made, or alike in two engines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import packages_distributions, version
from statistics import median

import numpy as np
from numpy.typing import NDArray

from pictell.classifier import Classifier, Input
from pictell.errors import InvalidModelError
from pictell.models.golden import Golden
from pictell.types import Result
from pictell.version import __version__

WIDTH, HEIGHT = 320, 240
ANSWERS = 5
# Rounding differs between processors and versions of an engine, in int8 by some thousandths.
TOLERANCE = 0.02


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far two lists of answers to the same pictures are apart.

    ``same_top1`` counts the pictures with the same first class. A picture's difference is the
    largest of its probabilities'; ``worst`` names the picture with the largest of all.
    """

    pictures: int
    same_top1: int
    max_difference: float
    median_difference: float
    worst: str


def golden_pictures() -> Mapping[str, NDArray[np.uint8]]:
    """Pictures by formula, in whole numbers and so the same everywhere: RGB uint8 (240, 320, 3)."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    squared = (x - WIDTH // 2) ** 2 + (y - HEIGHT // 2) ** 2
    checks = (x // 20 + y // 20) % 2 * 255
    return {
        "gradient": _rgb(x * 255 // (WIDTH - 1), y * 255 // (HEIGHT - 1), (x + y) % 256),
        "checks": _rgb(checks, checks, 255 - checks),
        "rings": _rgb(squared // 16 % 256, squared // 64 % 256, squared // 256 % 256),
    }


def record(classifier: Classifier, package: str) -> Golden:
    """The model's answers to the golden pictures, to be stored with it.

    ``package`` is the one that the engine is imported as.
    """
    answers = {
        name: tuple(
            (prediction.class_index, prediction.score)
            for prediction in classifier.classify(pixels, top_k=ANSWERS).predictions
        )
        for name, pixels in golden_pictures().items()
    }
    distribution = packages_distributions()[package][0]
    made_by = f"pictell {__version__}, {distribution} {version(distribution)}"
    return Golden(made_by, TOLERANCE, answers)


def compare_to_golden(classifier: Classifier, golden: Golden) -> Comparison:
    """Answer the golden pictures anew. Raises ``InvalidModelError`` for a picture not known."""
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
                raise InvalidModelError(f"the golden answers name a class {index}")
        stored = found.copy()
        stored[indices] = [score for _, score in scores]
        pairs.append((name, stored, found))
    return _comparison(pairs)


def compare(
    first: Classifier, second: Classifier, pictures: Iterable[Input]
) -> tuple[Comparison, list[Result]]:
    """Answer the pictures with both; the results that failed come besides.

    Raises ``InvalidModelError`` when the two do not have as many classes.
    """
    classes = len(first.spec.labels)
    if classes != len(second.spec.labels):
        raise InvalidModelError(f"{classes} classes against {len(second.spec.labels)}")
    pictures = list(pictures)
    pairs, failed = [], []
    answers = (model.stream(pictures, probabilities=True) for model in (first, second))
    for one, other in zip(*answers, strict=True):
        if one.probabilities is None or other.probabilities is None:
            failed.append(other if one.error is None else one)
        else:
            pairs.append((one.source, one.probabilities, other.probabilities))
    return _comparison(pairs), failed


def _comparison(
    pairs: list[tuple[str, NDArray[np.float64], NDArray[np.float64]]],
) -> Comparison:
    differences = {name: float(np.abs(one - other).max()) for name, one, other in pairs}
    worst = max(differences, key=lambda name: differences[name], default="")
    return Comparison(
        pictures=len(pairs),
        same_top1=sum(int(one.argmax() == other.argmax()) for _, one, other in pairs),
        max_difference=differences.get(worst, 0.0),
        median_difference=median(differences.values()) if differences else 0.0,
        worst=worst,
    )


def _rgb(*channels: NDArray[np.int64]) -> NDArray[np.uint8]:
    return np.stack(channels, axis=-1).astype(np.uint8)
