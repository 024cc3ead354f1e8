"""Pictures a second through 16 threads if decoding and running only sleep: the cost of the rest.

    python benchmarks/throughput_sleeping.py 'stream, from files'

Decoding and preprocessing take 1 ms and the run 0.5 ms a picture, without a processor. What is left
is Python: sources, reading, batches, scores, results. The thread pool only sleeps as long.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pictell import Classifier, image_model, models
from pictell.images import tensor
from pictell.images.sources import Input
from pictell.models.scorer import build_scorer
from pictell.options import MIN_CONFIDENCE
from pictell.pipeline.executor import Threads
from pictell.types import DecodedImage
from throughput import paths

WORKERS = 16
PICTURES = 20_000
PREPARE_S, RUN_S = 0.001, 0.0005
IMAGE = Image.new("RGB", (224, 224))
TENSOR = np.zeros((1, 224, 224, 3), np.uint8)
LOGITS = 3 * np.random.default_rng(0).normal(size=(64, 1000)).astype(np.float32)


class SleepingSession:
    """A model that sleeps and then gives random logits."""

    def run(
        self, inputs: Mapping[str, NDArray[np.generic]], outputs: Sequence[str]
    ) -> dict[str, NDArray[np.generic]]:
        """A batch of tensors -> logits."""
        (batch,) = inputs.values()
        time.sleep(RUN_S * len(batch))
        return dict.fromkeys(outputs, LOGITS[: len(batch)])

    def close(self) -> None:
        """Nothing to release."""


def sleeping_decode(*_: object, **__: object) -> DecodedImage:
    """A decoder that sleeps."""
    time.sleep(PREPARE_S)
    return DecodedImage(IMAGE, *IMAGE.size)


def sleeping_classifier() -> Classifier:
    """A classifier on 16 threads, whose decoder and session sleep."""
    vars(tensor).update(decode=sleeping_decode, preprocess=lambda *_: TENSOR)
    spec = models.find("default")
    model = image_model.ImageModel(spec, SleepingSession())
    scorer = build_scorer(spec, MIN_CONFIDENCE)
    return Classifier(model, scorer, executor=Threads(WORKERS))


def stream_images_per_s(pictures: Iterable[Input]) -> float:
    """Through pictell."""
    classifier = sleeping_classifier()
    started = time.perf_counter()
    named = sum(result.error is None for result in classifier.stream(pictures))
    return named / (time.perf_counter() - started)


def pool_images_per_s() -> float:
    """Through a bare thread pool."""
    with ThreadPoolExecutor(WORKERS) as pool:
        started = time.perf_counter()
        done = sum(1 for _ in pool.map(time.sleep, [PREPARE_S + RUN_S] * PICTURES))
        return done / (time.perf_counter() - started)


def main() -> None:
    """Print one number."""
    kind = sys.argv[1]
    if kind == "thread pool":
        print(pool_images_per_s())
    elif kind == "stream, from memory":
        print(stream_images_per_s([b"picture"] * PICTURES))
    else:
        files = [str(path) for path in paths()]
        print(stream_images_per_s((files * (PICTURES // len(files) + 1))[:PICTURES]))


if __name__ == "__main__":
    main()
