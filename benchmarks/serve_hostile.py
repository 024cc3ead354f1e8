"""``pictell serve`` under requests that are wrong in many ways, from 64 connections at a time.

python benchmarks/serve_hostile.py [--requests 10000] [--seed 1]
"""

from __future__ import annotations

import argparse
import io
import random
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from PIL import Image

from serve import PICTELL, memory_mb, running
from throughput import paths


def hostile(requests: int, seed: int) -> None:
    """Requests that are wrong in many ways, from 64 connections at a time."""
    # It takes seconds to make, which the server would count.
    bomb_file()
    short = ["--head-timeout", "2", "--body-timeout", "2"]
    with running([PICTELL, "serve", *short, "--port", "{port}"]) as (process, port):
        for _ in range(20):
            attack(port, random.Random(0))
        time.sleep(3)
        before = sum(memory_mb(process.pid))
        with ThreadPoolExecutor(64) as pool:
            seeds = (random.Random(f"{seed} {number}") for number in range(requests))
            outcomes = Counter(pool.map(lambda one: attack(port, one), seeds))
        time.sleep(3)
        after = sum(memory_mb(process.pid))
        alive = process.poll() is None
    print("| attack | answer | times |\n|---|---|---|")
    for (name, answer), times in sorted(outcomes.items()):
        print(f"| {name} | {answer} | {times} |")
    print(f"\nThe server lives: {alive}. Memory: {before:.0f} MB, then {after:.0f} MB.")


def attack(port: int, chance: random.Random) -> tuple[str, str]:
    """One hostile request: its name, and the status of the answer or ``closed``."""
    name, make = chance.choice(list(ATTACKS.items()))
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        try:
            for piece in make(chance):
                connection.sendall(piece)
            answer = connection.recv(4096)
        except ConnectionError:
            answer = b""
    return name, answer[9:12].decode() or "closed"


def _post(body: bytes, *headers: str, length: int | None = None) -> bytes:
    head = ["POST /v1/classify HTTP/1.1", "Host: localhost", "Connection: close", *headers]
    head.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*head, "", ""]).encode() + body


def _damaged(chance: random.Random) -> Iterator[bytes]:
    """A picture with bytes of another value."""
    picture = bytearray(chance.choice(paths()).read_bytes())
    for _ in range(chance.randint(1, 200)):
        picture[chance.randrange(len(picture))] = chance.randrange(256)
    # Other results than an error are fine here, as most damage is invisible to a decoder.
    yield _post(bytes(picture[: chance.randrange(1, 2000)]))


@cache
def bomb_file() -> bytes:
    """A small file with a very large picture."""
    file = io.BytesIO()
    Image.new("1", (17_000, 17_000)).save(file, "PNG")
    return file.getvalue()


def _bomb(chance: random.Random) -> Iterator[bytes]:
    yield _post(bomb_file())


def _slow_head(chance: random.Random) -> Iterator[bytes]:
    yield b"POST /v1/classify HTTP/1.1\r\nHost: localhost\r\n"
    for _ in range(3):
        time.sleep(0.2)
        yield b"X-Slow: 1\r\n"


def _form(chance: random.Random) -> Iterator[bytes]:
    part = b"--b\r\nContent-Disposition: form-data; name=image\r\n\r\n1\r\n"
    yield _post(part * 1000, "Content-Type: multipart/form-data; boundary=b")


ATTACKS: dict[str, Callable[[random.Random], Iterator[bytes]]] = {
    "bytes": lambda chance: iter([chance.randbytes(500)]),
    "broken picture": _damaged,
    "picture bomb": _bomb,
    "nothing": lambda chance: iter([_post(b"")]),
    "length too long": lambda chance: iter([_post(b"abc", length=100)]),
    "length too large": lambda chance: iter([_post(b"", length=10**12)]),
    "length below 0": lambda chance: iter([_post(b"", length=-1)]),
    "long header": lambda chance: iter([_post(b"a", "X-Long: " + "a" * 200_000)]),
    "many headers": lambda chance: iter([_post(b"a", *["X-Many: a"] * 20_000)]),
    "slow head": _slow_head,
    "many parts": _form,
    "deep JSON": lambda chance: iter([_post(b"[" * 100_000, "Content-Type: application/json")]),
    "chunk of wrong size": lambda chance: iter(
        [b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"]
    ),
}


def main() -> None:
    """Print how each attack was answered."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    hostile(options.requests, options.seed)


if __name__ == "__main__":
    main()
