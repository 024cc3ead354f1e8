"""The int8 model that ships, beside the float32 network it was made of.

    python benchmarks/accuracy.py

``imagenet_val650`` plain and weighted (the weights make four published models come out at their
published accuracies) and ``imagenet_train333``; and how far the top score moves: the mean
|difference| of the probability of float32's best label.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from pictell import Limits, models, runtimes
from pictell.images.decode import decode
from pictell.images.preprocess import preprocess, shortest_useful_side
from pictell.models.folder import read_weights
from pictell.scoring.postprocess import to_probabilities
from pictell.types import ModelSpec, PreprocessSpec

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT.parent / "shared" / "images"
SETS = ("imagenet_val650", "imagenet_train333")
sys.path.insert(0, str(ROOT / "tools"))

import efficientnet_lite0 as network  # noqa: E402

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Targets:
    """What the pictures of a set are: class indices (N,) and weights (N,)."""

    classes: NDArray[np.int64]
    weights: NDArray[np.float64]


def read_set(
    folder: Path, spec: PreprocessSpec | None = None
) -> tuple[NDArray[np.generic], Targets]:
    """All pictures of a set as one batch of input tensors (N, …), and their targets.

    ``spec`` is the default model's where none is given.
    """
    spec = spec or models.find("default").preprocess
    with folder.joinpath("labels.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    tensors = []
    for row in rows:
        data = folder.joinpath(row["file"]).read_bytes()
        picture = decode(data, Limits().max_pixels, shortest_useful_side(spec))
        tensors.append(preprocess(picture, spec))
    classes = np.array([int(row["class_index"]) for row in rows])
    weights = np.array([float(row.get("weight", 1)) for row in rows])
    return np.concatenate(tensors), Targets(classes, weights)


def int8_scores(tensors: NDArray[np.generic]) -> Scores:
    """Probabilities (N, 1000) by the model of the package."""
    spec = models.find("default")
    return to_probabilities(read_logits(spec, tensors), spec.activation)


def read_logits(spec: ModelSpec, tensors: NDArray[np.generic]) -> NDArray[np.generic]:
    """The model's logits (N, classes) for input tensors (N, …), which run one by one."""
    session = runtimes.open_session(spec, read_weights(spec))
    name = spec.output_name
    return np.concatenate(
        [session.run({spec.input_name: tensor[np.newaxis]}, [name])[name] for tensor in tensors]
    )


def float32_scores(tensors: NDArray[np.generic]) -> Scores:
    """Probabilities (N, 1000) by the published weights."""
    graph = network.build_float32(network.read_weights()).SerializeToString()
    session = onnxruntime.InferenceSession(graph)
    logits = [session.run(["logits"], {network.IMAGE: t[np.newaxis]})[0][0] for t in tensors]
    return to_probabilities(np.stack(logits), "softmax")


def accuracy_percent(scores: Scores, targets: Targets, k: int, *, weighted: bool) -> float:
    """The share of pictures whose class is among the ``k`` best, in percent."""
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    right = (best == targets.classes[:, np.newaxis]).any(axis=1)
    return 100 * float(np.average(right, weights=targets.weights if weighted else None))


def mean_difference(exact: Scores, other: Scores) -> float:
    """Mean |difference| of the probability of the label that ``exact`` holds best."""
    rows, best = np.arange(len(exact)), exact.argmax(axis=1)
    return float(np.abs(exact[rows, best] - other[rows, best]).mean())


def main() -> None:
    """Print one row per set and network."""
    print("| pictures | network | top-1 | top-5 | weighted top-1 | weighted top-5 | mean abs dp |")
    print("|---" * 7 + "|")
    for name in SETS:
        tensors, targets = read_set(IMAGES / name)
        exact = float32_scores(tensors)
        for network_name, scores in (("float32", exact), ("int8", int8_scores(tensors))):
            figures = [
                f"{accuracy_percent(scores, targets, k, weighted=weighted):.1f}"
                for weighted in (False, True)
                for k in (1, 5)
            ]
            moved = f"{mean_difference(exact, scores):.4f}"
            print("| " + " | ".join([name, network_name, *figures, moved]) + " |")


if __name__ == "__main__":
    main()
