"""What ``--isolate`` costs: pictures a second, CPU time, the start, the memory of a process.

    python benchmarks/isolation.py [--runs 5]

``stream`` runs with and without isolation in turn, each in a program of its own, and ratios are
taken run by run. Pictures are JPEGs of 500 pixels a side, and some of them enlarged to 12
megapixels, 4000 x 3000, quality 90. A program first classifies a few pictures, then counts pictures
a second, the CPU time of a picture in all its processes, and the proportional set size of the
largest process that decodes. Then the command classifies one picture. Linux only.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from PIL import Image

import pictell
from pictell.processors import available_cores
from throughput import HERE, PICTURES, paths

LARGE = (4000, 3000)
LARGE_PICTURES = 40
WARM_UP = 8
CAT = HERE.parent / "samples" / "cat.jpg"


def enlarge(folder: Path) -> None:
    """Write some of the pictures at 12 megapixels."""
    for path in paths()[:LARGE_PICTURES]:
        with Image.open(path) as image:
            large = image.convert("RGB").resize(LARGE, Image.Resampling.BICUBIC)
        large.save(folder / f"{path.stem}.jpg", quality=90)


def print_stream(pictures: Sequence[Path], *, isolate: bool) -> None:
    """Print pictures a second, the CPU time of a picture in ms, the memory of a process in MB."""
    with pictell.load(limits=pictell.Limits(isolate=isolate)) as classifier:
        list(classifier.stream(pictures[:WARM_UP]))
        started, worked = time.perf_counter(), work_s()
        failed = sum(result.error is not None for result in classifier.stream(pictures))
        seconds, work = time.perf_counter() - started, work_s() - worked
        if failed:
            raise RuntimeError(f"{failed} pictures failed")
        memory = max(map(proportional_mb, children()), default=0)
        print(len(pictures) / seconds, work / len(pictures) * 1000, memory)


def children() -> list[str]:
    """The processes that this one has started."""
    command = ["pgrep", "--parent", str(os.getpid()), "--full", "pictell.pipeline.child"]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout.split()


def work_s() -> float:
    """The CPU time of this process and of those that it has started (proc(5): utime, stime)."""
    fields = [
        Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        for process in ("self", *children())
    ]
    return sum(int(one[11]) + int(one[12]) for one in fields) / os.sysconf("SC_CLK_TCK")


def proportional_mb(process: str) -> float:
    """``Pss`` of /proc/PID/smaps_rollup (proc(5))."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))


def measure(pictures: Path, *words: str) -> list[float]:
    """What a program of the comparison prints."""
    command = [sys.executable, __file__, "--pictures", str(pictures), *words]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return list(map(float, run.stdout.split()))


def start_ms(*words: str) -> float:
    """How long the command takes for one picture."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "pictell", *words, str(CAT)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - started) * 1000


def compare(runs: int) -> None:
    """Print the tables."""
    print(f"{available_cores()} cores, medians of {runs} runs\n")
    print(
        "| pictures | images/s | isolated | ratio | CPU time, ms | isolated | ratio | memory, MB |"
    )
    print("|---" * 8 + "|")
    with tempfile.TemporaryDirectory() as folder:
        enlarge(Path(folder))
        for name, pictures in {"500 pixels": PICTURES, "12 megapixels": Path(folder)}.items():
            pairs = [(measure(pictures), measure(pictures, "--isolate")) for _ in range(runs)]
            cells = [name]
            for column in (0, 1):
                plain, isolated = zip(*((a[column], b[column]) for a, b in pairs), strict=True)
                ratio = median(b / a for a, b in zip(plain, isolated, strict=True))
                cells += [f"{median(plain):.1f}", f"{median(isolated):.1f}", f"{ratio:.3f}"]
            print(f"| {' | '.join(cells)} | {median(b[2] for _, b in pairs):.0f} |", flush=True)
    starts = [(start_ms(), start_ms("--isolate")) for _ in range(3 * runs)]
    plain, isolated = zip(*starts, strict=True)
    print(f"\nOne picture: {median(plain):.0f} ms, isolated {median(isolated):.0f} ms")


def main() -> None:
    """Compare, or run one program of the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--pictures", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--isolate", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.pictures:
        print_stream(sorted(options.pictures.glob("*.[jJ]*")), isolate=options.isolate)
    else:
        compare(options.runs)


if __name__ == "__main__":
    main()
