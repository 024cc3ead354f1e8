"""Parquet: the fields of JSON lines as typed columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pictell.batch.rows import EMBEDDING, Row

ANSWER = pa.struct(
    {
        "name": pa.string(),
        "score": pa.float64(),
        "id": pa.string(),
        "path": pa.list_(pa.string()),
        "classes": pa.list_(pa.int32()),
    }
)
PREDICTION = pa.struct(
    {
        "label": pa.string(),
        "score": pa.float64(),
        "class_index": pa.int32(),
        "synset": pa.string(),
    }
)
ERROR = pa.struct({"code": pa.string(), "message": pa.string()})
COLUMNS = {
    "source": pa.string(),
    "model": pa.string(),
    "status": pa.string(),
    "answer": ANSWER,
    "predictions": pa.list_(PREDICTION),
    "width": pa.int64(),
    "height": pa.int64(),
    "error": ERROR,
    "uri": pa.string(),
    "size_bytes": pa.int64(),
    "version": pa.string(),
    "sha256": pa.string(),
    "warnings": pa.list_(pa.string()),
}
# Columns that parts of older releases do not have.
LATER_COLUMNS = frozenset({"warnings"})
# In the metadata of a file.
VERSION = {"pictell.schema": "result-v1"}


class Table:
    """See ``PartFormat``. An embedding is a fixed-size list of float32, null for a failed picture.

    Parquet holds only UTF-8, so other bytes of a name are written as ``\\udc80``.
    """

    def __init__(self, embedding: int | None) -> None:
        self._length = embedding
        self._schema = pa.schema(COLUMNS, VERSION)
        if embedding is not None:
            column = pa.field(EMBEDDING, pa.list_(pa.float32(), embedding))
            self._schema = self._schema.append(column)

    def write(self, rows: Sequence[Row]) -> bytes:
        """See ``PartFormat``."""
        texts = [_utf8({key: row.get(key) for key in COLUMNS}) for row in rows]
        table = pa.Table.from_pylist(texts, pa.schema(COLUMNS))
        if self._length is not None:
            table = table.append_column(self._schema.field(EMBEDDING), self._embeddings(rows))
        sink = pa.BufferOutputStream()
        with self._writer(sink) as writer:
            writer.write_table(table.cast(self._schema))
        content: bytes = sink.getvalue().to_pybytes()
        return content

    def read(self, content: bytes) -> list[Row]:
        """See ``PartFormat``."""
        table = self._read(content)
        rows: list[Row] = table.select(list(COLUMNS)).to_pylist()
        if self._length is not None:
            for row, vector in zip(rows, table.column(EMBEDDING), strict=True):
                row[EMBEDDING] = vector.values.to_numpy() if vector.is_valid else None
        return rows

    def join(self, parts: Iterable[bytes], file: BinaryIO) -> None:
        """See ``PartFormat``. Each part becomes a row group."""
        with self._writer(file) as writer:
            for part in parts:
                writer.write_table(self._read(part))

    def _read(self, content: bytes) -> pa.Table:
        """The columns of a file; those that an older release did not have are null."""
        try:
            table = pq.read_table(pa.BufferReader(content))
        except OSError as error:  # of bytes in memory
            raise ValueError(str(error)) from error
        for name in LATER_COLUMNS.difference(table.column_names):
            table = table.append_column(name, pa.nulls(len(table), COLUMNS[name]))
        return table.select(self._schema.names)

    def _writer(self, sink: Any) -> pq.ParquetWriter:
        return pq.ParquetWriter(sink, self._schema, compression="zstd")

    def _embeddings(self, rows: Sequence[Row]) -> pa.Array:
        vectors = [row.get(EMBEDDING) for row in rows]
        values = np.zeros((len(rows), self._length or 0), np.float32)
        for place, vector in zip(values, vectors, strict=True):
            if vector is not None:
                place[:] = vector
        missing = pa.array([vector is None for vector in vectors])
        return pa.FixedSizeListArray.from_arrays(values.ravel(), self._length, mask=missing)


def _utf8(value: Any) -> Any:
    """The value with only UTF-8 in all of its texts."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {key: _utf8(one) for key, one in value.items()}
    return list(map(_utf8, value)) if isinstance(value, list | tuple) else value
