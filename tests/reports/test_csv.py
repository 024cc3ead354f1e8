"""CSV comes back from a reader with every cell, whatever names hold."""

import csv
import io
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from generated_results import results
from pictell.reports import render
from pictell.reports.escape import visible
from pictell.reports.style import Style
from pictell.results import Result

FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def rows(format_: str, found: list[Result]) -> list[dict[str, str]]:
    written = b"".join(render(format_, found, Style())).decode()
    return list(csv.DictReader(io.StringIO(written, newline=""), strict=True))


def cell(value: Any) -> str:
    """A value as it stands in a cell."""
    if not isinstance(value, str):
        return "" if value is None else str(value)
    shown = "\n".join(visible(line) for line in value.split("\n"))
    return f"'{shown}" if value.startswith(FORMULA) else shown


def cells(**values: Any) -> dict[str, str]:
    return {key: cell(value) for key, value in values.items()}


def of_picture(record: Mapping[str, Any]) -> dict[str, str]:
    """The row that a result has in ``csv``, from its JSON."""
    answer, error = record.get("answer") or {}, record.get("error") or {}
    (top, *_) = record.get("predictions", [{}])
    return cells(
        source=record["source"],
        status=record.get("status"),
        answer=answer.get("name"),
        answer_id=answer.get("id"),
        score=answer.get("score"),
        path=" › ".join(answer.get("path", ())),
        top_class=top.get("label"),
        top_score=top.get("score"),
        synset=top.get("synset"),
        width=record.get("width"),
        height=record.get("height"),
        error_code=error.get("code"),
        error_message=error.get("message"),
        warnings=" ".join(record.get("warnings", ())),
    )


@given(st.lists(results, max_size=3))
def test_csv_has_each_picture_in_a_row(found: list[Result]) -> None:
    assert rows("csv", found) == [of_picture(result.to_dict()) for result in found]


@given(results)
def test_csv_long_has_each_prediction_in_a_row(result: Result) -> None:
    record = result.to_dict()
    found = rows("csv-long", [result])
    if "error" in record:
        (row,) = found
        assert {key: value for key, value in row.items() if value} == {
            key: value
            for key, value in cells(
                source=record["source"],
                model=record["model"],
                error_code=record["error"]["code"],
                error_message=record["error"]["message"],
            ).items()
            if value
        }
        return
    expected = [
        cells(rank=rank, **prediction) for rank, prediction in enumerate(record["predictions"], 1)
    ]
    assert [{key: row[key] for key in expected[0]} for row in found] == expected
    assert {row["status"] for row in found} == {cell(record["status"])}
    assert {row["warnings"] for row in found} == {" ".join(record["warnings"])}
    assert {row["total_ms"] for row in found} == {cell(record["timings"]["total_ms"])}


@given(results)
def test_no_cell_is_a_formula_and_no_control_is_obeyed(result: Result) -> None:
    for format_ in ("csv", "csv-long"):
        for row in rows(format_, [result]):
            assert not [cell for cell in row.values() if cell.startswith(FORMULA)]
            text = "".join(row.values()).replace("\n", "")
            assert visible(text) == text
