"""Reads FlatBuffers and checks every offset: https://flatbuffers.dev/internals/

A malicious file can refer to the same bytes many times. So the vectors read together are no longer
than the file, and no more than ``MAX_TABLES`` tables are read.
"""

from __future__ import annotations

import struct

from pictell.errors import InvalidModelError

OFFSET = struct.Struct("<I")
SIGNED_OFFSET = struct.Struct("<i")
ENTRY = struct.Struct("<H")
# A vtable begins with its own size and that of its table, in bytes.
VTABLE_HEAD = 4
# Large graphs have a tenth of this.
MAX_TABLES = 200_000


class Buffer:
    """The bytes of one file, and how many of them may still be read."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._bytes_left = len(content)
        self._tables_left = MAX_TABLES

    def root(self) -> Table:
        """The root table. Raises ``InvalidModelError``, as all readers here do."""
        return self.table(self.follow(0))

    def number(self, layout: struct.Struct, at: int) -> float:
        """One number at a byte position."""
        if not 0 <= at <= len(self.content) - layout.size:
            raise damaged()
        number: float = layout.unpack_from(self.content, at)[0]
        return number

    def follow(self, at: int) -> int:
        """The position that the offset at this position points to."""
        return at + int(self.number(OFFSET, at))

    def vector(self, at: int, element_size: int) -> tuple[int, int]:
        """The position of the first element of a vector, and the number of elements."""
        length = int(self.number(OFFSET, at))
        self._bytes_left -= length * element_size
        start = at + OFFSET.size
        if self._bytes_left < 0 or start + length * element_size > len(self.content):
            raise damaged()
        return start, length

    def table(self, at: int) -> Table:
        """The table at a position."""
        self._tables_left -= 1
        if self._tables_left < 0:
            raise damaged()
        return Table(self, at)


class Table:
    """One table; ``slot`` counts the fields of its schema from 0."""

    def __init__(self, buffer: Buffer, at: int) -> None:
        self._buffer = buffer
        self._at = at
        self._fields = at - int(buffer.number(SIGNED_OFFSET, at))
        self._fields_size = int(buffer.number(ENTRY, self._fields))

    def number(self, slot: int, layout: str, default: float = 0) -> float:
        """A number; ``layout`` is its type in ``struct``'s notation."""
        at = self._position(slot)
        return default if at is None else self._buffer.number(struct.Struct(f"<{layout}"), at)

    def numbers(self, slot: int, layout: str) -> tuple[float, ...] | None:
        """A vector of numbers, or ``None``."""
        at = self._position(slot)
        if at is None:
            return None
        size = struct.calcsize(f"<{layout}")
        start, length = self._buffer.vector(self._buffer.follow(at), size)
        return struct.unpack_from(f"<{length}{layout}", self._buffer.content, start)

    def length(self, slot: int) -> int:
        """The length of a vector of bytes, all of which are in the file."""
        at = self._position(slot)
        return 0 if at is None else self._buffer.vector(self._buffer.follow(at), 1)[1]

    def text(self, slot: int) -> str:
        """A string, empty if it is missing."""
        at = self._position(slot)
        if at is None:
            return ""
        start, length = self._buffer.vector(self._buffer.follow(at), 1)
        try:
            return self._buffer.content[start : start + length].decode()
        except UnicodeDecodeError as error:
            raise damaged() from error

    def table(self, slot: int) -> Table | None:
        """A table, or ``None``."""
        at = self._position(slot)
        return None if at is None else self._buffer.table(self._buffer.follow(at))

    def tables(self, slot: int) -> list[Table]:
        """A vector of tables, empty if it is missing."""
        at = self._position(slot)
        if at is None:
            return []
        start, length = self._buffer.vector(self._buffer.follow(at), OFFSET.size)
        places = range(start, start + length * OFFSET.size, OFFSET.size)
        return [self._buffer.table(self._buffer.follow(place)) for place in places]

    def _position(self, slot: int) -> int | None:
        entry = VTABLE_HEAD + slot * ENTRY.size
        if entry + ENTRY.size > self._fields_size:
            return None
        offset = int(self._buffer.number(ENTRY, self._fields + entry))
        return self._at + offset if offset else None


def damaged() -> InvalidModelError:
    """The error for a file with offsets that lead nowhere."""
    return InvalidModelError("the model is damaged or cut short")
