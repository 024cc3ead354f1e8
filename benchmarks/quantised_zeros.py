"""What a probability of 0 should count as, of models that round theirs to 8 bits.

    python benchmarks/quantised_zeros.py

Three quantised MobileNets on ``imagenet_val650``, by its weights: cross-fitted figures of scores
whose least value is one of ``FLOORS``, and those of ``calibration.evidence``.
"""

from __future__ import annotations

import numpy as np
from msgspec.structs import astuple

from accuracy import IMAGES, ROOT, read_logits, read_set
from pictell import ModelOptions, models
from pictell.evaluation.calibrate import Sample, score_errors
from pictell.scoring import calibration
from pictell.scoring.calibration import Floats
from pictell.scoring.postprocess import to_probabilities

CORAL = ROOT.parent / "shared" / "models" / "coral"
MODELS = (
    "mobilenet_v1_0.25_128_quant",
    "mobilenet_v2_1.0_224_quant",
    "tf2_mobilenet_v2_1.0_224_ptq",
)
OPTIONS = ModelOptions(labels=CORAL / "imagenet_labels.txt")
FLOORS = (1e-6, 1e-5, 1e-4, 1e-3)


def main() -> None:
    """Print a row for each model and floor."""
    print("| model | 0 counts as | ECE | NLL | Brier |\n|---|---|---|---|---|")
    for name in MODELS:
        sample = read_sample(name)
        for floor in FLOORS:
            values = np.log(np.maximum(sample.evidence, floor))
            centred = values - values.mean(axis=1, keepdims=True)
            print(row(name, f"{floor:g}", Sample(centred, sample.targets, sample.weights)))
        chosen = calibration.evidence(sample.evidence, "none")
        print(row(name, "as shipped", Sample(chosen, sample.targets, sample.weights)))


def read_sample(name: str) -> Sample:
    """The model's own probabilities in place of the evidence."""
    spec = models.find(CORAL / f"{name}.tflite", OPTIONS)
    tensors, targets = read_set(IMAGES / "imagenet_val650", spec.preprocess)
    background = len(spec.labels) - 1000
    probabilities: Floats = read_logits(spec, tensors).astype(np.float64)
    return Sample(probabilities, targets.classes + background, targets.weights)


def row(model: str, floor: str, sample: Sample) -> str:
    """A line of the table."""
    logits = calibration.cross_fit(sample.evidence, sample.targets, sample.weights)
    found = score_errors(to_probabilities(logits, "softmax"), sample)
    return f"| {model} | {floor} | " + " | ".join(f"{value:.3f}" for value in astuple(found)) + " |"


if __name__ == "__main__":
    main()
