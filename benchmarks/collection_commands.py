"""The commands for a photo collection on many photos: time, CPU time and memory.

    python benchmarks/collection_commands.py --photos 10000 --folder FOLDER

Makes the photos in FOLDER, unless they are there; sorts, tags and undoes there. Prints a table in
Markdown; ``benchmarks/collection.md`` has it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from collection import make

INTO = ("--into", "sorted", "--quiet")
COMMANDS = (
    ("find, all photos new", ("find", "dog", "{photos}")),
    ("find", ("find", "dog", "{photos}")),
    ("find --like", ("find", "--like", "{photo}", "{photos}")),
    ("find --html", ("find", "dog", "{photos}", "--html", "{data}/found.html")),
    ("sort --copy", ("sort", "{photos}", *INTO, "--copy")),
    ("the same again", ("sort", "{photos}", *INTO, "--copy")),
    ("undo", ("undo",)),
    ("sort --link", ("sort", "{photos}", *INTO, "--link")),
    ("undo", ("undo",)),
    ("sort --move", ("sort", "{photos}", *INTO, "--move")),
    ("undo", ("undo",)),
    ("tag", ("tag", "{photos}")),
    ("the same again", ("tag", "{photos}")),
    ("tag --remove", ("tag", "{photos}", "--remove")),
    ("dedupe, first", ("dedupe", "{photos}")),
    ("dedupe", ("dedupe", "{photos}")),
)


class Cost(NamedTuple):
    """What a command took: seconds, seconds of CPU time, and its largest resident set in MB."""

    time_s: float
    cpu_s: float
    memory_mb: float


def measure(words: list[str], folder: Path, data: Path) -> Cost:
    """Run a command of pictell to its end in a folder."""
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "pictell", *words],
        cwd=folder,
        env=os.environ | {"XDG_DATA_HOME": str(data)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{words}: {errors[-1000:]}")
    cpu_s = usage.ru_utime + usage.ru_stime
    return Cost(time.monotonic() - started, cpu_s, usage.ru_maxrss / 1000)


def main() -> None:
    """Measure each command once, in their order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    folder = options.folder.resolve()
    make(folder, options.photos)
    print("| command | s | CPU s | MB |\n|---|---|---|---|")
    with TemporaryDirectory() as data:
        places = {
            "photos": str(folder),
            "photo": str(next(folder.rglob("*.jpg"))),
            "data": data,
        }
        for name, words in COMMANDS:
            cost = measure([word.format(**places) for word in words], folder.parent, Path(data))
            row = f"{cost.time_s:.1f} | {cost.cpu_s:.1f} | {cost.memory_mb:.0f}"
            print(f"| {name} | {row} |", flush=True)


if __name__ == "__main__":
    main()
