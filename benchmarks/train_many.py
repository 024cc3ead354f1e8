"""How fast ``pictell train`` embeds many photos, against its limit, and what memory it takes.

    python benchmarks/train_many.py [--pictures 10000] [--runs 3]

The 333 photos of ``imagenet_train333`` are copied as often as needed into ten class folders; each
copy has a comment of its own, so that its content is new to the index. The program runs in a
process of its own with an empty index, then the limit on the same photos; ratios are taken run by
run and their median is reported. With ``--whole``, one call with the embeddings known ends the
training.

- ``pictell train``: all photos over the time from the call of ``pictell.train`` until the last
  photo is embedded: the opening of the model, reading, checksums, perceptual hashes and the index
  are in it. ``ratio of CPU time`` counts CPU seconds over the cores instead of the clock, which
  other programs on the machine disturb less. The peak memory is that of the process.
- ``limit``: the CPU time of decode + preprocess and of the run of the same graph, in the same
  batches, on one thread, over the number of cores.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

import pictell
from pictell.options import EngineOptions
from pictell.processors import available_cores
from pictell.training.extractor import open_extractor, read_extractor
from pictell.types import Source

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
PICTURES = SHARED / "images" / "imagenet_train333"
CLASSES = 10
# The start of a JPEG, and of a comment in it.
START, COMMENT = b"\xff\xd8", b"\xff\xfe"


def copy_photos(folder: Path, pictures: int) -> None:
    """Photos in class folders, each with a content of its own."""
    originals = sorted(PICTURES.glob("*.JPEG"))
    for number in range(pictures):
        place = number % len(originals)
        content = originals[place].read_bytes()
        text = str(number).encode()
        comment = COMMENT + (len(text) + 2).to_bytes(2) + text
        parent = folder / f"class{place * CLASSES // len(originals)}"
        parent.mkdir(exist_ok=True)
        parent.joinpath(f"{number}.jpg").write_bytes(START + comment + content[len(START) :])


class EmbeddedError(Exception):
    """All photos are embedded: the rest of the training is not wanted."""


def embed(folder: Path) -> dict[str, float]:
    """Photos a second until the last is embedded, also if only CPU time counted, and the peak."""
    total, seen = sum(1 for _ in folder.glob("*/*")), itertools.count(1)

    def watch(result: object) -> None:
        if next(seen) == total:
            raise EmbeddedError

    started, cpu_started = time.perf_counter(), time.process_time()
    with suppress(EmbeddedError):
        pictell.train(folder, watch=watch)
    return {
        "rate": total / (time.perf_counter() - started),
        "cpu_rate": available_cores() * total / (time.process_time() - cpu_started),
        "peak_mb": peak_mb(),
    }


def whole(folder: Path) -> dict[str, float]:
    """The seconds of the whole call, its CPU seconds, and the peak memory in MB."""
    started, cpu_started = time.perf_counter(), time.process_time()
    pictell.train(folder)
    return {
        "wall_s": time.perf_counter() - started,
        "cpu_s": time.process_time() - cpu_started,
        "peak_mb": peak_mb(),
    }


def peak_mb() -> float:
    """The peak resident memory of this process, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def limit(folder: Path) -> dict[str, float]:
    """What the cores could do if nothing but the work took time; ``folder`` is not read."""
    classifier = open_extractor(read_extractor("default"), EngineOptions())
    model, output = classifier.model, classifier.spec.output_name
    sources = [Source(path.name, path.read_bytes()) for path in sorted(PICTURES.glob("*.JPEG"))]
    started = time.thread_time()
    for first in range(0, len(sources), model.batch_size):
        batch = sources[first : first + model.batch_size]
        model.run(np.concatenate([model.prepare(one).tensor for one in batch]), [output])
    return {"rate": available_cores() * len(sources) / (time.thread_time() - started)}


def measure(what: str, folder: Path, index: Path) -> dict[str, float]:
    """What a process of this program prints."""
    command = [sys.executable, __file__, "--only", what, "--folder", str(folder)]
    environment = os.environ | {"PICTELL_INDEX": str(index)}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def compare(pictures: int, runs: int, *, to_the_end: bool) -> None:
    """Run everything and print the tables."""
    with TemporaryDirectory() as name:
        work = Path(name)
        folder, index = work / "photos", work / "index.sqlite3"
        folder.mkdir()
        copy_photos(folder, pictures)
        pairs = []
        for _ in range(runs):
            index.unlink(missing_ok=True)
            pairs.append((measure("embed", folder, index), measure("limit", folder, index)))
            print(pairs[-1], file=sys.stderr)
        print_rates(pictures, pairs)
        if to_the_end:
            found = measure("whole", folder, index)
            print("\n| embeddings known: whole call, s | CPU, s | peak memory, MB |\n|---|---|---|")
            print(f"| {found['wall_s']:.0f} | {found['cpu_s']:.0f} | {found['peak_mb']:.0f} |")


def print_rates(pictures: int, pairs: list[tuple[dict[str, float], dict[str, float]]]) -> None:
    """The medians, one row."""
    cells = [
        str(pictures),
        f"{median(ours['rate'] for ours, _ in pairs):.0f}",
        f"{median(theirs['rate'] for _, theirs in pairs):.0f}",
        f"{median(ours['rate'] / theirs['rate'] for ours, theirs in pairs):.2f}",
        f"{median(ours['cpu_rate'] / theirs['rate'] for ours, theirs in pairs):.2f}",
        f"{median(ours['peak_mb'] for ours, _ in pairs):.0f}",
    ]
    print("| photos | images/s | limit | ratio | ratio of CPU time | peak memory, MB |")
    print(f"{'|---' * 6}|\n| {' | '.join(cells)} |")


def main() -> None:
    """Print the medians as a table."""
    parts = {"embed": embed, "whole": whole, "limit": limit}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--whole", action="store_true", help="train to the end as well")
    parser.add_argument("--only", choices=parts, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only is None:
        compare(options.pictures, options.runs, to_the_end=options.whole)
    else:
        print(json.dumps(parts[options.only](options.folder)))


if __name__ == "__main__":
    main()
