"""``pictell serve`` against what people would write, and against decode + run alone.

    python benchmarks/serve.py compare [--peers VENV]   # requests a second and latency
    python benchmarks/serve.py memory                   # of the idle server and its decoder

``VENV`` is an environment with fastapi, python-multipart, uvloop, httptools, litserve, onnxruntime
and pillow. The client is wrk, on the same machine. Each prints tables in Markdown, which
``benchmarks/serve.md`` has.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from PIL import Image

from pictell.processors import available_cores
from throughput import MODEL, limit_cpu_s, paths

HERE = Path(__file__).resolve().parent
PICTELL = str(Path(sys.executable).with_name("pictell"))
CONNECTIONS = (1, 8, 64)
START_S = 60.0
LIMIT_TIMES = 200


@dataclass(frozen=True)
class Load:
    """What wrk measured; latencies in milliseconds. ``client_cpu_s`` is wrk's own."""

    requests: int
    s: float
    bad: int
    p50: float
    p95: float
    p99: float
    client_cpu_s: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.s


def servers(peers: str | None) -> dict[str, tuple[list[str], str]]:
    """The command and the path of each server, with ``{port}`` in the command."""
    found = {
        "pictell": ([PICTELL, "serve", "--port", "{port}"], "/v1/classify"),
        "pictell --no-isolate": (
            [PICTELL, "serve", "--no-isolate", "--port", "{port}"],
            "/v1/classify",
        ),
    }
    if peers:
        python = str(Path(peers) / "bin" / "python")
        fastapi, litserve = str(HERE / "serve_fastapi.py"), str(HERE / "serve_litserve.py")
        cores = str(available_cores())
        found |= {
            "FastAPI": ([python, fastapi, str(MODEL), "{port}"], "/classify"),
            "LitServe": ([python, litserve, str(MODEL), "{port}", "1", cores], "/classify"),
            "LitServe, batches of 8": (
                [python, litserve, str(MODEL), "{port}", "8", cores],
                "/classify",
            ),
        }
    return found


@contextmanager
def running(command: Sequence[str]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A server that listens, its process and its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [word.format(port=port) for word in command]
    process = subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        wait_for(port)
        yield process, port
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        # LitServe leaves processes behind.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(port: int) -> None:
    """Wait until something answers on the port."""
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise TimeoutError(f"nothing answers on port {port}")


def wrk(url: str, picture: Path, connections: int, seconds: int) -> Load:
    """Load a server with one picture."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.run(
        [*command, "-s", str(HERE / "serve.lua"), url],
        env={**os.environ, "PICTURE": str(picture)},
        check=True,
        capture_output=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Load(**json.loads(process.stdout.splitlines()[-1]), client_cpu_s=cpu_s)


def pictures(folder: Path) -> dict[str, Path]:
    """A photo of about 500 pixels a side, and one of 12 megapixels."""
    small = paths()[100]
    large = folder / "large.jpg"
    with Image.open(small) as image:
        image.convert("RGB").resize((4000, 3000)).save(large, "JPEG", quality=90)
    return {"500 pixels": small, "12 megapixels": large}


def compare(peers: str | None, rounds: int, seconds: int) -> None:
    """All servers by turns; medians of the rounds."""
    with TemporaryDirectory() as folder:
        for name, picture in pictures(Path(folder)).items():
            loads: dict[tuple[str, int], list[Load]] = {}
            limits = list[float]()
            for _ in range(rounds):
                limits.append(busy_cpu_s(picture))
                load_all(peers, picture, seconds, loads)
            cpu_s = median(limits)
            rate = available_cores() / cpu_s
            print(f"\n{name}: decode + run take {cpu_s * 1000:.1f} ms, limit {rate:.0f}/s\n")
            print("| server | connections | requests/s | of the limit | p50 | p95 | p99 | failed |")
            print("|---" * 8 + "|")
            for (server, connections), found in loads.items():
                print_row(server, connections, found, cpu_s)


def busy_cpu_s(picture: Path) -> float:
    """CPU seconds to decode and run a picture, while every core does that and nothing else."""
    command = [sys.executable, __file__, "limit", "--picture", str(picture)]
    cores = range(available_cores())
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in cores]
    return sum(float(one.communicate()[0]) for one in processes) / len(processes)


def load_all(
    peers: str | None, picture: Path, seconds: int, loads: dict[tuple[str, int], list[Load]]
) -> None:
    """Add the load of each server with each number of connections."""
    for server, (command, path) in servers(peers).items():
        with running(command) as (_, port):
            url = f"http://127.0.0.1:{port}{path}"
            wrk(url, picture, 8, 2)
            for connections in CONNECTIONS:
                load = wrk(url, picture, connections, seconds)
                loads.setdefault((server, connections), []).append(load)


def print_row(server: str, connections: int, loads: Sequence[Load], cpu_s: float) -> None:
    """The limit is what the cores could do in the time that the client left them."""
    cores = available_cores()
    of_limit = median(one.requests * cpu_s / (cores * one.s - one.client_cpu_s) for one in loads)
    figures = [median(getattr(one, name) for one in loads) for name in ("p50", "p95", "p99")]
    latencies = " | ".join(f"{value:.0f}" for value in figures)
    rate, bad = median(one.rate for one in loads), sum(one.bad for one in loads)
    shown = f"{of_limit:.2f}" if connections > 1 else ""
    print(f"| {server} | {connections} | {rate:.0f} | {shown} | {latencies} | {bad} |", flush=True)


def tree(pid: int) -> list[int]:
    """A process and those that it has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(found for child in children for found in tree(int(child)))]


def memory_mb(pid: int) -> list[float]:
    """The memory of each process of a tree; what they share is divided among them (PSS)."""
    rollups = (Path(f"/proc/{one}/smaps_rollup").read_text() for one in tree(pid))
    return [int(text.split("Pss:")[1].split()[0]) / 1024 for text in rollups]


def print_memory() -> None:
    """The server at rest: its own process, and one that decodes."""
    with running([PICTELL, "serve", "--port", "{port}"]) as (process, _):
        time.sleep(2)
        found = memory_mb(process.pid)
    print(f"{sum(found):.0f} MB: " + " + ".join(f"{one:.0f}" for one in found))


def main() -> None:
    """Run what the first word names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["compare", "limit", "memory"])
    parser.add_argument("--picture", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--peers", metavar="VENV")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=8)
    options = parser.parse_args()
    if options.what == "compare":
        compare(options.peers, options.rounds, options.seconds)
    elif options.what == "limit":
        print(limit_cpu_s([options.picture] * LIMIT_TIMES))
    else:
        print_memory()


if __name__ == "__main__":
    main()
