"""Check that a model gives its recorded answers, or the same answers with two runtimes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import packages_distributions, version
from typing import TypeAlias

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
# Two runs of one model on one picture add the same numbers, on some processors in another order.
ROUNDING = 1e-4
Probabilities: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two sets of probabilities for the same pictures differ.

    ``same_top1`` counts the pictures with the same best class. The difference of a picture is the
    largest absolute difference of its probabilities; ``worst`` names the picture where it is
    largest (empty without pictures).

    Each model runs twice on each picture: ``repeat_difference`` is the largest difference between
    two runs of the same model, ``repeat_worst`` the picture where it is largest.
    """

    pictures: int
    same_top1: int
    max_difference: float
    median_difference: float
    worst: str
    repeat_difference: float = 0.0
    repeat_worst: str = ""

    @property
    def repeats(self) -> bool:
        """Whether two runs of the same model differ by no more than rounding."""
        return self.repeat_difference <= ROUNDING


class _Repeats:
    """The largest difference between two runs of the same model on the same picture."""

    def __init__(self) -> None:
        self.difference, self.worst = 0.0, ""

    def add(self, picture: str, one: Probabilities, other: Probabilities) -> None:
        difference = _difference(one, other)
        if difference > self.difference:
            self.difference, self.worst = difference, picture


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

    ``package`` is the import name of the runtime. Raises ``InvalidModelError`` if two runs of the
    model differ.
    """
    answers, repeats = {}, _Repeats()
    for name, pixels in golden_pictures().items():
        result = classifier.classify(pixels, top_k=TOP_K, probabilities=True)
        answers[name] = tuple(
            (prediction.class_index, round(prediction.score, 6))
            for prediction in result.predictions
        )
        repeats.add(name, _probabilities(result), _classify(classifier, pixels))
    if repeats.difference > ROUNDING:
        raise InvalidModelError(repeat_text(repeats.difference, repeats.worst))
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
    pairs, repeats = [], _Repeats()
    for name, scores in golden.answers.items():
        found = _classify(classifier, pictures[name])
        repeats.add(name, found, _classify(classifier, pictures[name]))
        indices = [index for index, _ in scores]
        for index in indices:
            if not 0 <= index < len(found):
                raise InvalidModelError(f"the golden answers name an unknown class {index}")
        stored = found.copy()
        stored[indices] = [score for _, score in scores]
        pairs.append((name, stored, found))
    return _agreement(pairs, repeats)


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
    pairs, failed, repeats = [], [], _Repeats()
    streams = (
        model.stream(pictures, probabilities=True) for model in (first, first, second, second)
    )
    for results in zip(*streams, strict=True):
        failures = [result for result in results if result.probabilities is None]
        if failures:
            failed.append(failures[0])
            continue
        one, again, other, other_again = map(_probabilities, results)
        name = results[0].source
        pairs.append((name, one, other))
        repeats.add(name, one, again)
        repeats.add(name, other, other_again)
    return _agreement(pairs, repeats), failed


def repeat_text(difference: float, picture: str) -> str:
    """That a model gives other answers at each run, as one sentence."""
    return (
        f"two runs of the same model on {picture} differ by {difference:.2g}: it is random, or "
        "keeps something from one run to the next"
    )


def _classify(classifier: Classifier, picture: Input) -> Probabilities:
    return _probabilities(classifier.classify(picture, probabilities=True))


def _probabilities(result: Result) -> Probabilities:
    return np.asarray(result.probabilities, np.float64)


def _difference(one: Probabilities, other: Probabilities) -> float:
    return float(np.abs(one - other).max())


def _agreement(
    pairs: list[tuple[str, Probabilities, Probabilities]], repeats: _Repeats
) -> Agreement:
    if not pairs:
        return Agreement(0, 0, 0.0, 0.0, "")
    # Several pictures may have the same name, such as "array".
    differences = [_difference(one, other) for _, one, other in pairs]
    return Agreement(
        pictures=len(pairs),
        same_top1=sum(int(one.argmax() == other.argmax()) for _, one, other in pairs),
        max_difference=max(differences),
        median_difference=float(np.median(differences)),
        worst=pairs[int(np.argmax(differences))][0],
        repeat_difference=repeats.difference,
        repeat_worst=repeats.worst,
    )


def _rgb(*channels: NDArray[np.int64]) -> NDArray[np.uint8]:
    return np.stack(channels, axis=-1).astype(np.uint8)
