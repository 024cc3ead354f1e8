"""Pictures a second of ``Classifier.stream`` against the limit that the processors set.

    python benchmarks/throughput.py [--runs 5]

The limit: the CPU time of decode + preprocess and of inference, each measured alone on one
thread, summed, over the number of cores. Then the peak memory of a process that names the
pictures once, and of one that names them ten times over.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import pictell
from pictell import models, runtimes
from pictell.images.decode import decode
from pictell.images.preprocess import preprocess, shortest_useful_side
from pictell.models.folder import read_weights
from pictell.processors import available_cores

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
PICTURES = SHARED / "images" / "imagenet_train333"


def limit_images_per_s(paths: list[Path]) -> float:
    """What the cores could do if nothing but the work itself took time."""
    spec = models.find("default")
    session = runtimes.open_session(spec, read_weights(spec))
    side = shortest_useful_side(spec.preprocess)
    max_pixels = pictell.Limits().max_pixels
    encoded = [path.read_bytes() for path in paths]
    started = time.thread_time()
    tensors = [
        preprocess(decode(data, max_pixels, side).pixels, spec.preprocess) for data in encoded
    ]
    for tensor in tensors:
        session.run({spec.input_name: tensor}, [spec.output_name])
    return available_cores() * len(paths) / (time.thread_time() - started)


def stream_images_per_s(classifier: pictell.Classifier, paths: list[Path]) -> float:
    """What ``stream`` does, wall-clock."""
    started = time.perf_counter()
    named = sum(result.error is None for result in classifier.stream(paths))
    if named != len(paths):
        raise RuntimeError(f"{len(paths) - named} pictures failed")
    return len(paths) / (time.perf_counter() - started)


def peak_mb(repeats: int) -> float:
    """Peak resident memory, in MB, of a process that streams all pictures ``repeats`` times."""
    command = [sys.executable, __file__, "--memory", str(repeats)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(json.loads(printed))


def report_own_memory(paths: list[Path], repeats: int) -> None:
    """The other half of ``peak_mb``."""
    for _ in pictell.load().stream(path for _ in range(repeats) for path in paths):
        pass
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    """Print the medians as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--memory", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    paths = sorted(PICTURES.glob("*.JPEG"))
    if options.memory:
        report_own_memory(paths, options.memory)
        return
    # First, while this process is small: a child's peak is never below its parent's.
    peaks = {repeats: peak_mb(repeats) for repeats in (1, 10)}
    classifier = pictell.load()
    pairs = [
        (stream_images_per_s(classifier, paths), limit_images_per_s(paths))
        for _ in range(options.runs + 1)
    ][1:]
    streamed, limits = (median(column) for column in zip(*pairs, strict=True))
    ratio = median(stream / limit for stream, limit in pairs)
    print(f"| pictures | cores | stream, images/s | limit, images/s | ratio |\n{'|---' * 5}|")
    print(f"| {len(paths)} | {available_cores()} | {streamed:.0f} | {limits:.0f} | {ratio:.2f} |\n")
    print(f"| pictures | peak memory, MB |\n{'|---' * 2}|")
    for repeats, peak in peaks.items():
        print(f"| {repeats * len(paths)} | {peak:.0f} |")


if __name__ == "__main__":
    main()
