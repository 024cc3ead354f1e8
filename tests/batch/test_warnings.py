"""Warnings in a table, and tables of releases that knew no warnings."""

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

import pictell
from batch_runs import Runs, draw
from damaged_pictures import damage
from pictell.batch.entries import to_entry
from pictell.batch.part import Choice, make_part
from pictell.batch.rows import make_row
from pictell.reports.tables import TABLES, table_format
from pictell.results import Result


@pytest.fixture
def harmed(photos: Path) -> Path:
    """The pictures: 1.png is truncated, 4.png is damaged and truncated, broken.png fails."""
    damage(photos / "1.png", "truncated")
    damage(photos / "4.png", "damaged", "truncated")
    return photos


def older(content: bytes, format_: str) -> bytes:
    """A part as releases without warnings wrote it."""
    if format_ == "parquet":
        table = pyarrow.parquet.read_table(pyarrow.BufferReader(content))
        sink = pyarrow.BufferOutputStream()
        pyarrow.parquet.write_table(table.drop_columns("warnings"), sink)
        return bytes(sink.getvalue())
    if format_ == "csv":
        rows = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
        names = [name for name in rows[0] if name != "warnings"]
        file = io.StringIO(newline="")
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
        return file.getvalue().encode()
    records = [json.loads(line) for line in content.splitlines()]
    lines = [{key: one[key] for key in one if key != "warnings"} for one in records]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def warnings_of(path: Path) -> dict[str, Any]:
    """The warnings in a file by the name of the picture."""
    rows = table_format(path.suffix[1:]).read(path.read_bytes())
    names = [Path(row["source"]).name for row in rows]
    assert len(set(names)) == len(names)
    return {name: row.get("warnings") for name, row in zip(names, rows, strict=True)}


@pytest.mark.parametrize("format_", TABLES)
def test_rows_have_warnings_and_so_have_copies(
    format_: str, classifier: pictell.Classifier, harmed: Path, tmp_path: Path
) -> None:
    table = tmp_path / f"labels.{format_}"
    runs = Runs(classifier, str(table))
    runs(harmed)
    found = warnings_of(table)
    assert found.pop("broken.png") is None
    assert {name: [*one] for name, one in found.items() if one} == {
        "1.png": ["truncated"],
        "4.png": ["damaged", "truncated"],
    }
    assert found["0.png"] == []
    shutil.copy(harmed / "4.png", harmed / "copy.png")
    runs(harmed)
    assert warnings_of(table)["copy.png"] == ["damaged", "truncated"]


@pytest.mark.parametrize("format_", TABLES)
def test_a_table_of_an_older_release_goes_on_with_warnings(
    format_: str, classifier: pictell.Classifier, harmed: Path, tmp_path: Path
) -> None:
    table = tmp_path / f"labels.{format_}"
    runs = Runs(classifier, str(table))
    runs(harmed)
    for path in table.with_name(f"{table.name}.parts").glob("part-*"):
        path.write_bytes(older(path.read_bytes(), format_))
    table.write_bytes(older(table.read_bytes(), format_))
    assert runs(harmed).planned == 0
    # A new row, and an old part that is written again without a row.
    damage(draw(harmed / "new.png", 99), "damaged")
    draw(harmed / "0.png", 251)
    assert runs(harmed).planned == 2
    found = warnings_of(table)
    assert len(found) == 8
    assert (found["new.png"], found["0.png"]) == (["damaged"], [])
    assert not found["1.png"]
    if format_ != "csv":  # where an empty cell says both
        assert found["1.png"] is None


@pytest.mark.parametrize("format_", TABLES)
def test_an_old_row_that_is_written_again_still_knows_no_warnings(format_: str) -> None:
    table = table_format(format_)
    row = make_row(Result("a.png", "m", width=1, height=1), to_entry("a.png"), None)
    row["predictions"] = [{"label": "cat", "score": 0.5, "class_index": 0, "synset": None}]
    (old,) = table.read(older(table.write([row]), format_))
    (again,) = table.read(table.write([old]))
    assert again.get("warnings") == old.get("warnings")


def test_who_watches_a_part_that_is_made_elsewhere_sees_warnings(
    classifier: pictell.Classifier, harmed: Path
) -> None:
    entries = [to_entry(str(harmed / name)) for name in ("0.png", "1.png", "broken.png")]
    part = make_part(classifier, 1, entries, Choice(), table_format("jsonl"))
    assert [one.warnings for one in part.outcomes] == [(), ("truncated",), ()]
    rows = table_format("jsonl").read(part.content)
    assert [row.get("warnings") for row in rows] == [[], ["truncated"], None]
