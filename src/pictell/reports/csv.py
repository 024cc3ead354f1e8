"""CSV (RFC 4180): one row for each prediction, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from pictell.reports.escape import visible
from pictell.reports.style import STEP, Style
from pictell.results import Result

HEADER = (
    "source",
    "rank",
    "label",
    "score",
    "class_index",
    "synset",
    "model",
    "width",
    "height",
    "total_ms",
    "error",
    "message",
    "status",
    "answer",
    "answer_score",
    "answer_id",
    "answer_path",
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def render(results: Iterable[Result], style: Style) -> Iterator[bytes]:
    """The header, then the rows of each result; a failed one has one row with its error."""
    yield _lines([dict(zip(HEADER, HEADER, strict=True))])
    for result in results:
        yield _lines(_rows(result))


def _rows(result: Result) -> Iterator[dict[str, Any]]:
    record = result.to_dict()
    common = {"source": record["source"], "model": record["model"]}
    if "error" in record:
        yield common | {"error": record["error"]["code"], "message": record["error"]["message"]}
        return
    common |= {key: record[key] for key in ("width", "height", "status")}
    common["total_ms"] = record["timings"] and record["timings"]["total_ms"]
    if answer := record["answer"]:
        common |= {
            "answer": answer["name"],
            "answer_score": answer["score"],
            "answer_id": answer["id"],
            "answer_path": STEP.join(answer["path"]),
        }
    for rank, prediction in enumerate(record["predictions"], 1):
        yield common | {"rank": rank} | prediction


def _lines(rows: Iterable[dict[str, Any]]) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, HEADER)
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    return buffer.getvalue().encode()


def _cell(value: Any) -> Any:
    """A text that no spreadsheet takes for a formula; a quoted cell holds its line breaks.

    Source: OWASP, 'CSV Injection'.
    """
    if not isinstance(value, str):
        return value
    safe = "\n".join(map(visible, value.split("\n")))
    return f"'{safe}" if value.startswith(FORMULA) else safe
