"""Whether a file is still the one that was read, without reading it again."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import NamedTuple

# A file that changed so shortly before it was read may have changed again since, without another
# time: file systems count in steps of up to 2 s (FAT). Git calls such a file racily clean.
RACY_NS = 2_000_000_000
_STAMP = struct.Struct("<QqqQ")


class FileState(NamedTuple):
    """The absolute ``path`` of a file, as the system has it, and what changes when the file does.

    ``stamp`` is its size, the times of its last change and of that of its entry, and its inode.
    The latter two tell apart files that were put in place with the same time.
    """

    path: bytes
    size: int
    mtime_ns: int
    stamp: bytes

    def is_settled(self, read_ns: int) -> bool:
        """Whether a file that was read at ``read_ns`` is unchanged as long as its stamp is."""
        return self.mtime_ns + RACY_NS <= read_ns


def find_state(path: Path) -> FileState | None:
    """The state of a file; links are followed. ``None`` if the system does not say it."""
    try:
        status = os.stat(path)  # noqa: PTH116
        size, mtime_ns = status.st_size, status.st_mtime_ns
        stamp = _STAMP.pack(size, mtime_ns, status.st_ctime_ns, status.st_ino)
        return FileState(os.fsencode(os.path.abspath(path)), size, mtime_ns, stamp)  # noqa: PTH100
    except (OSError, ValueError, struct.error):
        return None


def with_digest(state: FileState, digest: str) -> bytes:
    """The row of a file whose content has this SHA-256."""
    return state.stamp + bytes.fromhex(digest)


def digest_in(row: bytes, state: FileState) -> str:
    """The SHA-256 in a row, in hexadecimal; empty if the file is not as it was then."""
    size = len(state.stamp)
    return row[size:].hex() if row[:size] == state.stamp else ""
