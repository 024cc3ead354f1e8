"""CSV, the long form: a row for each prediction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pictell.reports.csv_rows import render_rows
from pictell.reports.style import STEP, Style
from pictell.results import Result

COLUMNS = (
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
    "error_code",
    "error_message",
    "status",
    "answer",
    "answer_score",
    "answer_id",
    "answer_path",
    "warnings",
)


def render(results: Iterable[Result], style: Style) -> Iterator[bytes]:
    """The header, then the rows of each result; a failed one has one row with its error."""
    return render_rows(COLUMNS, map(_rows, results))


def _rows(result: Result) -> Iterator[dict[str, Any]]:
    record = result.to_dict()
    common = {"source": record["source"], "model": record["model"]}
    if "error" in record:
        yield common | {f"error_{key}": value for key, value in record["error"].items()}
        return
    common |= {key: record[key] for key in ("width", "height", "status")}
    common["warnings"] = " ".join(record["warnings"])
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
