"""CSV: a row for each picture, for spreadsheets and data frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pictell.reports.csv_rows import render_rows
from pictell.reports.style import STEP, Style
from pictell.results import Result

# Programs rely on these names and their order: a new column goes to the end.
COLUMNS = (
    "source",
    "status",
    "answer",
    "answer_id",
    "score",
    "path",
    "top_class",
    "top_score",
    "synset",
    "width",
    "height",
    "error_code",
    "error_message",
    "warnings",
)


def render(results: Iterable[Result], style: Style) -> Iterator[bytes]:
    """The header, then the row of each result."""
    return render_rows(COLUMNS, ([to_cells(result.to_dict())] for result in results))


def to_cells(record: Mapping[str, Any]) -> dict[str, Any]:
    """The cells of a record, which has the fields of ``Result.to_dict()``, by column."""
    row = {"source": record["source"]}
    if error := record.get("error"):
        return row | {"error_code": error["code"], "error_message": error["message"]}
    row |= {key: record[key] for key in ("status", "width", "height")}
    for top in record["predictions"][:1]:
        row |= {"top_class": top["label"], "top_score": top["score"], "synset": top["synset"]}
    if answer := record["answer"]:
        row |= {
            "answer": answer["name"],
            "answer_id": answer["id"],
            "score": answer["score"],
            "path": STEP.join(answer["path"]),
        }
    # Rows of a table that an older release wrote have none.
    return row | {"warnings": " ".join(record.get("warnings") or ())}
