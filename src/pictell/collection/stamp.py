"""Whether a file is still the one that it was."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import msgspec


class Stamp(msgspec.Struct, frozen=True):
    """What the system says of a file; it is the same file with the same content while it holds."""

    size: int
    mtime_ns: int
    inode: int
    device: int
    mode: int

    @classmethod
    def of(cls, stat: os.stat_result) -> Stamp:
        """The stamp of a file."""
        return cls(stat.st_size, stat.st_mtime_ns, stat.st_ino, stat.st_dev, stat.st_mode)


def stat_of(path: Path) -> os.stat_result | None:
    """What is at a path, without following a link; ``None`` for nothing. Raises ``OSError``."""
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def digest_of(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal. Raises ``OSError``."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def changed(path: Path) -> OSError:
    """The error for a file that another program changes while pictell works with it."""
    return OSError(errno.EBUSY, "the file changes at this moment", str(path))
