"""Many pictures with Pillow and ONNX Runtime: the script that a user would write.

    python benchmarks/throughput_script.py MODEL FOLDER [loop]

With ``loop`` it is what most users write first: one picture after the other, the settings of ONNX
Runtime as they are.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from os import sched_getaffinity
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

model, pictures = Path(sys.argv[1]), sorted(Path(sys.argv[2]).glob("*.JPEG"))
labels = model.joinpath("labels.tsv").read_text(encoding="utf-8").splitlines()
workers, size, threads = (1, 1, 0) if "loop" in sys.argv else (len(sched_getaffinity(0)), 4, 1)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = threads
session = onnxruntime.InferenceSession(str(model / "weights.onnx"), options)


def _tensor(path: Path) -> np.ndarray:
    image = Image.open(path).convert("RGB")
    side = 0.875 * min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    return np.asarray(image.resize((224, 224), Image.Resampling.BICUBIC, box))


def _top5(paths: list[Path]) -> list[list[tuple[str, float]]]:
    logits = session.run(["logits"], {"image": np.stack([_tensor(path) for path in paths])})[0]
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    scores = exponentials / exponentials.sum(axis=1, keepdims=True)
    best = np.argsort(-scores, axis=1)[:, :5]
    return [[(labels[i], row[i]) for i in five] for five, row in zip(best, scores, strict=True)]


started = time.perf_counter()
batches = [pictures[start : start + size] for start in range(0, len(pictures), size)]
with ThreadPoolExecutor(workers) as pool:
    answers = [answer for batch in pool.map(_top5, batches) for answer in batch]
print(len(answers) / (time.perf_counter() - started))
