"""Rows of CSV (RFC 4180) that no spreadsheet and no terminal obeys."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pictell.reports.escape import visible

# A cell that begins with one of these may be run as a formula. Source: OWASP, 'CSV Injection'.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def render_rows(
    columns: Sequence[str], groups: Iterable[Iterable[Mapping[str, Any]]]
) -> Iterator[bytes]:
    """The header, then each group of rows as one piece, in UTF-8.

    A row is its cells by column; one that is missing or ``None`` is empty.
    """
    yield _lines(columns, [dict(zip(columns, columns, strict=True))])
    for rows in groups:
        yield _lines(columns, rows)


def _lines(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, columns)
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    return buffer.getvalue().encode()


def _cell(value: Any) -> Any:
    """A text without control characters that is no formula; a quoted cell keeps its line breaks."""
    if not isinstance(value, str):
        return value
    safe = "\n".join(map(visible, value.split("\n")))
    return f"'{safe}" if value.startswith(FORMULA) else safe
