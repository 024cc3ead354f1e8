"""Many pictures with Pillow and LiteRT: a loop, or a thread for each processor.

    python benchmarks/batch_litert.py MODEL FOLDER loop
    python benchmarks/batch_litert.py MODEL FOLDER threads

An interpreter serves one thread at a time, so each thread has one of its own. That of the loop uses
all processors.
"""

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from os import sched_getaffinity
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

model, pictures = sys.argv[1], sorted(Path(sys.argv[2]).glob("*.JPEG"))
cores = len(sched_getaffinity(0))
workers = 1 if sys.argv[3] == "loop" else cores
local = threading.local()


def _open() -> None:
    local.interpreter = Interpreter(model_path=model, num_threads=cores // workers)
    local.interpreter.allocate_tensors()
    local.image = local.interpreter.get_input_details()[0]["index"]
    local.scores = local.interpreter.get_output_details()[0]["index"]


def _tensor(path: Path) -> np.ndarray:
    image = Image.open(path).convert("RGB")
    left, top = image.width / 16, image.height / 16
    box = (left, top, image.width - left, image.height - top)
    return np.asarray(image.resize((224, 224), Image.Resampling.BILINEAR, box))


def _top5(path: Path) -> list[tuple[int, float]]:
    local.interpreter.set_tensor(local.image, _tensor(path)[np.newaxis])
    local.interpreter.invoke()
    scores = local.interpreter.get_tensor(local.scores)[0] / 256
    return [(i, scores[i]) for i in np.argsort(-scores)[:5]]


started = time.perf_counter()
with ThreadPoolExecutor(workers, initializer=_open) as pool:
    answers = list(pool.map(_top5, pictures))
print(len(answers) / (time.perf_counter() - started))
