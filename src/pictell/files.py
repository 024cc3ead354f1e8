"""Files and folders that come whole or not at all: made beside their place, then moved there.

Whoever looks finds what was there before or all that is there now. Programs that write the same at
once do not disturb each other, for each has a draft of its own; what the last one wrote stays. Only
one that is killed leaves its draft behind: ``.draft-`` and a random number.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_file(path: Path, content: bytes) -> None:
    """Write a file, instead of one there may be, whose permissions stay. Raises ``OSError``.

    Links are followed. A device or a pipe has no place to be kept: it is written to as it is.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    place = Path(os.path.realpath(path))
    draft = _draft_beside(place)
    try:
        draft.write_bytes(content)
        if place.exists():
            draft.chmod(stat.S_IMODE(place.stat().st_mode))
        draft.replace(place)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder to be filled, which then becomes the one at ``folder``; gone after any error.

    Raises ``OSError``, in the end too where something else has come to that place meanwhile.
    """
    draft = _draft_beside(folder)
    draft.mkdir(parents=True)
    try:
        yield draft
        draft.rename(folder)
    finally:
        # Loaded for the few who make folders.
        from shutil import rmtree

        rmtree(draft, ignore_errors=True)


def _draft_beside(path: Path) -> Path:
    # A name of its own, for one that goes on from the path's might be too long.
    return path.with_name(f".draft-{os.urandom(8).hex()}")
