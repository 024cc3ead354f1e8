"""SQLite files that keep what is computed: how they are opened and checked, and why they fail.

Each has a write-ahead log: several processes may use it at once, and a process that is killed
leaves whole transactions only.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from pictell.files import os_reason

K = TypeVar("K")

# With the default of 4096, 10,000 embeddings of 5 kB are written a third slower.
PAGE_BYTES = 16_384
WAIT_S = 30.0
# Older versions of SQLite take 999 parameters.
KEYS_AT_ONCE = 500
MAX_REASON = 100
CHECKSUM_BYTES = 4
# The format of SQLite: how a file begins, and where its application ID stands.
HEADER, APPLICATION_ID = b"SQLite format 3\0", slice(68, 72)
NOT_OURS = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
# Of files that pictell made; no other file may be deleted.
REMEDIES = {
    sqlite3.SQLITE_CORRUPT: "delete it to begin a new one",
    sqlite3.SQLITE_NOTADB: "delete it, or name another file {}",
    sqlite3.SQLITE_FULL: "free some space",
    sqlite3.SQLITE_BUSY: "wait until the other programs that use it have ended",
}


class Layout(NamedTuple):
    """What marks a file as a database of one kind, and the statements that make its tables.

    ``named_in`` says where the user names another file, such as ``in PICTELL_INDEX``.
    """

    application_id: int
    version: int
    tables: str
    named_in: str


class NotAnIndexError(sqlite3.DatabaseError):
    """A file that pictell did not make."""


def is_foreign(path: Path, layout: Layout) -> bool:
    """Whether pictell did not make a file, by what marks its layout. Raises ``OSError``.

    A new file has no mark until it has its tables. To read a file ends the locks that this process
    has on it: it must not be open.
    """
    with path.open("rb") as file:
        start = file.read(APPLICATION_ID.stop)
    is_ours = start[APPLICATION_ID] == layout.application_id.to_bytes(4)
    is_new = not start or Path(f"{path}-journal").exists()
    return not is_new and not (start.startswith(HEADER) and is_ours)


def open_file(path: Path, layout: Layout) -> sqlite3.Connection:
    """Open a file, or make it.

    Raises ``NotAnIndexError``, another ``sqlite3.Error``, ``OSError`` or ``ValueError``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Only its owner may read it, as it tells about private pictures.
    path.touch(0o600)
    connection = sqlite3.connect(path, WAIT_S)
    try:
        if not _is_ours(connection, layout):
            connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            make_tables(connection, layout)
        connection.execute("PRAGMA journal_mode = WAL")
        # A commit that a power failure undoes is only computed again.
        connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException as error:
        connection.close()
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in NOT_OURS and is_foreign(path, layout):
            raise NotAnIndexError from error
        raise
    return connection


def make_tables(connection: sqlite3.Connection, layout: Layout) -> None:
    """Make the tables of an empty database and mark it."""
    connection.executescript(f"""
        BEGIN IMMEDIATE;
        {layout.tables}
        PRAGMA application_id = {layout.application_id};
        PRAGMA user_version = {layout.version};
        COMMIT;
    """)


def _is_ours(connection: sqlite3.Connection, layout: Layout) -> bool:
    """Whether a file has the layout; ``False`` for an empty one. Raises for every other file."""
    # Another process may make the tables now: what marks the file is read after them.
    pragmas = ("schema_version", "application_id", "user_version")
    changes, application, version = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas
    )
    if changes and (application, version) != (layout.application_id, layout.version):
        error = sqlite3.DatabaseError("it is of another version of pictell")
        error.sqlite_errorcode = sqlite3.SQLITE_NOTADB
        raise error
    return bool(changes)


def why_unused(path: Path, error: Exception, layout: Layout) -> str:
    """One line that says why a file is not used and what to do."""
    if isinstance(error, NotAnIndexError):
        return f"{path} is not an index of pictell: name another file {layout.named_in}"
    # The low byte is the kind of error.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    remedy = REMEDIES.get(code, "name a file that can be written {}").format(layout.named_in)
    # SQLite quotes the damaged text of a table, which has several lines.
    reason = " ".join(os_reason(error).split())[:MAX_REASON]
    return f"the index {path} is not used: {reason}: {remedy}"


def in_parts(keys: Iterable[K]) -> Iterator[tuple[str, Sequence[K]]]:
    """Different keys, as many at a time as a statement takes, with their question marks."""
    different = list(dict.fromkeys(keys))
    for start in range(0, len(different), KEYS_AT_ONCE):
        some = different[start : start + KEYS_AT_ONCE]
        yield ",".join("?" * len(some)), some


def write(connection: sqlite3.Connection, statement: str, rows: Iterable[Sequence[object]]) -> None:
    """Execute a statement for each row: for all of them, or for none."""
    with connection:  # commits, or rolls back what an error or Ctrl-C interrupts
        connection.executemany(statement, rows)


def seal(data: bytes, key: bytes) -> bytes:
    """Data with a checksum, which SQLite does not have.

    It is of the key too, because a damaged file may give the data of another row.
    """
    return zlib.crc32(data, zlib.crc32(key)).to_bytes(CHECKSUM_BYTES) + data


def unseal(blob: object, key: bytes) -> bytes | None:
    """The data that were sealed; ``None`` if they, or the key, are others now."""
    if not isinstance(blob, bytes):
        return None
    data = blob[CHECKSUM_BYTES:]
    whole = zlib.crc32(data, zlib.crc32(key)) == int.from_bytes(blob[:CHECKSUM_BYTES])
    return data if whole and len(blob) >= CHECKSUM_BYTES else None
