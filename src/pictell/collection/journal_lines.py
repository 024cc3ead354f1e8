"""The lines of a journal.

A line is JSON and its CRC-32: a path with a wrong letter could be that of another file.
"""

from __future__ import annotations

from datetime import datetime
from zlib import crc32

import msgspec

from pictell.collection.stamp import Stamp


class Header(msgspec.Struct, frozen=True, tag="run"):
    """Which run it is; ``words`` is its command line, ``time`` is in UTC."""

    command: str
    words: list[bytes]
    time: datetime
    folder: bytes
    version: str


class Entry(msgspec.Struct, frozen=True, tag="step", omit_defaults=True):
    """A step that is about to be made. All paths are absolute; nothing is there but ``before``.

    ``before`` is the stamp of the source, or of the target that is written or removed; ``None`` if
    there is no such target. ``digest_before`` and ``digest_after`` are the SHA-256 of what a target
    that is written or removed has. ``draft`` is the file that becomes the target. ``folders`` did
    not exist, the highest one first.
    """

    number: int
    action: str
    target: bytes
    source: bytes = b""
    draft: bytes = b""
    before: Stamp | None = None
    digest_before: str = ""
    digest_after: str = ""
    folders: list[bytes] = []


class Placed(msgspec.Struct, frozen=True, tag="placed"):
    """The step copied a file to another file system, and is about to remove the source."""

    number: int
    stamp: Stamp
    digest: str


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The step failed and changed nothing."""

    number: int


Line = Header | Entry | Placed | Failed


def encode(line: Line) -> bytes:
    """The bytes of a line, with their end."""
    content = msgspec.json.encode(line)
    return content + b" %08x\n" % crc32(content)


def decode(line: bytes) -> Line:
    """The line in some bytes without their end. Raises ``ValueError``, which says why."""
    content, _, checksum = line.rpartition(b" ")
    if checksum != b"%08x" % crc32(content):
        raise ValueError("it is damaged")
    try:
        found: Line = msgspec.json.decode(content, type=Line)
    except msgspec.MsgspecError as error:
        raise ValueError("it is of another version of pictell") from error
    return found
