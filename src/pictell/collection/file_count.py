"""How many files a run changed, beside its journal, which says only what it was about to do."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

NAME = "changed-files"


def read_count(folder: Path) -> int | None:
    """The number for the run with a folder; ``None`` if the run was stopped before its end."""
    with suppress(OSError, ValueError):
        return int((folder / NAME).read_bytes())
    return None


def write_count(folder: Path, n_files: int) -> None:
    """Record the number. If that fails, the run only seems to be stopped."""
    with suppress(OSError):
        (folder / NAME).write_text(str(n_files))
