"""How fast ``pictell train`` embeds many photos, against its limit, and what memory it takes.

    python benchmarks/train_many.py [--pictures 10000] [--runs 3]

The 333 photos of ``imagenet_train333`` are copied as often as needed into ten class folders; each
copy has a comment of its own, so that its content is new to the index. The program runs in a
process of its own with an empty index, then the limit on the same photos; ratios are taken run by
run and their median is reported.

- ``pictell train``: all photos over the time from the call of ``pictell.train`` until the last
  photo is embedded: the opening of the model, reading, checksums, perceptual hashes and the index
  are in it. Then the whole call, and the peak memory of the process.
- ``limit``: the CPU time of decode + preprocess and of the run of the same graph, on one thread,
  over the number of cores.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import pictell
from pictell.options import EngineOptions
from pictell.processors import available_cores
from pictell.training.train import open_features, read_backbone
from pictell.types import Source

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
PICTURES = SHARED / "images" / "imagenet_train333"
CLASSES = 10
# The start of a JPEG, and of a comment in it.
START, COMMENT = b"\xff\xd8", b"\xff\xfe"
# Pictures of a stream that run at once, as in pictell.
BATCH = EngineOptions().batch_size


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


def train(folder: Path) -> dict[str, float]:
    """The rate of the embeddings, the seconds of the whole call and the peak memory in MB."""
    times = []
    started = time.perf_counter()
    pictell.train(folder, watch=lambda result: times.append(time.perf_counter() - started))
    return {
        "rate": len(times) / times[-1],
        "whole_s": time.perf_counter() - started,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def limit() -> dict[str, float]:
    """What the cores could do if nothing but the work itself took time."""
    classifier = open_features(read_backbone("default"), EngineOptions())
    model, output = classifier.model, classifier.spec.output_name
    sources = [Source(path.name, path.read_bytes()) for path in sorted(PICTURES.glob("*.JPEG"))]
    started = time.thread_time()
    for source in sources:
        model.run(model.prepare(source).tensor, [output])
    return {"rate": available_cores() * len(sources) / (time.thread_time() - started)}


def measure(what: str, folder: Path, index: Path) -> dict[str, float]:
    """What a process of this program prints."""
    command = [sys.executable, __file__, "--only", what, "--folder", str(folder)]
    environment = os.environ | {"PICTELL_INDEX": str(index)}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def compare(pictures: int, runs: int) -> None:
    """Run everything and print the table."""
    with TemporaryDirectory() as name:
        work = Path(name)
        folder = work / "photos"
        folder.mkdir()
        copy_photos(folder, pictures)
        pairs = []
        for number in range(runs):
            ours = measure("train", folder, work / f"{number}.sqlite3")
            pairs.append((ours, measure("limit", folder, work / "none.sqlite3")))
            print(pairs[-1], file=sys.stderr)
    cells = [
        str(pictures),
        f"{median(ours['rate'] for ours, _ in pairs):.0f}",
        f"{median(theirs['rate'] for _, theirs in pairs):.0f}",
        f"{median(ours['rate'] / theirs['rate'] for ours, theirs in pairs):.2f}",
        f"{median(ours['whole_s'] for ours, _ in pairs):.0f}",
        f"{median(ours['peak_mb'] for ours, _ in pairs):.0f}",
    ]
    print("| photos | embedded, images/s | limit | ratio | whole, s | peak memory, MB |")
    print(f"{'|---' * 6}|\n| {' | '.join(cells)} |")


def main() -> None:
    """Print the medians as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=("train", "limit"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only is None:
        compare(options.pictures, options.runs)
    else:
        print(json.dumps(train(options.folder) if options.only == "train" else limit()))


if __name__ == "__main__":
    main()
