"""What a file had when it was read, and whether it is still the same, without reading it again."""

from __future__ import annotations

import os
import struct
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from pictell.collection.scores import FACTS_BYTES, Facts, pack, unpack

# A file that changed so shortly before it was read may have changed again since, without another
# time: file systems count in steps of up to 2 s (FAT). Git calls such a file racily clean.
RACY_NS = 2_000_000_000
_STAMP = struct.Struct("<QqqQ")
# Where the parts of a row end.
_STAMP_END = _STAMP.size
_DIGEST_END = _STAMP_END + 32
_FACTS_END = _DIGEST_END + FACTS_BYTES


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
        # Another way to write the same path is another file, which is only read again.
        absolute = path if path.is_absolute() else os.path.join(os.getcwd(), path)  # noqa: PTH109, PTH118
        return FileState(os.fsencode(absolute), size, mtime_ns, stamp)
    except (OSError, ValueError, struct.error):
        return None


class Known(NamedTuple):
    """What is known of the picture in a file.

    ``digest`` is the SHA-256 of its content in hexadecimal, ``taken`` when the camera took it, if
    it says so.
    """

    digest: str
    taken: datetime | None
    facts: Facts


def write_row(state: FileState, known: Known) -> bytes:
    """The row of a file."""
    date = "" if known.taken is None else known.taken.isoformat()
    return state.stamp + bytes.fromhex(known.digest) + pack(known.facts) + date.encode()


def read_row(row: bytes | None, state: FileState) -> Known | None:
    """What the row of a file says; ``None`` if the file is not as it was then."""
    if row is None or row[:_STAMP_END] != state.stamp:
        return None
    date = datetime.fromisoformat(row[_FACTS_END:].decode()) if len(row) > _FACTS_END else None
    digest, facts = row[_STAMP_END:_DIGEST_END].hex(), unpack(row[_DIGEST_END:_FACTS_END])
    return Known(digest, date, facts)
