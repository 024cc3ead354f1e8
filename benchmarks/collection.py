"""A collection of photos: the first survey against ``pictell batch``, and later ones.

    python benchmarks/collection.py --photos 10000 --folder FOLDER

Makes the photos in FOLDER, unless they are there. Prints tables in Markdown;
``benchmarks/collection.md`` has them.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import pictell
from batch import label
from pictell.collection.survey import Survey, survey
from pictell.images.sources import expand_path
from pictell.index.photos import PhotoIndex
from throughput import SHARED

ROUNDS = 9
# How long before its survey a file was changed, at least.
OLD_S = 3600


def make(folder: Path, count: int) -> None:
    """Copies of photos in folders of 1000, which differ by a byte at their ends."""
    folders = ("imagenet_train333", "imagenet_val650")
    originals = [
        path for name in folders for path in sorted((SHARED / "images" / name).glob("*.JPEG"))
    ]
    long_ago = time.time() - OLD_S
    for number in range(count):
        path = folder / f"{number // 1000:02}" / f"IMG_{number:05}.jpg"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            original = originals[number % len(originals)]
            path.write_bytes(original.read_bytes() + bytes([number // len(originals)]))
            os.utime(path, (long_ago, long_ago))


def run_survey(classifier: pictell.Classifier, folder: Path, file: Path) -> Survey:
    """A survey of a folder."""
    with PhotoIndex.open(file) as index:
        found = survey(classifier, expand_path(str(folder)), index)
        assert index.note is None
        return found


def print_first(classifier: pictell.Classifier, folder: Path, file: Path) -> None:
    """The survey of new photos against a batch of the same ones."""

    def batch() -> None:
        label(classifier, [Path(one.name) for one in expand_path(str(folder))])

    print("| what | photos/s | CPU ms a photo | batch / it |\n|---|---|---|---|")
    found: Survey | None = None

    def first() -> None:
        nonlocal found
        found = run_survey(classifier, folder, file)

    costs = list[float]()
    for name, run in (("pictell batch", batch), ("first survey", first)):
        start_s, cpu_s = time.perf_counter(), time.process_time()
        run()
        took_s, cost_s = time.perf_counter() - start_s, time.process_time() - cpu_s
        assert found is None or not found.failed
        count = sum(1 for _ in expand_path(str(folder)))
        costs.append(cost_s)
        print(
            f"| {name} | {count / took_s:.0f} | {cost_s / count * 1000:.2f} "
            f"| {costs[0] / costs[-1]:.2f} |",
            flush=True,
        )


def print_later(classifier: pictell.Classifier, folder: Path, file: Path) -> None:
    """What a run on photos that are all known takes."""
    with PhotoIndex.open(file) as index:
        sources = list(expand_path(str(folder)))
        found = survey(classifier, sources, index)
        stages: dict[str, Callable[[], object]] = {
            "list the folder": lambda: list(expand_path(str(folder))),
            "survey": lambda: survey(classifier, sources, index),
            "probabilities": found.probabilities,
            "embeddings": found.embeddings,
            "results": lambda: sum(1 for _ in found.results()),
        }
        print("\n| stage | ms | CPU ms |\n|---|---|---|")
        for name, stage in stages.items():
            took_s, cpu_s = list[float](), list[float]()
            for _ in range(ROUNDS):
                before = time.perf_counter(), time.process_time()
                stage()
                took_s.append(time.perf_counter() - before[0])
                cpu_s.append(time.process_time() - before[1])
            print(
                f"| {name} | {median(took_s) * 1000:.0f} | {median(cpu_s) * 1000:.0f} |", flush=True
            )
    print(f"\nThe index has {file.stat().st_size / 1e6:.0f} MB.")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"The largest resident set was {peak / 1024:.0f} MB.")


def print_command(folder: Path, file: Path) -> None:
    """A whole search of known photos, against one of a single photo, which only starts."""
    print("\n| pictell find dog | ms | CPU ms |\n|---|---|---|")
    one = next(iter(expand_path(str(folder)))).name
    for name, photos in (("one photo", one), ("all photos", str(folder))):
        words = ["find", "dog", photos, "--index", str(file), "--names-only", "--quiet"]
        took_s, cpu_s = list[float](), list[float]()
        for _ in range(ROUNDS):
            start_s, before = time.perf_counter(), children_s()
            subprocess.run(
                [sys.executable, "-m", "pictell", *words], stdout=subprocess.DEVNULL, check=True
            )
            took_s.append(time.perf_counter() - start_s)
            cpu_s.append(children_s() - before)
        print(f"| {name} | {median(took_s) * 1000:.0f} | {median(cpu_s) * 1000:.0f} |", flush=True)


def children_s() -> float:
    """The CPU time of the programs that have ended, in seconds."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Make the photos, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--index", type=Path, help="only later runs, with this index")
    options = parser.parse_args()
    with TemporaryDirectory() as temporary, pictell.load() as classifier:
        folder = options.folder or Path(temporary, "photos")
        make(folder, options.photos)
        file = options.index or Path(temporary, "index.sqlite3")
        if options.index is None:
            print_first(classifier, folder, file)
        print_later(classifier, folder, file)
        print_command(folder, file)


if __name__ == "__main__":
    main()
