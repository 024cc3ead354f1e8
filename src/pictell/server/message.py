"""How much a client sends of a request before somebody looks at it."""

from __future__ import annotations

from pictell.server.problems import ProblemError

# Larger heads are refused. A cookie has at most 4 kB; proxies add a few lines.
MAX_HEAD_BYTES = 64 * 1024
MAX_FIELDS = 200
# The pieces of a body have at least so many bytes on average, as each piece costs time. The first
# ones may be of any size.
MIN_PIECE_BYTES, FREE_PIECES = 64, 1000


class MessageSize:
    """The size of a request so far. All methods raise ``ProblemError``."""

    def __init__(self) -> None:
        self._fields = self._head_bytes = 0
        self._pieces = self._body_bytes = self._other_bytes = 0

    def add_received(self, size: int) -> None:
        """Count bytes before it is known what they are."""
        self._other_bytes += size

    def check(self) -> None:
        """Call it once the bytes are looked at: what is not of the body has a limit."""
        if self._other_bytes > MAX_HEAD_BYTES:
            raise _too_large()

    def add_field(self, name: bytes, value: bytes) -> None:
        """Count a field of the head."""
        self._fields += 1
        self._head_bytes += len(name) + len(value)
        if self._fields > MAX_FIELDS or self._head_bytes > MAX_HEAD_BYTES:
            raise _too_large()

    def add_piece(self, piece: bytes) -> None:
        """Count a piece of the body."""
        self._other_bytes = 0
        self._pieces += 1
        self._body_bytes += len(piece)
        if self._pieces > FREE_PIECES and self._body_bytes < self._pieces * MIN_PIECE_BYTES:
            raise ProblemError(400, "small_pieces", "the body comes in too many small pieces")


def _too_large() -> ProblemError:
    message = f"the head is larger than {MAX_FIELDS} fields or {MAX_HEAD_BYTES} bytes"
    return ProblemError(431, "head_too_large", message)
