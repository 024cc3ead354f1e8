"""JSON lines: a row on each line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import BinaryIO

import numpy as np

from pictell.batch.rows import EMBEDDING, Row
from pictell.reports.escape import json_escaped

# The numbers of an embedding, at most 1, have this many digits after the point.
DIGITS = 6


class Table:
    """See ``PartFormat``. An embedding is an array, ``None`` for a failed picture."""

    def __init__(self, embedding: int | None) -> None:
        self._embedding = embedding is not None

    def write(self, rows: Sequence[Row]) -> bytes:
        """See ``PartFormat``."""
        return b"".join(map(self._line, rows))

    def read(self, content: bytes) -> list[Row]:
        """See ``PartFormat``."""
        return [json.loads(line) for line in content.splitlines()]

    def join(self, parts: Iterable[bytes], file: BinaryIO) -> None:
        """See ``PartFormat``."""
        file.writelines(parts)

    def _line(self, row: Row) -> bytes:
        if self._embedding:
            vector = row.get(EMBEDDING)
            # As float64: a float32 has digits after the last one that is kept.
            numbers = None if vector is None else np.asarray(vector, np.float64)
            row = row | {EMBEDDING: None if numbers is None else numbers.round(DIGITS).tolist()}
        return json_escaped(json.dumps(row, ensure_ascii=False)).encode() + b"\n"
