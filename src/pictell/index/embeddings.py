"""Embeddings kept between runs: the key of an extractor x the key of a picture → a vector.

The index is a cache. One that cannot be used, or stops working because the disk is full, is off: it
finds nothing and keeps nothing, and ``note`` says why.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pictell.index import database
from pictell.user_folders import cache_folder

T = TypeVar("T")
# The key of a picture, the day of its last use, the vector as it is stored.
Row = tuple[str, int, bytes]

VARIABLE = "PICTELL_INDEX"
MAX_BYTES = 2 * 1024**3
DAY_S = 24 * 3600
FLOAT32 = np.dtype("<f4")
# The identifier is "pctl".
LAYOUT = database.Layout(
    0x7063746C,
    1,
    """
    CREATE TABLE IF NOT EXISTS embedding (
        extractor TEXT NOT NULL, content TEXT NOT NULL, used INTEGER NOT NULL, vector BLOB NOT NULL,
        PRIMARY KEY (extractor, content)
    );
    """,
    f"in {VARIABLE}",
)
SELECT = "SELECT content, used, vector FROM embedding WHERE extractor = ? AND content IN ({})"
INSERT = "INSERT OR REPLACE INTO embedding VALUES (?, ?, ?, ?)"
TOUCH = "UPDATE embedding SET used = ? WHERE extractor = ? AND content = ?"
# A tenth of the rows.
REMOVE = """
DELETE FROM embedding WHERE rowid IN (
    SELECT rowid FROM embedding ORDER BY used, rowid
    LIMIT (SELECT 1 + count(*) / 10 FROM embedding)
)
"""


def index_path() -> Path:
    """The file of the index: ``PICTELL_INDEX``, or one in the user's cache folder."""
    chosen = os.environ.get(VARIABLE)
    return Path(chosen) if chosen else cache_folder() / "index.sqlite3"


class EmbeddingIndex:
    """The index in a file. Use it in ``with``, on one thread.

    ``note`` is ``None``, or a line that says why the index is off and what to do.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self.note: str | None = None
        self._max_bytes = max_bytes
        self._connection: sqlite3.Connection | None = None

    @classmethod
    def open(cls, path: Path | None = None, max_bytes: int = MAX_BYTES) -> EmbeddingIndex:
        """Open or make the index at ``path``, by default ``index_path()``.

        When the file has more than ``max_bytes``, the vectors that were not used for longest are
        removed. Raises ``UsageError`` only if a user without a home folder gives no path.
        """
        index = cls(path or index_path(), max_bytes)
        try:
            index._connection = database.open_file(index.path, LAYOUT)
        except (sqlite3.Error, OSError, ValueError) as error:
            index._turn_off(error)
        return index

    def get(self, extractor: str, contents: Collection[str]) -> dict[str, NDArray[np.float32]]:
        """The vectors (D,) that are known, by the keys of their pictures."""
        nothing = list[Row]()
        rows = self._try(lambda connection: _select(connection, extractor, contents), nothing)
        today = _today()
        old = [(today, extractor, content) for content, used, _ in rows if used != today]
        if old:
            self._try(lambda connection: database.write(connection, TOUCH, old), None)
        asked = set(contents)
        return {
            content: np.frombuffer(data, FLOAT32).astype(np.float32)
            for content, _, blob in rows
            if content in asked
            and (data := database.unseal(blob, _key(extractor, content))) is not None
        }

    def put(self, extractor: str, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """Keep vectors (D,), all of them or none; they replace those with the same keys."""
        today = _today()
        rows = (
            (
                extractor,
                content,
                today,
                database.seal(vector.astype(FLOAT32).tobytes(), _key(extractor, content)),
            )
            for content, vector in vectors.items()
        )
        self._try(lambda connection: database.write(connection, INSERT, rows), None)
        self._try(lambda connection: _shrink(connection, self._max_bytes), None)

    def close(self) -> None:
        """Close the file. Safe to call again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> EmbeddingIndex:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _try(self, action: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        if self._connection is None:
            return otherwise
        try:
            return action(self._connection)
        except (sqlite3.Error, UnicodeDecodeError) as error:  # damaged text
            self._turn_off(error)
            return otherwise

    def _turn_off(self, error: Exception) -> None:
        self.note = database.why_unused(self.path, error, LAYOUT)
        self.close()


def _select(connection: sqlite3.Connection, extractor: str, contents: Iterable[str]) -> list[Row]:
    rows = list[Row]()
    for marks, some in database.in_parts(contents):
        rows += connection.execute(SELECT.format(marks), (extractor, *some)).fetchall()
    return rows


def _shrink(connection: sqlite3.Connection, max_bytes: int) -> None:
    """Remove rows until what is left takes at most ``max_bytes``."""
    while _used_bytes(connection) > max_bytes:
        with connection:
            if not connection.execute(REMOVE).rowcount:
                return


def _used_bytes(connection: sqlite3.Connection) -> int:
    pages, free, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def _key(extractor: str, content: str) -> bytes:
    return f"{extractor} {content}".encode()


def _today() -> int:
    return int(time.time()) // DAY_S
