"""Pictures a second: ``Classifier.stream`` against its limit and against what users would write.

    python benchmarks/throughput.py [--runs 7]

Each program runs alone in a process of its own, all in turn, so that a slow moment of the machine
meets them all; ratios are taken run by run and their median is reported. A program prints its
pictures a second, without its start.

- ``limit``: the CPU time of decode + preprocess and of the run, each measured alone on one thread,
  summed, over the number of cores.
- ``script``: ``throughput_script.py``, a thread pool, Pillow and ONNX Runtime.
- ``tf.data``: ``throughput_tfdata.py``, TensorFlow and a frozen graph.
- ``openvino``: ``stream`` with ``--runtime openvino``.

The last two are left out where TensorFlow or OpenVINO is not installed. Then the peak memory of a
process that names the pictures once, and of one that names them many times over. Then pictures a
second through 16 threads if decoding and running only sleep (``throughput_sleeping.py``).
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import chain, repeat
from pathlib import Path
from statistics import median

import pictell
from pictell import models, runtimes
from pictell.images.decode import decode
from pictell.images.preprocess import preprocess, shortest_useful_side
from pictell.models.folder import read_weights
from pictell.processors import available_cores

HERE = Path(__file__).resolve().parent
MODEL = models.BUILT_IN["default"]
SHARED = HERE.parent.parent / "shared"
PICTURES = SHARED / "images" / "imagenet_train333"
FROZEN = SHARED / "models" / "mobilenet_v1_0.25_224_frozen" / "frozen_graph.pb"
REPEATS = (1, 10, 30)


def paths() -> list[Path]:
    """The pictures: JPEGs of about 500 pixels a side."""
    return sorted(PICTURES.glob("*.JPEG"))


def limit_cpu_s(pictures: Sequence[Path]) -> float:
    """CPU seconds to decode, preprocess and run a picture, each alone on one thread."""
    spec = models.find("default")
    session = runtimes.open_session(spec, read_weights(spec))
    side = shortest_useful_side(spec.preprocess)
    max_pixels = pictell.Limits().max_pixels
    encoded = [path.read_bytes() for path in pictures]
    started = time.thread_time()
    tensors = [preprocess(decode(data, max_pixels, side), spec.preprocess) for data in encoded]
    for tensor in tensors:
        session.run({spec.input_name: tensor}, [spec.output_name])
    return (time.thread_time() - started) / len(encoded)


def print_stream(runtime: str | None) -> None:
    """What ``stream`` does, wall-clock."""
    classifier = pictell.load(engine=pictell.EngineOptions(runtime=runtime))
    started = time.perf_counter()
    failed = sum(result.error is not None for result in classifier.stream(paths()))
    if failed:
        raise RuntimeError(f"{failed} pictures failed")
    print(len(paths()) / (time.perf_counter() - started))


def print_peak_memory(repeats: int) -> None:
    """Peak resident memory, in MB, of a process that streams all pictures ``repeats`` times."""
    for _ in pictell.load().stream(chain.from_iterable(repeat(paths(), repeats))):
        pass
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def programs() -> dict[str, list[str]]:
    """The commands that are compared, by name."""
    found = {
        "stream": [__file__, "--only", "stream"],
        "limit": [__file__, "--only", "limit"],
        "script": [str(HERE / "throughput_script.py"), str(MODEL), str(PICTURES)],
    }
    if find_spec("tensorflow"):
        found["tf.data"] = [str(HERE / "throughput_tfdata.py"), str(FROZEN), str(PICTURES)]
    if find_spec("openvino"):
        found["openvino"] = [__file__, "--only", "openvino"]
    return found


def measure(command: list[str]) -> float:
    """The number that a program prints."""
    run = subprocess.run(
        [sys.executable, *command], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    return float(run.stdout)


def main() -> None:
    """Print the medians as tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("--memory", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        print_peak_memory(options.memory)
    elif options.only == "limit":
        # What the cores could do if nothing but the work itself took time.
        print(available_cores() / limit_cpu_s(paths()))
    elif options.only:
        print_stream(None if options.only == "stream" else options.only)
    else:
        compare(options.runs)


def compare(runs: int) -> None:
    """Run everything and print the tables."""
    rates = [{name: measure(command) for name, command in programs().items()} for _ in range(runs)]
    print(f"{len(paths())} pictures, {available_cores()} cores\n")
    print(f"| program | images/s | stream / it |\n{'|---' * 3}|")
    for name in rates[0]:
        ratio = median(run["stream"] / run[name] for run in rates)
        print(f"| {name} | {median(run[name] for run in rates):.0f} | {ratio:.2f} |")
    print(f"\n| pictures | peak memory, MB |\n{'|---' * 2}|")
    for repeats in REPEATS:
        print(f"| {repeats * len(paths())} | {measure([__file__, '--memory', str(repeats)]):.0f} |")
    print(f"\n| pictures that only sleep | images/s |\n{'|---' * 2}|")
    for kind in ("stream, from memory", "stream, from files", "thread pool"):
        command = [str(HERE / "throughput_sleeping.py"), kind]
        print(f"| {kind} | {median(measure(command) for _ in range(runs)):.0f} |")


if __name__ == "__main__":
    main()
