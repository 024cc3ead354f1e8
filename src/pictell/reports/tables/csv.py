"""CSV: the columns of the report ``csv``, and those of the source."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

from pictell.batch.rows import Row
from pictell.reports.csv import COLUMNS as RESULT_COLUMNS
from pictell.reports.csv import to_cells
from pictell.reports.csv_rows import render_rows
from pictell.reports.style import STEP

SOURCE_COLUMNS = ("uri", "size_bytes", "version", "sha256")
# Columns that the report got later: new ones go to the end of a table, too.
LATER_COLUMNS = ("warnings",)
COLUMNS = (*RESULT_COLUMNS[: -len(LATER_COLUMNS)], *SOURCE_COLUMNS, *LATER_COLUMNS)


class Table:
    """See ``PartFormat``. A row that was read has text, and what the columns say; no embedding."""

    def __init__(self, embedding: None) -> None:
        self._head = b"".join(render_rows(COLUMNS, []))

    def write(self, rows: Sequence[Row]) -> bytes:
        """See ``PartFormat``."""
        cells = [to_cells(row) | {key: row[key] for key in SOURCE_COLUMNS} for row in rows]
        return b"".join(render_rows(COLUMNS, [cells]))

    def read(self, content: bytes) -> list[Row]:
        """See ``PartFormat``."""
        reader = csv.DictReader(io.StringIO(content.decode(), newline=""))
        try:
            return [_to_row({key: cell or None for key, cell in one.items()}) for one in reader]
        except csv.Error as error:
            raise ValueError(str(error)) from error

    def join(self, parts: Iterable[bytes], file: BinaryIO) -> None:
        """See ``PartFormat``."""
        file.write(self._head)
        for part in parts:
            # A part of an older release has fewer columns.
            whole = part if part.startswith(self._head) else self.write(self.read(part))
            file.write(whole.removeprefix(self._head))


def _to_row(cells: dict[str, Any]) -> Row:
    source = {key: cells[key] for key in ("source", *SOURCE_COLUMNS)}
    if cells["error_code"]:
        return source | {"error": {"code": cells["error_code"], "message": cells["error_message"]}}
    answer = {
        "name": cells["answer"],
        "id": cells["answer_id"],
        "score": cells["score"],
        "path": (cells["path"] or "").split(STEP),
    }
    return source | {
        **{key: cells[key] for key in ("status", "width", "height")},
        "answer": answer if answer["score"] else None,
        "predictions": [
            {"label": cells["top_class"], "score": cells["top_score"], "synset": cells["synset"]}
        ],
        "warnings": (cells.get("warnings") or "").split(),
    }
