"""The file formats of a batch's table: rows in, bytes out, and back."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pictell.errors import UsageError

if TYPE_CHECKING:
    from pictell.batch.rows import PartFormat

# Each is a module here with a class ``Table``, which is a ``PartFormat``.
TABLES = ("jsonl", "csv", "parquet")


def table_format(name: str, embedding: int | None = None) -> PartFormat:
    """One of ``TABLES``. ``embedding`` is the length of the embeddings, if rows have one.

    Raises ``UsageError`` for a format without embeddings, and if a package is missing.
    """
    if name == "parquet" and find_spec("pyarrow") is None:
        raise UsageError("Parquet needs the extra parquet: pip install 'pictell[parquet]'")
    if name == "csv" and embedding is not None:
        raise UsageError("CSV has no embeddings: give --format parquet or jsonl")
    table: PartFormat = import_module(f"pictell.reports.tables.{name}").Table(embedding)
    return table
