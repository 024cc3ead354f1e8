"""``pictell batch`` beside what people would write, on the same network each time.

    python benchmarks/batch_peers.py [--rounds 3] [--copies 3] [--only WORD …]

Each program is a process of its own; they run by turns, so that a slow moment of the machine meets
them all. Ratios are taken round by round, and medians are reported. The pictures are those of
``imagenet_train333`` in copies that differ by a byte.

A program prints its pictures a second, without the time to import and to open the model; ``pictell
batch`` does so in its summary, with the start of its other processes and the table in it. A round
runs each program on 16 pictures, which is its start, and then on all. The CPU time of a picture is
that of the difference, of all processes of a program. The memory is the largest sum of their
proportional set sizes (``Pss``, proc(5)), looked at five times a second; a page that two processes
share counts half in each. Linux only.

- ``script``: ``throughput_script.py``, Pillow and ONNX Runtime; a loop, and a pool of threads.
- ``PyTorch``: ``batch_pytorch.py``, a ``DataLoader`` with two workers, the network in float32.
- ``tf.data``: ``throughput_tfdata.py``; one picture at a time as the graph has it, and 32.
- ``LiteRT``: ``batch_litert.py``; a loop, and a pool of threads.

``pictell batch`` also writes its table. The others only keep their answers in memory.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from batch import PICTELL, copies
from isolation import proportional_mb
from pictell.processors import available_cores
from throughput import FROZEN, HERE, MODEL, SHARED

TFLITE = SHARED / "models" / "coral" / "mobilenet_v2_1.0_224_quant.tflite"
FEW = 16
LOOK_S = 0.2
# What a command has in place of the folder of the pictures and of the table.
PICTURES, TABLE = "PICTURES", "TABLE"

BATCH = [PICTELL, "batch", PICTURES, "--output", TABLE]
ON_FROZEN = [*BATCH, "--model", str(FROZEN)]
ON_TFLITE = [*BATCH, "--model", str(TFLITE)]


def script(name: str, *words: object) -> list[str]:
    """A program of this folder."""
    return [sys.executable, str(HERE / name), *map(str, words)]


# The networks, each with its programs. Ratios are to the first one.
PROGRAMS: dict[str, dict[str, list[str]]] = {
    "EfficientNet-Lite0, the default model": {
        "pictell batch": BATCH,
        "pictell batch --no-isolate": [*BATCH, "--no-isolate"],
        "pictell batch --runtime openvino": [*BATCH, "--runtime", "openvino"],
        "script, a loop": script("throughput_script.py", MODEL, PICTURES, "loop"),
        "script, a pool of threads": script("throughput_script.py", MODEL, PICTURES),
        "PyTorch, float32": script("batch_pytorch.py", PICTURES),
    },
    "MobileNet v1 0.25, a frozen graph": {
        "pictell batch": ON_FROZEN,
        "pictell batch --no-isolate": [*ON_FROZEN, "--no-isolate"],
        "pictell batch --runtime openvino": [*ON_FROZEN, "--runtime", "openvino"],
        "pictell batch --runtime openvino --no-isolate": [
            *ON_FROZEN,
            *("--runtime", "openvino", "--no-isolate"),
        ],
        "tf.data, one at a time": script("throughput_tfdata.py", FROZEN, PICTURES),
        "tf.data, 32 at a time": script("throughput_tfdata.py", FROZEN, PICTURES, 32),
    },
    "MobileNet v2 1.0, int8, TFLite": {
        "pictell batch": ON_TFLITE,
        "pictell batch --no-isolate": [*ON_TFLITE, "--no-isolate"],
        "LiteRT, a loop": script("batch_litert.py", TFLITE, PICTURES, "loop"),
        "LiteRT, a pool of threads": script("batch_litert.py", TFLITE, PICTURES, "threads"),
    },
}


class Cost(NamedTuple):
    """One run of a program: what it printed, wall-clock and CPU seconds, peak memory in MB."""

    said: str
    wall_s: float
    cpu_s: float
    peak_mb: float


class Figures(NamedTuple):
    """What a round says of a program."""

    images_per_s: float
    cpu_ms: float
    start_s: float
    peak_mb: float


def measure(command: list[str], pictures: Path) -> Cost:
    """Run a command on the pictures of a folder; raises when it fails."""
    with TemporaryDirectory() as folder:
        places = {PICTURES: str(pictures), TABLE: f"{folder}/labels"}
        words = [places.get(word, word) for word in command]
        started = time.perf_counter()
        process = subprocess.Popen(
            words,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        try:
            with watched(process.pid) as sizes:
                assert process.stdout is not None
                said = process.stdout.read()
                _, status, usage = os.wait4(process.pid, 0)
                wall_s = time.perf_counter() - started
        except BaseException:
            # Ctrl-C does not reach a session of its own.
            os.killpg(process.pid, signal.SIGKILL)
            raise
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{words} ended with {process.returncode}")
    return Cost(said, wall_s, usage.ru_utime + usage.ru_stime, max(sizes))


@contextmanager
def watched(session: int) -> Iterator[list[float]]:
    """The memory of a session's processes, in MB, again and again."""
    ended, sizes = threading.Event(), [0.0]

    def look() -> None:
        while not ended.wait(LOOK_S):
            sizes.append(memory_mb(session))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield sizes
    finally:
        ended.set()
        watcher.join()


def memory_mb(session: int) -> float:
    """The proportional set sizes of the processes of a session."""
    total = 0.0
    for process in processes(session):
        with suppress(OSError, StopIteration):  # it has ended
            total += proportional_mb(process)
    return total


def processes(session: int) -> Iterator[str]:
    """Those that a program and its children have started (proc(5): session)."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[3]) == session:
                yield path.parent.name


def figures(command: list[str], few: Path, many: Path) -> Figures:
    """A round of one program."""
    start, whole = measure(command, few), measure(command, many)
    pictures = len(list(many.iterdir())) - len(list(few.iterdir()))
    return Figures(
        images_per_s(whole.said),
        1000 * (whole.cpu_s - start.cpu_s) / pictures,
        start.wall_s,
        whole.peak_mb,
    )


def images_per_s(said: str) -> float:
    """The rate in the summary of ``pictell batch``, or the number that a script prints."""
    summary = re.search(r"\((\d+) a second\)", said)
    return float(summary[1] if summary else said.split()[-1])


def print_table(network: str, found: dict[str, list[Figures]]) -> None:
    """Medians, and ratios to the first program."""
    ours = next(iter(found.values()))
    titles = f"| {network} | images/s | CPU ms a picture | start, s | memory, MB | batch / it |"
    print(f"\n{titles}\n{'|---' * 6}|")
    for name, rounds in found.items():
        rate, cpu, start, peak = (median(column) for column in zip(*rounds, strict=True))
        ratio = median(
            one.images_per_s / other.images_per_s for one, other in zip(ours, rounds, strict=True)
        )
        print(f"| {name} | {rate:.0f} | {cpu:.2f} | {start:.1f} | {peak:.0f} | {ratio:.2f} |")


def main() -> None:
    """Run everything by turns and print a table for each network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--copies", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=[""], help="words of the networks' names")
    options = parser.parse_args()
    networks = {
        network: programs
        for network, programs in PROGRAMS.items()
        if any(word in network for word in options.only)
    }
    with TemporaryDirectory() as folder:
        few, many = Path(folder, "few"), Path(folder, "many")
        few.mkdir()
        many.mkdir()
        pictures = copies(many, options.copies)
        for path in pictures[:: len(pictures) // FEW][:FEW]:
            (few / path.name).hardlink_to(path)
        print(f"{len(pictures)} pictures, {available_cores()} cores, {options.rounds} rounds")
        found: dict[str, dict[str, list[Figures]]] = {
            network: {name: [] for name in programs} for network, programs in networks.items()
        }
        for _ in range(options.rounds):
            for network, programs in networks.items():
                for name, command in programs.items():
                    found[network][name].append(figures(command, few, many))
                    print(network, name, found[network][name][-1], file=sys.stderr)
    for network, rounds in found.items():
        print_table(network, rounds)


if __name__ == "__main__":
    main()
