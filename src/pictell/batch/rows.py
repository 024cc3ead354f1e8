"""A row of the table: the result of one source, and which version of the source it is of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple, Protocol, TypeAlias

from pictell.batch.entries import Entry
from pictell.results import Result

# The fields of ``Result.to_dict()``, then ``uri``, ``size_bytes``, ``version``, ``sha256`` and, if
# the user wants it, ``embedding``, an array (D,). docs/batch.md describes them.
Row: TypeAlias = dict[str, Any]
EMBEDDING = "embedding"


class PartFormat(Protocol):
    """A file format of parts; ``reports/tables`` has them.

    A row that is written, read and written again gives the same bytes.
    """

    def write(self, rows: Sequence[Row]) -> bytes:
        """The file with these rows, the same bytes for the same rows."""

    def read(self, content: bytes) -> list[Row]:
        """The rows of a file. Raises ``ValueError`` for other bytes."""

    def join(self, parts: Iterable[bytes], file: BinaryIO) -> None:
        """Write one file with the rows of all parts."""


class Fact(NamedTuple):
    """What the manifest keeps of a row; ``code`` is that of its error."""

    uri: str
    size: int | None
    version: str | None
    sha256: str | None
    code: str | None


def make_row(result: Result, entry: Entry, sha256: str | None) -> Row:
    """The row of a result. ``sha256`` is that of the encoded picture."""
    row = result.to_dict()
    if result.error is None:
        # Timings differ from run to run; a row does not.
        row["timings"] = None
    row |= _of_source(entry, sha256)
    if result.embedding is not None:
        row[EMBEDDING] = result.embedding
    return row


def copy_row(row: Mapping[str, Any], entry: Entry, sha256: str | None) -> Row:
    """The row of another source with the same content."""
    return {**row, "source": entry.name} | _of_source(entry, sha256)


def to_fact(row: Mapping[str, Any]) -> Fact:
    """What the manifest keeps. Raises ``KeyError`` or ``ValueError`` for another kind of row."""
    size, error = row["size_bytes"], row.get("error")
    fact = Fact(
        row["uri"],
        None if size is None else int(size),
        row["version"],
        row["sha256"],
        error and error["code"],
    )
    texts = (fact.version, fact.sha256, fact.code)
    if not isinstance(fact.uri, str) or not all(isinstance(one, str | None) for one in texts):
        raise ValueError("not the row of a source")
    return fact


def _of_source(entry: Entry, sha256: str | None) -> Row:
    return {
        "uri": entry.uri,
        "size_bytes": entry.size,
        "version": entry.version,
        "sha256": sha256,
    }
