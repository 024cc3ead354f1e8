"""Reads FlatBuffers and checks every offset: https://flatbuffers.dev/internals/

A malicious file can refer to the same bytes many times. So the vectors read together are no longer
than the file, and no more than ``MAX_TABLES`` tables are read. Google's package for Python has no
such checks. All functions raise ``InvalidModelError``.
"""

from __future__ import annotations

import struct
from typing import Any

from pictell.errors import InvalidModelError

OFFSET_BYTES = 4
# A vtable begins with its own size and that of its table; then it has an entry for each slot.
VTABLE_HEAD_BYTES = 4
ENTRY_BYTES = 2
# Large graphs have a tenth of this.
MAX_TABLES = 200_000


class Buffer:
    """The bytes of one file, and how many of them may still be read."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._bytes_left = len(content)
        self._tables_left = MAX_TABLES

    def unpack(self, layout: str, at: int) -> tuple[Any, ...]:
        """The numbers at a byte position; ``layout`` is in ``struct``'s notation."""
        layout = f"<{layout}"
        if not 0 <= at <= len(self._content) - struct.calcsize(layout):
            raise damaged()
        return struct.unpack_from(layout, self._content, at)

    def follow(self, at: int) -> int:
        """The position that the offset at this position points to."""
        (offset,) = self.unpack("I", at)
        return at + int(offset)

    def vector(self, at: int, element_bytes: int) -> tuple[int, int]:
        """The position of the first element of a vector, and the number of elements."""
        (length,) = self.unpack("I", at)
        self._bytes_left -= length * element_bytes
        start = at + OFFSET_BYTES
        if self._bytes_left < 0 or start + length * element_bytes > len(self._content):
            raise damaged()
        return start, length

    def table(self, at: int) -> Table:
        """The table that the offset at this position points to."""
        self._tables_left -= 1
        if self._tables_left < 0:
            raise damaged()
        return Table(self, self.follow(at))


class Table:
    """One table; ``slot`` counts the fields of its schema from 0."""

    def __init__(self, buffer: Buffer, at: int) -> None:
        self._buffer = buffer
        self._at = at
        self._vtable = at - buffer.unpack("i", at)[0]
        (self._vtable_bytes,) = buffer.unpack("H", self._vtable)

    def number(self, slot: int, layout: str, default: int = 0) -> Any:
        """A number; ``layout`` is its type in ``struct``'s notation."""
        at = self._position(slot)
        return default if at is None else self._buffer.unpack(layout, at)[0]

    def numbers(self, slot: int, layout: str) -> tuple[Any, ...]:
        """A vector of numbers, empty if it is missing."""
        start, length = self._vector(slot, struct.calcsize(f"<{layout}"))
        return self._buffer.unpack(f"{length}{layout}", start)

    def length(self, slot: int) -> int:
        """The length of a vector of bytes, all of which are in the file."""
        return self._vector(slot, 1)[1]

    def content(self, slot: int) -> bytes:
        """A vector of bytes, empty if it is missing."""
        start, length = self._vector(slot, 1)
        (content,) = self._buffer.unpack(f"{length}s", start)
        return bytes(content)

    def text(self, slot: int) -> str:
        """A string, empty if it is missing."""
        try:
            return str(self.content(slot), "utf-8")
        except UnicodeDecodeError as error:
            raise damaged() from error

    def table(self, slot: int) -> Table | None:
        """A table, or ``None``."""
        at = self._position(slot)
        return None if at is None else self._buffer.table(at)

    def tables(self, slot: int) -> list[Table]:
        """A vector of tables, empty if it is missing."""
        start, length = self._vector(slot, OFFSET_BYTES)
        return [self._buffer.table(start + index * OFFSET_BYTES) for index in range(length)]

    def _vector(self, slot: int, element_bytes: int) -> tuple[int, int]:
        at = self._position(slot)
        return (0, 0) if at is None else self._buffer.vector(self._buffer.follow(at), element_bytes)

    def _position(self, slot: int) -> int | None:
        entry = VTABLE_HEAD_BYTES + slot * ENTRY_BYTES
        if entry + ENTRY_BYTES > self._vtable_bytes:
            return None
        (offset,) = self._buffer.unpack("H", self._vtable + entry)
        return self._at + offset if offset else None


def damaged() -> InvalidModelError:
    """The error for a file with offsets that lead nowhere."""
    return InvalidModelError("the model is damaged or cut short")
