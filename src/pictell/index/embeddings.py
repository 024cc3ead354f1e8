"""Embeddings kept between runs: the key of an extractor x the key of a picture → a vector.

The index is one SQLite file with a write-ahead log: several processes may use it at once, and a
process that is killed leaves whole rows only. It is a cache. One that cannot be used, or stops
working because the disk is full, is off: it finds nothing and keeps nothing, and ``note`` says why.
"""

from __future__ import annotations

import os
import sqlite3
import time
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from pictell.files import os_reason

T = TypeVar("T")
# The key of a picture, the day of its last use, the vector as it is stored.
Row = tuple[str, int, bytes]

VARIABLE = "PICTELL_INDEX"
MAX_BYTES = 2 * 1024**3
# Marks the file as an index of pictell ("pctl"), and the version of its table.
APPLICATION_ID, SCHEMA_VERSION = 0x7063746C, 1
# With the default of 4096, 10,000 embeddings of 5 kB are written a third slower.
PAGE_BYTES = 16_384
WAIT_S = 30.0
DAY_S = 24 * 3600
# Older versions of SQLite take 999 parameters.
KEYS_AT_ONCE = 500
MAX_REASON = 100
FLOAT32 = np.dtype("<f4")
CHECKSUM_BYTES = 4
REMEDIES = {
    sqlite3.SQLITE_CORRUPT: "delete it to begin a new one",
    sqlite3.SQLITE_NOTADB: f"delete it, or name another file in {VARIABLE}",
    sqlite3.SQLITE_FULL: "free some space",
    sqlite3.SQLITE_BUSY: "wait until the other programs that use it have ended",
}

CREATE = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS embedding (
    extractor TEXT NOT NULL, content TEXT NOT NULL, used INTEGER NOT NULL, vector BLOB NOT NULL,
    PRIMARY KEY (extractor, content)
);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""
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
    return Path(chosen) if chosen else user_cache_path("pictell", appauthor=False) / "index.sqlite3"


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
        """Open or make the index at ``path``, by default ``index_path()``; never raises.

        When the file has more than ``max_bytes``, the vectors that were not used for longest are
        removed.
        """
        index = cls(path or index_path(), max_bytes)
        try:
            index._connection = _connect(index.path)
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
            self._try(lambda connection: _write(connection, TOUCH, old), None)
        asked = set(contents)
        return {
            content: np.frombuffer(blob[CHECKSUM_BYTES:], FLOAT32).astype(np.float32)
            for content, _, blob in rows
            if content in asked and _is_whole(blob, extractor, content)
        }

    def put(self, extractor: str, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """Keep vectors (D,), all of them or none; they replace those with the same keys."""
        today = _today()
        rows = (
            (extractor, content, today, _checksum(data, extractor, content) + data)
            for content, vector in vectors.items()
            for data in [vector.astype(FLOAT32).tobytes()]
        )
        self._try(lambda connection: _write(connection, INSERT, rows), None)
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
        # The low byte is the kind of error.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        remedy = REMEDIES.get(code, f"name a file that can be written in {VARIABLE}")
        # SQLite quotes the damaged text of a table, which has several lines.
        reason = " ".join(os_reason(error).split())[:MAX_REASON]
        self.note = f"the index {self.path} is not used: {reason}: {remedy}"
        self.close()


def _connect(path: Path) -> sqlite3.Connection:
    """Open a file, or make it. Raises ``sqlite3.Error``, ``OSError`` or ``ValueError``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Only its owner may read it, as it tells about private pictures.
    path.touch(0o600)
    connection = sqlite3.connect(path, WAIT_S)
    try:
        if not _is_index(connection):
            connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            connection.executescript(CREATE)
        connection.execute("PRAGMA journal_mode = WAL")
        # A commit that a power failure undoes is only computed again.
        connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection


def _is_index(connection: sqlite3.Connection) -> bool:
    """Whether a file is an index; ``False`` for an empty one. Raises for every other file."""
    pragmas = ("application_id", "user_version", "schema_version")
    application, version, changes = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas
    )
    if changes and (application, version) != (APPLICATION_ID, SCHEMA_VERSION):
        error = sqlite3.DatabaseError("it is not an index of this version of pictell")
        error.sqlite_errorcode = sqlite3.SQLITE_NOTADB
        raise error
    return bool(changes)


def _select(connection: sqlite3.Connection, extractor: str, contents: Iterable[str]) -> list[Row]:
    keys, rows = list(dict.fromkeys(contents)), list[Row]()
    for start in range(0, len(keys), KEYS_AT_ONCE):
        some = keys[start : start + KEYS_AT_ONCE]
        marks = ",".join("?" * len(some))
        rows += connection.execute(SELECT.format(marks), (extractor, *some)).fetchall()
    return rows


def _write(
    connection: sqlite3.Connection, statement: str, rows: Iterable[tuple[object, ...]]
) -> None:
    with connection:  # commits, or rolls back what an error or Ctrl-C interrupts
        connection.executemany(statement, rows)


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


def _checksum(data: bytes, extractor: str, content: str) -> bytes:
    """It is of the keys too, because a damaged file may give the vector of another row."""
    return zlib.crc32(f"{extractor} {content}".encode() + data).to_bytes(CHECKSUM_BYTES)


def _is_whole(blob: object, extractor: str, content: str) -> bool:
    """Whether the bytes of a row are those that were written, which SQLite does not check."""
    if not isinstance(blob, bytes):
        return False
    data = blob[CHECKSUM_BYTES:]
    return _checksum(data, extractor, content) == blob[:CHECKSUM_BYTES]


def _today() -> int:
    return int(time.time()) // DAY_S
