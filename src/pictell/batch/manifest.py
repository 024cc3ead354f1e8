"""What the parts of a table say, in one SQLite file, so that no run has to read them all.

The parts are the truth; the manifest can be made from them again. The row of a source in a part
with a higher number replaces that in a lower one, which is then ``stale``: it must be written again
without the old row.
"""

from __future__ import annotations

import os
import pickle
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from pictell.batch.entries import Entry
from pictell.batch.rows import Fact
from pictell.errors import OutputError
from pictell.files import os_reason

# Marks the file as a manifest of pictell ("pctb"). Its version is the number of migrations that it
# has had. A new one goes to the end of the list.
APPLICATION_ID = 0x70637462
MIGRATIONS = (
    """
    CREATE TABLE part (
        number INTEGER PRIMARY KEY, stamp TEXT NOT NULL, stale INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE source (
        uri TEXT PRIMARY KEY, size INTEGER, version TEXT, sha256 TEXT, code TEXT,
        part INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX source_sha256 ON source (sha256);
    CREATE INDEX source_part ON source (part);
    CREATE INDEX source_code ON source (code) WHERE code IS NOT NULL;
    """,
)
# What a run names. It is not kept, because a URL may have a password.
TEMPORARY = """
CREATE TEMP TABLE listed (
    uri TEXT PRIMARY KEY, name BLOB NOT NULL, content BLOB, size INTEGER, version TEXT,
    position INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TEMP TABLE planned (
    position INTEGER PRIMARY KEY, uri TEXT NOT NULL, again INTEGER NOT NULL
);
"""
# SQLite's own cache of 2 MB makes a plan of a million sources a third slower.
CACHE = """
PRAGMA main.cache_size = -8000;
PRAGMA temp.cache_size = -32000;
"""
LIST = "INSERT OR IGNORE INTO listed VALUES (?, ?, ?, ?, ?, ?)"
PLAN = """
INSERT INTO planned
SELECT position, uri, part IS NOT NULL FROM listed LEFT JOIN source USING (uri)
WHERE part IS NULL OR listed.size IS NOT source.size OR listed.version IS NOT source.version
    OR (? AND code IS NOT NULL)
"""
SUMMARY = """
SELECT (SELECT count(*) FROM listed), (SELECT count(*) FROM source), count(*),
    coalesce(sum(size), 0), coalesce(sum(again), 0)
FROM planned JOIN listed USING (uri)
"""
NEXT = """
SELECT planned.position, uri, name, content, size, version FROM planned JOIN listed USING (uri)
WHERE planned.position > ? ORDER BY planned.position LIMIT ?
"""
MARK_STALE = """
UPDATE part SET stale = 1 WHERE number = (SELECT min(part, ?) FROM source WHERE uri = ?)
"""
PUT = """
INSERT INTO source VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (uri) DO UPDATE SET
    size = excluded.size, version = excluded.version, sha256 = excluded.sha256,
    code = excluded.code, part = excluded.part
WHERE excluded.part > part
"""
PRUNE = """
UPDATE part SET stale = 1 WHERE number IN (
    SELECT part FROM source WHERE uri NOT IN (SELECT uri FROM listed)
)
"""


class Plan(NamedTuple):
    """What a run has to do.

    Of the ``listed`` sources ``planned`` are run, which have ``planned_bytes``; ``again`` of these
    have a row already. ``gone`` rows are of sources that the run does not name.
    """

    listed: int
    planned: int
    planned_bytes: int
    again: int
    gone: int


class Manifest:
    """The manifest in a file. Every method raises ``OutputError``."""

    def __init__(self, path: Path | str, *, in_memory: bool = False) -> None:
        """With ``in_memory``, the file is only read, and what the manifest learns is not kept."""
        self._path = path
        with self._errors():
            # The thread that reads pictures asks where a content is, while the other one waits.
            target = ":memory:" if in_memory else path
            self._connection = sqlite3.connect(target, check_same_thread=False)
            if in_memory:
                _copy(Path(path), self._connection)
            _migrate(self._connection)
            self._connection.executescript(TEMPORARY + CACHE)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def stamps(self) -> dict[int, str]:
        """The stamp of each part that is known, by its number."""
        return dict(self._all("SELECT number, stamp FROM part"))

    def put(self, number: int, stamp: str, facts: Iterable[Fact]) -> None:
        """Keep what a part says, all of it or nothing; it replaces what the part said before."""
        with self._changes() as connection:
            connection.execute("DELETE FROM source WHERE part = ?", (number,))
            connection.execute("INSERT OR REPLACE INTO part VALUES (?, ?, 0)", (number, stamp))
            for fact in facts:
                connection.execute(MARK_STALE, (number, fact.uri))
                connection.execute(PUT, (*fact, number))

    def forget(self, number: int) -> None:
        """Forget a part that is not there any more, and its rows."""
        with self._changes() as connection:
            connection.execute("DELETE FROM source WHERE part = ?", (number,))
            connection.execute("DELETE FROM part WHERE number = ?", (number,))

    def plan(self, entries: Iterable[Entry], *, retry_failed: bool = False) -> Plan:
        """Find what is new, has changed or, with ``retry_failed``, has failed."""
        with self._changes() as connection:
            connection.execute("DELETE FROM listed")
            connection.execute("DELETE FROM planned")
            connection.executemany(LIST, map(_to_row, entries, count(1)))
            connection.execute(PLAN, (retry_failed,))
        listed, rows, planned, planned_bytes, again = self._all(SUMMARY)[0]
        # A listed source without a row is always planned.
        with_row = listed - (planned - again)
        return Plan(listed, planned, planned_bytes, again, rows - with_row)

    def planned(self, size: int) -> Iterator[list[Entry]]:
        """The entries that are planned, ``size`` at a time."""
        position = 0
        while rows := self._all(NEXT, position, size):
            position = rows[-1][0]
            yield [_to_entry(*row[1:]) for row in rows]

    def prune(self) -> None:
        """Forget the rows of sources that the plan does not name; their parts are stale."""
        with self._changes() as connection:
            connection.execute(PRUNE)
            connection.execute("DELETE FROM source WHERE uri NOT IN (SELECT uri FROM listed)")

    def find(self, sha256: str) -> tuple[int, str] | None:
        """The part and the URI of a source with this content that was read."""
        query = "SELECT part, uri FROM source WHERE sha256 = ? AND code IS NULL LIMIT 1"
        return next(iter(self._all(query, sha256)), None)

    def stale(self) -> list[int]:
        """The parts with rows that other parts replace, or that were pruned."""
        return [row[0] for row in self._all("SELECT number FROM part WHERE stale ORDER BY number")]

    def uris(self, number: int) -> set[str]:
        """The sources whose row is in a part."""
        return {row[0] for row in self._all("SELECT uri FROM source WHERE part = ?", number)}

    def counts(self) -> tuple[int, int]:
        """How many rows there are, and how many of them failed."""
        query = "SELECT (SELECT count(*) FROM source), count(*) FROM source WHERE code IS NOT NULL"
        return tuple(self._all(query)[0])

    def _all(self, query: str, *values: object) -> list[Any]:
        with self._errors():
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def _changes(self) -> Iterator[sqlite3.Connection]:
        """A transaction, which an error or Ctrl-C undoes."""
        with self._errors(), self._connection:
            yield self._connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            remedy = "delete it, it is made again from the parts"
            if code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}:
                remedy = "free some space, then run the same command again to go on"
            message = f"the manifest {self._path} cannot be used: {os_reason(error)}: {remedy}"
            raise OutputError(message) from error


def _to_row(entry: Entry, position: int) -> tuple[object, ...]:
    """A row of ``listed``. A file needs no content beside its name; bytes keep any name."""
    uri, name, content, size, version = entry
    other = None if isinstance(content, Path) else pickle.dumps(content)
    return uri, os.fsencode(name), other, size, version, position


def _to_entry(
    uri: str, name: bytes, content: bytes | None, size: int | None, version: str | None
) -> Entry:
    text = os.fsdecode(name)
    found = Path(text) if content is None else pickle.loads(content)
    return Entry(uri, text, found, size, version)


def _copy(path: Path, connection: sqlite3.Connection) -> None:
    """Copy what a file says, without a lock; nothing if it is missing or a run is writing to it.

    While a run is writing, and after it was killed, the newest is in a log beside the file.
    """
    log = Path(f"{path}-wal")
    if path.exists() and not (log.exists() and log.stat().st_size):
        source = sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)
        with closing(source):
            source.backup(connection)


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring a file to the newest version. Raises ``sqlite3.Error`` for a newer or another file."""
    application, version, changes = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("application_id", "user_version", "schema_version")
    )
    if changes and (application != APPLICATION_ID or version > len(MIGRATIONS)):
        raise sqlite3.DatabaseError("it is not a manifest of this version of pictell")
    # Without shared memory, which a network drive does not have. The job has a lock of its own.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = WAL")
    # What a power failure undoes is read from the parts again.
    connection.execute("PRAGMA synchronous = NORMAL")
    for number, migration in enumerate(MIGRATIONS[version:], version + 1):
        connection.executescript(
            f"BEGIN IMMEDIATE; {migration} PRAGMA application_id = {APPLICATION_ID}; "
            f"PRAGMA user_version = {number}; COMMIT;"
        )
