"""What an engine does besides when it starts, kept from those who did not ask for it."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any

STDERR = 2
# Lines as LiteRT and absl's logging write them; an error of which they tell is raised as well.
NOTICE = re.compile(rb"INFO: |[IWE]\d{4} |WARNING: All log messages before absl::InitializeLog\(\)")
_one_at_a_time = Lock()


@contextmanager
def without_notices() -> Iterator[None]:
    """Keep an engine's notices from stderr; whatever else is written there comes at the end.

    For engines whose own settings cannot silence them. The file descriptor belongs to the whole
    program, so this is for the moment in which an engine starts, and never for a run.
    """
    with _one_at_a_time, tempfile.TemporaryFile() as said:
        try:
            stderr = os.dup(STDERR)
        except OSError:
            # A program without stderr: nobody to keep them from.
            yield
            return
        os.dup2(said.fileno(), STDERR)
        try:
            yield
        finally:
            os.dup2(stderr, STDERR)
            os.close(stderr)
            said.seek(0)
            with suppress(OSError):
                os.write(STDERR, b"".join(line for line in said if not NOTICE.match(line)))


@contextmanager
def absent(package: str) -> Iterator[None]:
    """Keep an engine from loading a package that it can do without."""
    nothing = object()
    kept: Any = sys.modules.get(package, nothing)
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]
        if kept is not nothing:
            sys.modules[package] = kept


@contextmanager
def settings_elsewhere(variable: str) -> Iterator[None]:
    """Keep an engine from writing settings into the home folder.

    ``variable`` of the environment tells it where to; what the user set stays.
    """
    if variable in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ[variable] = folder
        try:
            yield
        finally:
            del os.environ[variable]
