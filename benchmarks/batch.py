"""``pictell batch``: its own cost, memory and rate over many pictures, its start, and its kills.

    python benchmarks/batch.py cost          # the CPU time of a picture, against decode + run alone
    python benchmarks/batch.py overhead      # the same if decoding and running only sleep
    python benchmarks/batch.py many          # 100,000 small pictures: rate and memory along the way
    python benchmarks/batch.py manifest      # a million rows: the start, and single queries
    python benchmarks/batch.py kills         # 20 runs killed at random moments, then the end

Each prints a table in Markdown; ``benchmarks/batch.md`` has them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

import pictell
from pictell.batch.entries import Entry, to_entry
from pictell.batch.job import Job
from pictell.batch.manifest import Manifest
from pictell.batch.output import open_output
from pictell.batch.part import Choice
from pictell.batch.rows import Fact
from pictell.reports.tables import TABLES, table_format
from pictell.results import Result
from throughput import limit_cpu_s, paths

HERE = Path(__file__).resolve().parent
PICTELL = str(Path(sys.executable).with_name("pictell"))
MANY, EVERY = 100_000, 5_000
PART_SIZE = 2_000
ROWS = 1_000_000
ROUNDS = 20


def copies(folder: Path, times: int) -> list[Path]:
    """The pictures, in copies that differ by a byte: the same content would be run once."""
    found = list[Path]()
    for number in range(times):
        for path in paths():
            found.append(folder / f"{number}-{path.name}")
            found[-1].write_bytes(path.read_bytes() + bytes([number]))
    return found


@contextmanager
def job(folder: Path) -> Iterator[Job]:
    """A new table of JSON lines in a folder."""
    output = open_output(str(folder / "labels"), None, TABLES)
    with Job.open(output, table_format("jsonl"), {"model": "benchmark"}) as opened:
        yield opened


def label(
    classifier: pictell.Classifier,
    pictures: Iterable[Path | str],
    watch: Callable[[Result], object] = lambda result: None,
) -> None:
    """One run of the batch on a new table."""
    with TemporaryDirectory() as folder, job(Path(folder)) as opened:
        opened.plan(to_entry(str(path)) for path in pictures)
        opened.run(classifier, Choice(), PART_SIZE, watch)
        opened.finish()


def enlarged(folder: Path) -> list[Path]:
    """Pictures of 12 megapixels, as a camera makes them."""
    found = list[Path]()
    for path in paths()[::8]:
        found.append(folder / f"large-{path.name}")
        with Image.open(path) as image:
            image.convert("RGB").resize((4000, 3000)).save(found[-1], "JPEG", quality=90)
    return found


def print_cost(runs: int) -> None:
    """CPU milliseconds of a picture, in runs that take turns."""
    print("| pictures | what | CPU ms a picture | limit / it |\n|---|---|---|---|")
    for make in (lambda folder: copies(folder, 3), enlarged):
        with TemporaryDirectory() as folder, pictell.load() as classifier:
            pictures = make(Path(folder))
            label(classifier, pictures[:8])
            times = [costs(classifier, pictures) for _ in range(runs)]
        for number, name in enumerate(("decode + run alone", "stream", "batch")):
            ratio = median(one[0] / one[number] for one in times)
            cost = median(one[number] for one in times)
            print(f"| {len(pictures)} | {name} | {cost:.2f} | {ratio:.2f} |", flush=True)


def costs(classifier: pictell.Classifier, pictures: Sequence[Path]) -> tuple[float, float, float]:
    """CPU milliseconds of a picture: decode + run alone, ``stream``, the batch."""
    return (
        1000 * limit_cpu_s(pictures),
        cpu_ms(lambda: [*classifier.stream(pictures)], len(pictures)),
        cpu_ms(lambda: label(classifier, pictures), len(pictures)),
    )


def cpu_ms(work: Callable[[], object], pictures: int) -> float:
    """CPU milliseconds of this process for a picture."""
    started = time.process_time()
    work()
    return 1000 * (time.process_time() - started) / pictures


def print_overhead(runs: int) -> None:
    """What a picture costs through 16 threads if decoding and running only sleep."""
    from throughput_sleeping import sleeping_classifier

    classifier = sleeping_classifier()
    costs = dict[str, list[float]](stream=[], batch=[])
    with TemporaryDirectory() as folder:
        pictures = copies(Path(folder), 30)
        for _ in range(runs):
            costs["stream"].append(cpu_ms(lambda: [*classifier.stream(pictures)], len(pictures)))
            costs["batch"].append(cpu_ms(lambda: label(classifier, pictures), len(pictures)))
    print(f"| {len(pictures)} pictures that only sleep | CPU ms a picture |\n|---|---|")
    for name, times in costs.items():
        print(f"| {name} | {median(times):.2f} |")


def print_many(number: int, plot: str | None) -> None:
    """Rate and memory along the way through many small pictures; ``plot`` is a file for both."""
    rows = list[tuple[int, float, float]]()
    with TemporaryDirectory() as folder:
        # A list of paths would take more memory than the batch.
        for one in range(number):
            draw(Path(name_of(folder, one)), one)
        pictures = (name_of(folder, one) for one in range(number))
        done, before = 0, (time.process_time(), time.perf_counter())
        print("| pictures | images per CPU second | images/s | memory, MB |\n|---|---|---|---|")

        def watch(result: Result) -> None:
            nonlocal done, before
            done += 1
            if done % EVERY == 0:
                now = time.process_time(), time.perf_counter()
                cpu, wall = (EVERY / (new - old) for new, old in zip(now, before, strict=True))
                print(f"| {done} | {cpu:.0f} | {wall:.0f} | {memory_mb():.0f} |", flush=True)
                rows.append((done, cpu, memory_mb()))
                before = now

        with pictell.load() as classifier:
            label(classifier, pictures, watch)
    if plot is not None:
        draw_plot(rows, plot)


def draw_plot(rows: list[tuple[int, float, float]], path: str) -> None:
    """Rate and memory over the number of pictures."""
    done, rates, megabytes = zip(*rows, strict=True)
    figure = Figure(figsize=(7, 4), layout="constrained")
    upper, lower = figure.subplots(2, sharex=True)
    upper.plot(done, rates)
    upper.set(ylabel="images per CPU second", ylim=(0, None))
    lower.plot(done, megabytes)
    lower.set(ylabel="memory, MB", xlabel="pictures labelled", ylim=(0, None))
    figure.savefig(path, dpi=110)


def name_of(folder: str, number: int) -> str:
    """The path of a picture, a thousand in each folder."""
    return f"{folder}/{number // 1000}/{number}.jpg"


def draw(path: Path, number: int) -> None:
    """A small picture like no other."""
    path.parent.mkdir(exist_ok=True)
    noise = np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)
    Image.fromarray(noise).resize((64, 64)).save(path)


def memory_mb() -> float:
    """The resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def print_manifest() -> None:
    """How long a table of a million rows takes to start, and single queries."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "manifest.sqlite3"
        entries = [
            Entry(f"file:///photos/{number}.jpg", f"{number}.jpg", Path("x"), number, "1")
            for number in range(ROWS)
        ]
        manifest = Manifest(path)
        for start in range(0, ROWS, EVERY):
            some = entries[start : start + EVERY]
            facts = (Fact(one.uri, one.size, one.version, f"{one.size:064x}", None) for one in some)
            manifest.put(start // EVERY + 1, "stamp", facts)
        manifest.close()
        print(f"| {ROWS:,} rows, {path.stat().st_size / 1e6:.0f} MB | ms | CPU ms |\n|---|---|---|")
        manifest = row("open", lambda: Manifest(path))
        row("stamps of the parts", manifest.stamps)
        plan = row("plan: nothing to do", lambda: manifest.plan(entries))
        row("a content that is known", lambda: manifest.find(f"{ROWS // 2:064x}"))
        row("a content that is not", lambda: manifest.find("no"))
        row("the sources of a part", lambda: manifest.uris(77))
        row("rows and failures", manifest.counts)
        if (plan.planned, plan.gone) != (0, 0):
            raise RuntimeError(str(plan))


def row(name: str, query: Callable[[], Any]) -> Any:
    """Print how long a query takes; return what it found."""
    started, cpu = time.perf_counter(), time.process_time()
    found = query()
    wall_ms, cpu_ms = 1000 * (time.perf_counter() - started), 1000 * (time.process_time() - cpu)
    print(f"| {name} | {wall_ms:.1f} | {cpu_ms:.1f} |")
    return found


def print_kills(seed: int) -> None:
    """Kill a run at random moments and go on; the end is that of an undisturbed run."""
    chance = random.Random(seed)
    with TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "photos").mkdir()
        copies(root / "photos", 3)
        command = [PICTELL, "batch", "photos", "--part-size", "20", "--output"]
        started = time.perf_counter()
        subprocess.run([*command, "whole"], cwd=root, check=True, stdout=subprocess.DEVNULL)
        took_s = time.perf_counter() - started
        rows = list[int]()
        for _ in range(ROUNDS):
            with subprocess.Popen([*command, "labels"], cwd=root, stdout=subprocess.DEVNULL) as run:
                try:
                    run.wait(chance.uniform(0, 2.5 * took_s / ROUNDS))
                except subprocess.TimeoutExpired:
                    run.send_signal(signal.SIGKILL)
            rows.append(len(rows_of(root / "labels")))
        subprocess.run([*command, "labels"], cwd=root, check=True, stdout=subprocess.DEVNULL)
        end, whole = rows_of(root / "labels"), rows_of(root / "whole")
        if end != whole or len({one["uri"] for one in end}) != len(end):
            raise RuntimeError("the table is not that of an undisturbed run")
        shutil.rmtree(root / "labels")
    print(f"{ROUNDS} kills, rows after each: {rows}; then {len(end)} rows, as undisturbed")


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """The rows of all parts; each line must be whole."""
    parts = sorted(folder.glob("part-*.jsonl"))
    return [json.loads(line) for part in parts for line in part.read_text().splitlines()]


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pictures", type=int, default=MANY)
    parser.add_argument("--plot", metavar="FILE", help="with many: a PNG of rate and memory")
    options = parser.parse_args()
    tables: dict[str, Callable[[], None]] = {
        "cost": lambda: print_cost(options.runs),
        "overhead": lambda: print_overhead(options.runs),
        "many": lambda: print_many(options.pictures, options.plot),
        "manifest": print_manifest,
        "kills": lambda: print_kills(options.seed),
    }
    if options.what not in tables:
        parser.error(f"give one of {', '.join(tables)}")
    tables[options.what]()


if __name__ == "__main__":
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    main()
