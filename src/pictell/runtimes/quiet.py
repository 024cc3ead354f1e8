"""Side effects of runtimes that start: notices on stderr, packages, settings in the home folder."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Thread
from typing import Any

STDERR = 2
# The notices that TensorFlow, OpenVINO and LiteRT write when they start, and that no setting turns
# off. The first two are those of absl's logging before its initialisation, when its date is 0.
# Errors among them are raised as exceptions as well.
NOTICE = re.compile(
    rb"[IWE]0000 00:00:\d+\.\d+ +\d+ \S+\] "
    rb"|WARNING: All log messages before absl::InitializeLog\(\) "
    rb"|(INFO: )?Created TensorFlow Lite "
)
CHUNK_BYTES = 64 * 1024
# The reader ends when all copies of the pipe are closed. A child process that another thread starts
# meanwhile keeps a copy: the reader passes its lines on, but the runtime waits no longer than this.
DRAIN_S = 0.5
_one_at_a_time = Lock()


@contextmanager
def without_notices() -> Iterator[None]:
    """Keep a runtime's notices from stderr. All other lines are passed on at once.

    File descriptor 2 belongs to the whole process, so use this only while a runtime starts.
    """
    with _one_at_a_time:
        try:
            stderr = os.dup(STDERR)
        except OSError:
            # The process has no stderr.
            yield
            return
        reading, writing = os.pipe()
        os.dup2(writing, STDERR)
        os.close(writing)
        reader = Thread(target=_pass_on, args=(reading, stderr), daemon=True)
        reader.start()
        try:
            yield
        finally:
            os.dup2(stderr, STDERR)
            reader.join(DRAIN_S)


def _pass_on(reading: int, stderr: int) -> None:
    """Copy lines without notices until the pipe is closed. Closes both descriptors."""
    with open(reading, "rb", buffering=0) as pipe, open(stderr, "wb", buffering=0) as out:
        rest = b""
        while chunk := pipe.read(CHUNK_BYTES):
            lines = (rest + chunk).splitlines(keepends=True)
            rest = b"" if lines[-1].endswith((b"\n", b"\r")) else lines.pop()
            _write(out, lines)
        _write(out, [rest])


def _write(out: Any, lines: list[bytes]) -> None:
    text = memoryview(b"".join(line for line in lines if not NOTICE.match(line)))
    # After an error, such as a closed stderr, the reader continues, so that no writer blocks.
    with suppress(OSError):
        while text:
            text = text[out.write(text) :]


@contextmanager
def without_package(package: str) -> Iterator[None]:
    """Hide a package from a runtime that works without it."""
    kept = {package: sys.modules[package]} if package in sys.modules else {}
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]
        sys.modules.update(kept)


@contextmanager
def temporary_settings(variable: str) -> Iterator[None]:
    """Let a runtime write its settings into a temporary folder instead of the home folder.

    ``variable`` is the environment variable that names the folder. If it is set already, nothing
    changes.
    """
    with tempfile.TemporaryDirectory() as folder:
        used = os.environ.setdefault(variable, folder)
        try:
            yield
        finally:
            if used == folder:
                del os.environ[variable]
