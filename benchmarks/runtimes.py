"""What each engine costs before it answers: on the disk, and from a cold start.

    python benchmarks/runtimes.py [--runs 15]

Sizes: what an extra installs besides the core, by the files that the packages list. Cold start:
the whole command for one picture with EfficientNet-Lite0 in float32, built in a temporary folder
for each format (``tools/efficientnet_lite0_tensorflow.py``), beside the default model. The
commands run in turn; medians are reported.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from cold_start import MODEL, PICTURE, Cost, measure

ROOT = Path(__file__).resolve().parent.parent
BUILDER = ROOT / "tools" / "efficientnet_lite0_tensorflow.py"
NETWORK = "efficientnet-lite0"
CASES = (
    ("onnx", "onnx"),
    ("openvino", "onnx"),
    ("tensorflow", "pb"),
    ("openvino", "pb"),
    ("litert", "tflite"),
    ("openvino", "tflite"),
)
EXTRAS = ("tensorflow", "openvino", "litert")
STATEMENT = (
    f"--labels {MODEL / 'labels.tsv'} --activation softmax --mean 127 --std 128 "
    "--resize-mode crop --crop-fraction 0.875 --interpolation bicubic"
).split()


def closure(requirements: Iterable[str]) -> set[str]:
    """The packages that installing these brings, themselves among them."""
    found, waiting = set[str](), list(requirements)
    while waiting:
        requirement, _, marker = waiting.pop().partition(";")
        match = re.match(r"[\w.-]+", requirement.strip())
        if match is None or match[0] in found or "extra ==" in marker:
            continue
        try:
            waiting += requires(match[0]) or []
        except PackageNotFoundError:
            # Asked for on other platforms.
            continue
        found.add(match[0])
    return found


def installed_mb(packages: set[str]) -> float:
    """What the files of the packages take, in MB."""
    files = (file for name in packages for file in distribution(name).files or [])
    paths = {Path(str(file.locate())).resolve() for file in files}
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def print_sizes() -> None:
    """One row per extra."""
    project = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text(encoding="utf-8"))["project"]
    core = closure(project["dependencies"])
    print(f"| installed | MB |\n{'|---' * 2}|\n| the core's packages | {installed_mb(core):.0f} |")
    for extra in EXTRAS:
        added = closure(project["optional-dependencies"][extra]) - core
        print(f"| {extra} adds | {installed_mb(added):.0f} |")


def commands(folder: Path) -> dict[str, list[str]]:
    """What is started, by name."""
    program = str(Path(sys.executable).with_name("pictell"))
    starts = {"the default model, int8": [program, str(PICTURE)]}
    for runtime, suffix in CASES:
        words = ["--model", str(folder / f"{NETWORK}.{suffix}"), "--runtime", runtime]
        starts[f"{runtime}, .{suffix}"] = [program, *words, *STATEMENT, str(PICTURE)]
    return starts


def print_cold_starts(starts: dict[str, list[str]], runs: int) -> None:
    """One row per command."""
    for command in starts.values():
        measure(command)
    costs: dict[str, list[Cost]] = {name: [] for name in starts}
    for _ in range(runs):
        for name, command in starts.items():
            costs[name].append(measure(command))
    print(f"| cold start | wall, s | peak memory, MB |\n{'|---' * 3}|")
    for name, each in costs.items():
        wall_s, peak_mb = median(one.wall_s for one in each), median(one.peak_mb for one in each)
        print(f"| {name} | {wall_s:.2f} | {peak_mb:.0f} |")


def main() -> None:
    """Print two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    print_sizes()
    print()
    with TemporaryDirectory() as folder:
        # In a process of its own: a child's peak of memory is never below its parent's.
        command = [sys.executable, str(BUILDER), folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        print_cold_starts(commands(Path(folder)), runs)


if __name__ == "__main__":
    main()
