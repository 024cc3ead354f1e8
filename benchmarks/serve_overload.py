"""``pictell serve`` with twice as many requests as it can answer, and its health meanwhile.

    python benchmarks/serve_overload.py [--minutes 10] [--max-queue 128]

The client is hey, on the same machine.
"""

from __future__ import annotations

import argparse
import subprocess
import threading
import time
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from csv import DictReader
from pathlib import Path

from serve import PICTELL, memory_mb, running
from throughput import paths

# How many programs send the requests of a rate.
SPREAD = 20


def overload(minutes: float, max_queue: int) -> None:
    """Twice as many requests as the server can answer, and a look at its health meanwhile."""
    picture = paths()[100]
    command = [PICTELL, "serve", "--max-queue", str(max_queue), "--port", "{port}"]
    with running(command) as (process, port):
        url = f"http://127.0.0.1:{port}/v1/classify"
        alone = hey(url, picture, seconds=10, connections=1)
        most = hey(url, picture, seconds=10, connections=8)
        rate = 2 * most.count("200") / 10
        before = sum(memory_mb(process.pid))
        with ThreadPoolExecutor(1) as pool:
            stop = threading.Event()
            health = pool.submit(watch_health, port, stop)
            found = hey(url, picture, minutes * 60, connections=100, rate=rate)
            stop.set()
        after = sum(memory_mb(process.pid))
        slowest = sorted(health.result())
        statuses = ", ".join(f"{n} x {status}" for status, n in sorted(found.statuses().items()))
        print(f"| | |\n|---|---|\n| offered | {rate:.0f} requests/s |")
        print(f"| answers | {statuses} |")
        print(f"| p99 alone | {alone.p99_ms():.0f} ms |")
        print(f"| p99 of those accepted | {found.p99_ms():.0f} ms |")
        print(f"| memory | {before:.0f} MB, then {after:.0f} MB |")
        print(f"| /healthz, p99 | {1000 * slowest[int(0.99 * len(slowest))]:.0f} ms |")


class Answers:
    """What hey noted of each request."""

    def __init__(self, text: str) -> None:
        self._rows = [
            (row["status-code"], float(row["response-time"]))
            for row in DictReader(text.splitlines())
        ]

    def statuses(self) -> Counter[str]:
        """How many answers have each status."""
        return Counter(status for status, _ in self._rows)

    def count(self, status: str) -> int:
        """How many answers have a status."""
        return self.statuses()[status]

    def p99_ms(self) -> float:
        """The time that 99 of 100 good answers take, in milliseconds."""
        times = sorted(seconds for status, seconds in self._rows if status == "200")
        return 1000 * times[int(0.99 * len(times))]


def hey(
    url: str, picture: Path, seconds: float, connections: int, rate: float | None = None
) -> Answers:
    """Load a server with one picture, at most ``rate`` requests a second.

    With a rate, all connections of hey send at the same moment, so several of them start one after
    another.
    """
    command = ["hey", "-z", f"{seconds:.0f}s", "-o", "csv", "-t", "30"]
    command += ["-m", "POST", "-T", "image/jpeg", "-D", str(picture), url]
    processes = list[subprocess.Popen[str]]()
    for _ in range(SPREAD if rate else 1):
        share = connections // SPREAD if rate else connections
        paced = ["-q", f"{rate / connections:.3f}"] if rate else []
        words = [command[0], "-c", str(share), *paced, *command[1:]]
        processes.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True))
        time.sleep(connections / rate / SPREAD if rate else 0)
    with ThreadPoolExecutor(len(processes)) as pool:
        outputs = [output for output, _ in pool.map(lambda one: one.communicate(), processes)]
    # Each has a heading of its own.
    head = outputs[0].splitlines()[0]
    return Answers("\n".join([head, *(row for text in outputs for row in text.splitlines()[1:])]))


def watch_health(port: int, stop: threading.Event) -> list[float]:
    """The seconds that each look at ``/healthz`` takes."""
    times = list[float]()
    while not stop.wait(0.05):
        started = time.perf_counter()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=30) as answer:
            answer.read()
        times.append(time.perf_counter() - started)
    return times


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--max-queue", type=int, default=128)
    options = parser.parse_args()
    overload(options.minutes, options.max_queue)


if __name__ == "__main__":
    main()
