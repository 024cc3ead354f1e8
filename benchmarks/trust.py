"""Do the default model's scores mean what they say? Before and after calibration, cross-fitted.

    python benchmarks/trust.py

On ``imagenet_val650`` with its weights. Beside the calibration errors stands what a model whose
scores are exact would show on so few pictures.
"""

from __future__ import annotations

import math

import numpy as np

from accuracy import IMAGES
from pictell import models
from pictell.evaluation import metrics
from pictell.evaluation.calibrate import Sample, collect_sample, score_errors
from pictell.evaluation.dataset import read_dataset
from pictell.evaluation.intervals import under_calibration
from pictell.options import EngineOptions
from pictell.scoring import calibration
from pictell.scoring.calibration import KNEES, Calibration, Floats
from pictell.scoring.postprocess import to_probabilities

REPEATS = 10
BINS = (10, 15)
SIZES = (50, 100, 200, 400, 650)
DRAWS = 40


def main() -> None:
    """Print the tables."""
    dataset = read_dataset(IMAGES / "imagenet_val650")
    sample = collect_sample(models.find("default"), dataset, EngineOptions())
    print_scores(sample)
    fitted = calibration.fit(sample.evidence, sample.targets, sample.weights)
    print(f"\nfitted on all: {fitted}\n")
    print_sizes(sample, fitted)


def print_scores(sample: Sample) -> None:
    """Figures before, with a temperature alone, and as it is; means of several cross-fits."""
    print("| scores | top-1 | mean score | ECE, 10 bins | ECE, 15 bins | NLL | Brier | by chance |")
    print("|---" * 8 + "|")
    before = [to_probabilities(sample.evidence, "softmax")]
    _print_row("before", before, sample)
    for name, knees in (("temperature alone", KNEES[:1]), ("temperature and knee", KNEES)):
        after = [_held_out(sample, seed, knees) for seed in range(REPEATS)]
        _print_row(name, after, sample)


def print_sizes(sample: Sample, fitted: Calibration) -> None:
    """How far scores are from those by all pictures when fewer were drawn to fit them."""
    random, scores = np.random.default_rng(0), _confidence(sample, fitted)
    print("| pictures | scores move by, rms |\n|---|---|")
    for size in SIZES:
        squares = []
        for _ in range(DRAWS):
            drawn = random.integers(0, len(scores), size)
            part = (sample.evidence[drawn], sample.targets[drawn], sample.weights[drawn])
            # The public door refuses so few.
            other = _confidence(sample, calibration._best(*part, KNEES))
            squares.append(metrics.mean((other - scores) ** 2, sample.weights))
        print(f"| {size} | {math.sqrt(np.mean(squares)):.3f} |")


def _held_out(sample: Sample, seed: int, knees: tuple[float, ...]) -> Floats:
    data = (sample.evidence, sample.targets, sample.weights)
    logits = calibration.cross_fit(*data, seed=seed, knees=knees)
    return to_probabilities(logits, "softmax")


def _print_row(name: str, repeats: list[Floats], sample: Sample) -> None:
    means = np.mean([_row(probabilities, sample) for probabilities in repeats], axis=0)
    text = " | ".join(f"{mean:.3f}" for mean in means[1:])
    print(f"| {name} | {means[0]:.1f} | {text} | {_by_chance(repeats[0], sample)} |")


def _by_chance(probabilities: Floats, sample: Sample) -> str:
    """Where each calibration error of these scores would lie if they were exact."""
    confidence, ranges = probabilities.max(axis=1), []
    for bins in BINS:
        error = metrics.calibration_error(confidence, sample.weights, bins)
        chance = under_calibration(error, confidence)
        ranges.append(f"{chance.low:.3f}–{chance.high:.3f}")
    return ", ".join(ranges)


def _row(probabilities: Floats, sample: Sample) -> list[float]:
    weights, confidence = sample.weights, probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == sample.targets
    errors = [metrics.calibration_error(confidence, weights, bins)(right) for bins in BINS]
    found = score_errors(probabilities, sample)
    accuracy, score = metrics.mean(100 * right, weights), metrics.mean(confidence, weights)
    return [accuracy, score, *errors, found.negative_log_likelihood, found.brier_score]


def _confidence(sample: Sample, fitted: Calibration) -> Floats:
    logits = calibration.to_logits(sample.evidence, fitted)
    confidence: Floats = to_probabilities(logits, "softmax").max(axis=1)
    return confidence


if __name__ == "__main__":
    main()
