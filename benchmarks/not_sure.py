"""When should the default model say that it is not sure? Several scores on pictures of nothing.

    python benchmarks/not_sure.py

What a score is worth: AUROC, the chance that it is lower for a picture of nothing the model knows
than for one of ImageNet's validation set (weighted), and how much it catches where 5 % of the
latter are called unsure, by a threshold that was found on other pictures of them (cross-fitted).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import unknown_pictures
from accuracy import IMAGES, ROOT, Targets, read_set
from pictell import models, runtimes
from pictell.images.decode import decode
from pictell.images.preprocess import preprocess, shortest_useful_side
from pictell.models.folder import read_weights
from pictell.options import Limits
from pictell.scoring import calibration
from pictell.scoring.calibration import Calibration, Floats, Indices
from pictell.scoring.postprocess import to_probabilities
from pictell.types import DecodedImage

sys.path.insert(0, str(ROOT / "tools"))

import efficientnet_lite0 as network

INSECTS = {"ants": 310, "bees": 309}
NONSENSE = 0.5
CHOSEN = "peak"
# The model has a class website, and names them so.
SCREENS = "screenshots"


class Answers:
    """What the model says of N pictures: evidence (N, classes), cosines to the prototypes of the
    classes, which are the last layer's weights, and probabilities before and after calibration.
    """

    def __init__(self, logits: Floats, cosines: Floats, fitted: Calibration) -> None:
        self.logits, self.cosines = logits, cosines
        self.evidence = calibration.evidence(logits, "softmax")
        self.plain = to_probabilities(logits, "softmax")
        self.calibrated = to_probabilities(calibration.to_logits(self.evidence, fitted), "softmax")
        self.fitted = fitted

    def without(self, classes: Indices) -> Answers:
        """The same pictures named by a model that lacks one class, another (N,) for each."""
        kept = np.arange(self.logits.shape[1]) != classes[:, np.newaxis]
        shape = (len(self.logits), -1)
        logits, cosines = (both[kept].reshape(shape) for both in (self.logits, self.cosines))
        return Answers(logits, cosines, self.fitted)


def energy(answers: Answers) -> Floats:
    """log sum exp of the logits (Liu et al. 2020, arXiv:2010.03759)."""
    return np.asarray(np.logaddexp.reduce(answers.logits, axis=1))


def margin(answers: Answers) -> Floats:
    """How far the best logit is above the second."""
    second, best = np.sort(answers.logits, axis=1)[:, -2:].T
    return np.asarray(best - second)


def standardised(answers: Answers) -> Floats:
    """The best logit in standard deviations of all."""
    return np.asarray(answers.evidence.max(axis=1) / answers.evidence.std(axis=1))


def kurtosis(answers: Answers) -> Floats:
    """Of the logits of one picture over the classes."""
    variance = answers.evidence.var(axis=1)
    return np.asarray((answers.evidence**4).mean(axis=1) / variance**2)


# Of each, more is surer.
SCORES: Mapping[str, Callable[[Answers], Floats]] = {
    "probability, plain": lambda answers: answers.plain.max(axis=1),
    "probability, calibrated": lambda answers: answers.calibrated.max(axis=1),
    "largest logit": lambda answers: answers.logits.max(axis=1),
    "energy": energy,
    "margin": margin,
    "entropy": lambda answers: (answers.plain * np.log(answers.plain)).sum(axis=1),
    "cosine to a prototype": lambda answers: answers.cosines.max(axis=1),
    "standardised largest logit": standardised,
    "kurtosis": kurtosis,
    "peak": lambda answers: calibration.peak(answers.evidence),
}


class Model:
    """The default model with the prototypes of its classes."""

    def __init__(self, fitted: Calibration) -> None:
        self.spec = models.find("default")
        self.fitted = fitted
        self._session = runtimes.open_session(self.spec, read_weights(self.spec))
        prototypes = network.read_weights()["_fc.weight"].astype(np.float64)
        self._prototypes = prototypes / np.linalg.norm(prototypes, axis=1, keepdims=True)

    def answers(self, tensors: NDArray[np.generic]) -> Answers:
        """What it says of input tensors (N, 224, 224, 3)."""
        outputs = [self.spec.output_name, self.spec.embedding or ""]
        found = [
            self._session.run({self.spec.input_name: tensor[np.newaxis]}, outputs)
            for tensor in tensors
        ]
        logits, embedding = (
            np.concatenate([each[name] for each in found]).astype(np.float64) for name in outputs
        )
        # A black picture excites nothing at all.
        length = np.maximum(np.linalg.norm(embedding, axis=1, keepdims=True), 1e-6)
        return Answers(logits, embedding / length @ self._prototypes.T, self.fitted)

    def of_pixels(self, pictures: list[unknown_pictures.Pixels]) -> Answers:
        """What it says of pictures RGB (H, W, 3)."""
        images = [Image.fromarray(pixels) for pixels in pictures]
        return self.of_decoded([DecodedImage(image, *image.size) for image in images])

    def of_decoded(self, pictures: list[DecodedImage]) -> Answers:
        """What it says of decoded pictures."""
        tensors = [preprocess(picture, self.spec.preprocess) for picture in pictures]
        return self.answers(np.concatenate(tensors))

    def of_files(self, paths: list[Path]) -> Answers:
        """What it says of files."""
        side, most = shortest_useful_side(self.spec.preprocess), Limits().max_pixels
        return self.of_decoded([decode(path.read_bytes(), most, side) for path in paths])


def unknown_sets(
    model: Model, known: Answers, targets: Targets
) -> tuple[set[str], dict[str, Answers]]:
    """The answers to every set, and the names of the far ones.

    To the drawn ones come ants and bees, and the validation pictures themselves, with their own
    class taken from the model.
    """
    drawn = {**unknown_pictures.FAR, **unknown_pictures.NEAR}
    sets = {name: model.of_pixels(list(pictures())) for name, pictures in drawn.items()}
    for name, index in INSECTS.items():
        paths = sorted((IMAGES / "hymenoptera_data").glob(f"*/{name}/*"))
        answers = model.of_files(paths)
        sets[f"{name}, class removed"] = answers.without(np.full(len(paths), index))
    sets["validation, class removed"] = known.without(targets.classes)
    return set(unknown_pictures.FAR), sets


def auroc(known: Floats, weights: Floats, unknown: Floats) -> float:
    """The chance that an unknown picture scores below a known one; ties count half."""
    values, places = np.unique(np.concatenate([known, unknown]), return_inverse=True)
    mass = np.bincount(places[: len(known)], weights, len(values))
    count = np.bincount(places[len(known) :], minlength=len(values))
    below = np.cumsum(count) - count / 2
    return float(mass @ below / weights.sum() / len(unknown))


def caught(known: Floats, weights: Floats, unknown: Floats) -> tuple[float, float]:
    """(share of unknown pictures called unsure, false alarms), both by thresholds fitted on the
    other folds of the known ones.
    """
    shares, alarms = [], 0.0
    for held_out in calibration.folds(len(known)):
        rest = np.setdiff1d(np.arange(len(known)), held_out)
        below = calibration.abstention_threshold(known[rest], weights[rest])
        shares.append((unknown < below).mean())
        alarms += float(weights[held_out] @ (known[held_out] < below))
    return float(np.mean(shares)), alarms / float(weights.sum())


def print_scores(known: Answers, weights: Floats, far: set[str], sets: dict[str, Answers]) -> None:
    """A row for each score: pooled over the far sets and over the others."""
    print("| score | AUROC far | caught far | AUROC near | caught near | false alarms |")
    print("|---" * 6 + "|")
    for name, score in SCORES.items():
        of_known, columns = score(known), []
        for group in (far, sets.keys() - far):
            pooled = np.concatenate([score(sets[one]) for one in sorted(group)])
            share, alarms = caught(of_known, weights, pooled)
            columns += [f"{auroc(of_known, weights, pooled):.3f}", f"{share:.0%}"]
        print(f"| {name} | {' | '.join(columns)} | {alarms:.1%} |")


def print_sets(known: Answers, weights: Floats, far: set[str], sets: dict[str, Answers]) -> None:
    """A row for each set: what the chosen score makes of it, and what is left of the nonsense."""
    print(
        f"\n| set | pictures | AUROC, {CHOSEN} | not sure | chosen without it: score, AUROC |",
        end="",
    )
    print(" > 0.5 before | > 0.5 calibrated | and sure |")
    print("|---" * 8 + "|")
    score = SCORES[CHOSEN]
    of_known = score(known)
    below = calibration.abstention_threshold(of_known, weights)
    nonsense = {name: confident(answers, below) for name, answers in sets.items()}
    for name, answers in sets.items():
        values = score(answers)
        other = chosen_without(name, known, weights, far, sets)
        elsewhere = f"{other}, {auroc(SCORES[other](known), weights, SCORES[other](answers)):.3f}"
        print(
            f"| {name} | {len(values)} | {auroc(of_known, weights, values):.3f} "
            f"| {caught(of_known, weights, values)[0]:.0%} | {elsewhere} "
            f"| {percents(nonsense[name])} |"
        )
    for name, group in {
        "far": far,
        "far but screenshots": far - {SCREENS},
        "near": sets.keys() - far,
    }.items():
        pooled = np.concatenate([nonsense[one] for one in sorted(group)], axis=1)
        values = np.concatenate([score(sets[one]) for one in sorted(group)])
        print(
            f"| all {name} | {len(values)} | {auroc(of_known, weights, values):.3f} "
            f"| {caught(of_known, weights, values)[0]:.0%} | | {percents(pooled)} |"
        )


def confident(answers: Answers, below: float) -> NDArray[np.bool_]:
    """Which answers (3, N) score above a half: before, calibrated, and then not called unsure."""
    before, after = (p.max(axis=1) > NONSENSE for p in (answers.plain, answers.calibrated))
    return np.stack([before, after, after & (SCORES[CHOSEN](answers) >= below)])


def percents(shares: NDArray[np.bool_]) -> str:
    """The share of each row, as cells of a table."""
    return " | ".join(f"{share:.0%}" for share in shares.mean(axis=1))


def chosen_without(
    left_out: str, known: Answers, weights: Floats, far: set[str], sets: dict[str, Answers]
) -> str:
    """The score that is best, on average, on the far sets but one."""
    rest = sorted(far - {left_out})
    worth = {
        name: np.mean([auroc(score(known), weights, score(sets[one])) for one in rest])
        for name, score in SCORES.items()
    }
    return max(worth, key=lambda name: worth[name])


def main() -> None:
    """Print the tables."""
    tensors, targets = read_set(IMAGES / "imagenet_val650")
    model = Model(Calibration())
    plain = model.answers(tensors)
    model.fitted = calibration.fit(plain.evidence, targets.classes, targets.weights)
    known = Answers(plain.logits, plain.cosines, model.fitted)
    far, sets = unknown_sets(model, known, targets)
    print_scores(known, targets.weights, far, sets)
    print_sets(known, targets.weights, far, sets)
    unsure = SCORES[CHOSEN](known) < calibration.abstention_threshold(
        SCORES[CHOSEN](known), targets.weights
    )
    right = known.plain.argmax(axis=1) == targets.classes
    shares = [np.average(right[part], weights=targets.weights[part]) for part in (unsure, ~unsure)]
    print(
        f"\nknown pictures: {shares[0]:.0%} of the unsure answers are right, else {shares[1]:.0%}"
    )


if __name__ == "__main__":
    main()
