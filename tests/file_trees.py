"""What is below a folder, to compare it bit for bit."""

import hashlib
import os
import stat
from pathlib import Path
from typing import NamedTuple


class Found(NamedTuple):
    mode: int
    content: str
    mtime_ns: int


def tree(folder: Path) -> dict[str, Found]:
    """Each file, link and folder by its path: its kind and permissions, content and time.

    Folders have no time here: no change of a file below them can keep it.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        stats = path.lstat()
        if stat.S_ISDIR(stats.st_mode):
            one = Found(stats.st_mode, "", 0)
        elif stat.S_ISLNK(stats.st_mode):
            one = Found(stats.st_mode, os.fsdecode(path.readlink()), stats.st_mtime_ns)
        elif not stat.S_ISREG(stats.st_mode):
            one = Found(stats.st_mode, "", stats.st_mtime_ns)
        else:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            one = Found(stats.st_mode, digest, stats.st_mtime_ns)
        found[str(path.relative_to(folder))] = one
    return found
