"""How long a whole run takes and how much memory, against the floor and against TensorFlow.

    python benchmarks/cold_start.py [--runs 15]

The commands run in turn, so that a slow moment of the machine meets them all; ratios are taken
run by run and their median is reported. TensorFlow is left out where it is not installed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
MODEL = ROOT / "src" / "pictell" / "models" / "default"
SHARED = ROOT.parent / "shared"
FROZEN = SHARED / "models" / "mobilenet_v1_0.25_224_frozen"
PICTURE = SHARED / "models" / "coral" / "parrot.jpg"


@dataclass(frozen=True)
class Cost:
    """One whole run: wall-clock seconds and the process's peak resident memory in MB."""

    wall_s: float
    peak_mb: float


def commands(picture: Path) -> dict[str, list[str]]:
    """What is compared, by name."""
    python = sys.executable
    runs = {
        "pictell": [str(Path(python).with_name("pictell")), str(picture)],
        "floor": [python, str(HERE / "floor.py"), str(MODEL), str(picture)],
    }
    if find_spec("tensorflow") and FROZEN.exists():
        graph, labels = FROZEN / "frozen_graph.pb", FROZEN / "labels.txt"
        original = str(HERE / "original.py")
        runs["TensorFlow"] = [python, original, str(graph), str(labels), str(picture)]
    return runs


def measure(command: list[str]) -> Cost:
    """Run a command to its end; raises when it fails."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "ORT_DISABLE_TELEMETRY": "1"}
    # Without it Python compiles a checkout's modules at each start; pip compiles installed ones.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    return Cost(wall_s, usage.ru_maxrss / 1024)


def main() -> None:
    """Print a table of medians and of ratios to pictell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    options = parser.parse_args()
    names = commands(options.picture)
    for command in names.values():
        measure(command)
    costs: dict[str, list[Cost]] = {name: [] for name in names}
    for _ in range(options.runs):
        for name, command in names.items():
            costs[name].append(measure(command))
    print("| program | wall, s | peak memory, MB | pictell's wall / its | pictell's memory / its |")
    print("|---|---|---|---|---|")
    ours = costs["pictell"]
    for name, runs in costs.items():
        pairs = list(zip(ours, runs, strict=True))
        wall = median(a.wall_s / b.wall_s for a, b in pairs)
        memory = median(a.peak_mb / b.peak_mb for a, b in pairs)
        seconds, peak = median(run.wall_s for run in runs), median(run.peak_mb for run in runs)
        print(f"| {name} | {seconds:.3f} | {peak:.0f} | {wall:.2f} | {memory:.2f} |")


if __name__ == "__main__":
    main()
