"""``pictell batch --engine ray`` on this machine: what Ray adds to the local engine, and its kills.

    python benchmarks/batch_ray.py beside    # the local engine and Ray, by turns
    python benchmarks/batch_ray.py driver    # what the process that plans and writes does
    python benchmarks/batch_ray.py kills     # 20 runs killed at random moments, then the end

Each prints what ``benchmarks/batch.md`` has.
"""

from __future__ import annotations

import argparse
import os
import pickle
import random
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import pictell
from batch import EVERY, PICTELL, ROUNDS, copies, job, rows_of
from pictell.batch.entries import Entry, to_entry
from pictell.batch.part import Choice, MadePart, make_part
from pictell.batch.rows import PartFormat
from pictell.processors import available_cores
from pictell.reports.tables import table_format
from pictell.results import Result

ENGINES: dict[str, list[str]] = {
    "local": [],
    "Ray": ["--engine", "ray"],
}
RAY = ENGINES["Ray"]
FEW, TIMES, SMALL_PART = 8, 6, 20
DRIVER_PICTURES = 100_000


def run_s(root: Path, words: list[str]) -> tuple[float, float]:
    """Seconds of one run of the command on a new table in a folder, and seconds for a part.

    The latter are those between the first part and the last.
    """
    with TemporaryDirectory() as output:
        started = time.perf_counter()
        command = [PICTELL, "batch", "--output", f"{output}/labels", *words]
        subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL)
        took_s = time.perf_counter() - started
        written = sorted(path.stat().st_mtime for path in Path(output).glob("labels/part-*"))
    return took_s, (written[-1] - written[0]) / max(1, len(written) - 1)


def print_beside(runs: int) -> None:
    """The start of each engine, by a run on few pictures, and its rate, by the times of parts."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "photos").mkdir()
        pictures = copies(root / "photos", TIMES)
        (root / "few").write_text("".join(f"photos/{one.name}\n" for one in pictures[:FEW]))
        start_s, rates = dict[str, list[float]](), dict[str, list[float]]()
        size = ["--part-size", str(SMALL_PART)]
        for _ in range(runs):
            for name, words in ENGINES.items():
                start_s.setdefault(name, []).append(run_s(root, ["--from-file", "few", *words])[0])
                part_s = run_s(root, ["photos", *size, *words])[1]
                rates.setdefault(name, []).append(SMALL_PART / part_s)
    print(f"| {len(pictures)} pictures | start, s | images/s | to local |\n|---|---|---|---|")
    for name, found in rates.items():
        ratio = median(one / local for one, local in zip(found, rates["local"], strict=True))
        print(f"| {name} | {median(start_s[name]):.1f} | {median(found):.0f} | {ratio:.2f} |")
    print({name: [round(one) for one in found] for name, found in rates.items()})


def print_driver() -> None:
    """CPU time of the process that plans and writes, with workers that need none."""

    def make(format_: PartFormat, parts: Iterable[tuple[int, list[Entry]]]) -> Iterator[MadePart]:
        for number, entries in parts:
            # What Ray does with them here, and with the answer there as well.
            pickle.dumps(entries)
            facts = [
                fact._replace(uri=entry.uri, size=entry.size, version=entry.version)
                for fact, entry in zip(made.facts * EVERY, entries, strict=False)
            ]
            part = MadePart(number, content, facts, made.outcomes * len(entries))
            yield pickle.loads(pickle.dumps(part))

    with TemporaryDirectory() as folder, pictell.load() as classifier, job(Path(folder)) as opened:
        entry = to_entry(str(copies(Path(folder), 1)[0]))
        made = make_part(classifier, 1, [entry], Choice(), table_format("jsonl"))
        content = made.content * EVERY
        entries = [entry._replace(uri=f"{entry.uri}{one}") for one in range(DRIVER_PICTURES)]
        started, seen = time.process_time(), list[Result]()
        opened.plan(entries)
        opened.run_elsewhere(make, EVERY, seen.append)
        took_s = time.process_time() - started
    print(f"{1e6 * took_s / len(seen):.0f} microseconds of CPU time a picture, ", end="")
    print(f"whose row has {len(made.content)} bytes")


def print_kills(seed: int) -> None:
    """Kill a run at random moments and go on; the end is that of an undisturbed run."""
    chance = random.Random(seed)
    with TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "photos").mkdir()
        pictures = copies(root / "photos", 18)
        command = [PICTELL, "batch", "photos", "--part-size", "20", "--output"]
        subprocess.run([*command, "whole"], cwd=root, check=True, stdout=subprocess.DEVNULL)
        command = [*command, "labels", "--engine", "ray"]
        rows, start_s = list[int](), run_s(root, [str(pictures[0]), *RAY])[0]
        for _ in range(ROUNDS):
            with subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL) as run:
                try:
                    # Before Ray has started, nothing could be lost.
                    run.wait(chance.uniform(start_s - 1, start_s + 2))
                except subprocess.TimeoutExpired:
                    run.kill()
            rows.append(len(rows_of(root / "labels")))
        subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL)
        end, whole = (
            sorted(rows_of(root / name), key=lambda row: str(row["uri"]))
            for name in ("labels", "whole")
        )
        if end != whole or len({one["uri"] for one in end}) != len(end):
            raise RuntimeError("the table is not that of an undisturbed run")
    print(f"{ROUNDS} kills, rows after each: {rows}; then {len(end)} rows, as undisturbed")


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    tables: dict[str, Callable[[], None]] = {
        "beside": lambda: print_beside(options.runs),
        "driver": print_driver,
        "kills": lambda: print_kills(options.seed),
    }
    if options.what not in tables:
        parser.error(f"give one of {', '.join(tables)}")
    print(f"{available_cores()} cores", flush=True)
    tables[options.what]()


if __name__ == "__main__":
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    main()
