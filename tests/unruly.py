"""Tasks for ``Processes``: many crash, hang or take too much."""

import ctypes
import os
import re
import sys
import time
from pathlib import Path

from pictell.errors import PictureTooLargeError

kept: list[bytes] = []


def double(number: int) -> int:
    return 2 * number


def own_process(seconds: float = 0) -> int:
    time.sleep(seconds)
    return os.getpid()


def leave(status: int) -> None:
    os._exit(status)


def crash() -> None:
    ctypes.string_at(0)


def crash_if(number: int) -> int:
    if number % 7 == 3:
        os._exit(1)
    return number


def hang() -> None:
    time.sleep(1000)


def hang_in_c() -> None:
    """The regular expression holds the interpreter's lock and takes years."""
    re.match(r"(a+)+$", "a" * 60 + "b")


def tell_and_hang(path: str, in_c: bool) -> None:
    Path(path).write_text(str(os.getpid()))
    if in_c:
        hang_in_c()
    hang()


def take(n_bytes: int) -> int:
    return len(bytearray(n_bytes))


def keep(n_bytes: int) -> None:
    kept.append(b"x" * n_bytes)


def give_a_function() -> object:
    return lambda: None


def give_an_object() -> object:
    return Path("not plain data")


def speak() -> str:
    print("from Python")
    os.write(1, b"from C")
    os.write(2, b"to stderr")
    print("more", file=sys.stderr, flush=True)
    return "said"


def refuse() -> None:
    raise PictureTooLargeError("too large", width=3, height=4, max_pixels=5)


def fail() -> None:
    raise LookupError("a bug")


def size_of(content: bytes) -> int:
    return len(content)


def fill(n_bytes: int) -> bytes:
    return b"x" * n_bytes


def loaded_modules() -> list[str]:
    return sorted(sys.modules)
