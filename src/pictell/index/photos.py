"""What is known of photos, kept between runs: by path, by content, and by content and model.

Nothing is ever removed. A file that cannot be used is left as it is: the run keeps in memory what
it computes, so its results are the same.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

from pictell.index import database
from pictell.user_folders import data_folder

# The path of a file as the system has it, or the SHA-256 of a content in hexadecimal.
Key: TypeAlias = "bytes | str"
KEY_TYPES = (bytes, str)
# The data of a kind, by their keys.
Rows: TypeAlias = dict[Key, bytes]

VARIABLE = "PICTELL_PHOTO_INDEX"
# The identifier is "pctp". Rows lie in the order in which they were added, which is nearly the
# order in which they are read.
LAYOUT = database.Layout(
    0x70637470,
    1,
    """
    CREATE TABLE IF NOT EXISTS kind (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE IF NOT EXISTS known (
        kind INTEGER NOT NULL, key BLOB NOT NULL, data BLOB NOT NULL, UNIQUE (kind, key)
    );
    """,
    "with --index",
)
ADD_KIND = "INSERT OR IGNORE INTO kind (name) VALUES (?)"
FIND_KIND = "SELECT number FROM kind WHERE name = ?"
SELECT = "SELECT key, data FROM known WHERE kind = ? AND key IN ({})"
INSERT = """
INSERT INTO known VALUES (?, ?, ?)
ON CONFLICT (kind, key) DO UPDATE SET data = excluded.data
"""


def index_path() -> Path:
    """The file of the index: ``PICTELL_PHOTO_INDEX``, or one in the user's data folder."""
    chosen = os.environ.get(VARIABLE)
    return Path(chosen) if chosen else data_folder() / "photos.sqlite3"


class PhotoIndex:
    """The index in a file. Use it in ``with``, on one thread.

    A row has a kind, a text that says what its data are, and a key: a content (its SHA-256 in
    hexadecimal) or a path. ``note`` is ``None``, or a line that says why the file is not used, or
    no longer, and what to do.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.note: str | None = None
        # A file that can no longer be written is still read; the last one is written.
        self._stores = list[sqlite3.Connection]()

    @classmethod
    def open(cls, path: Path | None = None) -> PhotoIndex:
        """Open or make the index at ``path``, by default ``index_path()``.

        Raises ``UsageError`` only if a user without a home folder gives no path.
        """
        index = cls(path or index_path())
        try:
            index._stores.append(database.open_file(index.path, LAYOUT))
        except (sqlite3.Error, OSError, ValueError) as error:
            index._go_on_in_memory(error)
        return index

    def is_part(self, path: Path) -> bool:
        """Whether a file is the index, or one that SQLite makes beside it."""
        # Only few files have such a name, and to follow the links of all takes time.
        return path.name.startswith(self._own_names) and os.path.realpath(path) in self._own_files

    @cached_property
    def _own_files(self) -> list[str]:
        own = os.path.realpath(self.path)
        return [own + end for end in ("", "-wal", "-shm", "-journal")]

    @cached_property
    def _own_names(self) -> tuple[str, str]:
        """What the names of ``_own_files`` and of links to them begin with."""
        return Path(self._own_files[0]).name, self.path.name

    def get(self, kind: str, keys: Collection[Key]) -> Rows:
        """The data of a kind that are known, by their keys."""
        found = Rows()
        for store in tuple(self._stores):
            try:
                found |= _select(store, kind, keys)
            except (sqlite3.Error, UnicodeDecodeError) as error:  # damaged text
                self._stores.remove(store)
                store.close()
                self._go_on_in_memory(error)
        return found

    def put(self, rows: Mapping[str, Rows]) -> None:
        """Keep the data of several kinds, all of them or none; they replace those of their keys."""
        if not self._stores:
            return  # it is closed
        try:
            _insert(self._stores[-1], rows)
        except sqlite3.Error as error:
            self._go_on_in_memory(error)
            _insert(self._stores[-1], rows)

    def close(self) -> None:
        """Close the file. Safe to call again."""
        while self._stores:
            self._stores.pop().close()

    def __enter__(self) -> PhotoIndex:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _go_on_in_memory(self, error: Exception) -> None:
        self.note = self.note or database.why_unused(self.path, error, LAYOUT)
        memory = sqlite3.connect(":memory:")
        database.make_tables(memory, LAYOUT)
        self._stores.append(memory)


def _select(store: sqlite3.Connection, kind: str, keys: Iterable[Key]) -> Rows:
    number = store.execute(FIND_KIND, (kind,)).fetchone()
    found = Rows()
    if number is not None:
        for marks, some in database.in_parts(keys):
            for key, blob in store.execute(SELECT.format(marks), (*number, *some)):
                # A damaged key may be a number.
                whole = isinstance(key, KEY_TYPES)
                data = database.unseal(blob, _sealing_key(kind, key)) if whole else None
                if data is not None:
                    found[key] = data
    return found


def _insert(store: sqlite3.Connection, rows: Mapping[str, Rows]) -> None:
    with store:  # commits, or rolls back what an error or Ctrl-C interrupts
        store.execute("BEGIN IMMEDIATE")
        for kind, data_of in rows.items():
            store.execute(ADD_KIND, (kind,))
            number = store.execute(FIND_KIND, (kind,)).fetchone()
            if number is None:
                raise sqlite3.DatabaseError("a table is damaged")
            store.executemany(
                INSERT,
                (
                    (*number, key, database.seal(data, _sealing_key(kind, key)))
                    for key, data in data_of.items()
                ),
            )


def _sealing_key(kind: str, key: Key) -> bytes:
    end = key.encode("utf-8", "surrogatepass") if isinstance(key, str) else key
    return kind.encode() + b" " + end
