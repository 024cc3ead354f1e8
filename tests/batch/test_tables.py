"""The formats of a table: what is written is read back, and read by other programs."""

import io
import json
from pathlib import Path

import duckdb
import numpy as np
import pandas
import pyarrow.dataset
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import generated_results
from pictell.batch.entries import Entry, to_entry
from pictell.batch.rows import Row, copy_row, make_row, to_fact
from pictell.errors import BrokenPictureError, UsageError
from pictell.reports.tables import TABLES, table_format
from pictell.results import Answer, Prediction, Result, Status

LENGTH = 4
names = st.one_of(generated_results.names).filter(lambda name: "\0" not in name)


@st.composite
def some_rows(draw: st.DrawFn) -> list[Row]:
    rows = []
    for result in draw(st.lists(generated_results.results, max_size=4)):
        entry = to_entry(result.source)
        sha256 = draw(st.none() | st.just("0f" * 32))
        rows.append(make_row(result, entry, sha256))
    return rows


@pytest.mark.parametrize("format_", TABLES)
@given(rows=some_rows())
@settings(max_examples=60)
def test_rows_that_are_written_read_and_written_are_the_same_bytes(
    format_: str, rows: list[Row]
) -> None:
    table = table_format(format_)
    content = table.write(rows)
    again = table.read(content)
    assert [to_fact(row) for row in again] == [to_fact(row) for row in rows]
    assert table.write(again) == content


@pytest.mark.parametrize("format_", TABLES)
def test_parts_become_one_file_with_all_rows(format_: str) -> None:
    table, file = table_format(format_), io.BytesIO()
    parts = [table.write(plain[:2]), table.write([]), table.write(plain[2:])]
    table.join(parts, file)
    assert table.read(file.getvalue()) == table.read(table.write(plain))
    empty = io.BytesIO()
    table.join([], empty)
    assert table.read(empty.getvalue()) == []


def row(name: str, **changes: object) -> Row:
    answer = Answer("cat", 0.9, "n1", ("animal", "cat"), (1, 2))
    classes = (Prediction("tabby", 0.6, 1, "n2"), Prediction("tiger cat", 0.3, 2))
    embedding = np.array([0.6, 0, 0.8, 0], np.float32)
    result = Result(name, "fake", Status.SURE, answer, classes, 30, 20, embedding=embedding)
    return make_row(result, Entry(f"file:///{name}", name, Path(name), 5, "17"), "ab" * 32)


broken = make_row(
    Result("b.jpg", "fake", error=BrokenPictureError("cut off")),
    Entry("file:///b.jpg", "b.jpg", Path("b.jpg"), 3, "18"),
    None,
)
rows = [row("a.jpg"), broken, row("c.jpg")]
plain = [{key: value for key, value in one.items() if key != "embedding"} for one in rows]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A table of two parts, as Parquet with embeddings."""
    table = table_format("parquet", LENGTH)
    (tmp_path / "part-00001.parquet").write_bytes(table.write(rows[:2]))
    # A part in which all pictures failed has the same columns.
    (tmp_path / "part-00002.parquet").write_bytes(table.write(rows[1:2]))
    (tmp_path / "part-00003.parquet").write_bytes(table.write(rows[2:]))
    (tmp_path / ".pictell").mkdir()
    (tmp_path / ".pictell" / "job.json").write_text("{}")
    return tmp_path


def test_pandas_reads_parquet(folder: Path) -> None:
    frame = pandas.read_parquet(folder)
    assert frame["source"].tolist() == ["a.jpg", "b.jpg", "b.jpg", "c.jpg"]
    assert frame["predictions"][0][0] == {
        "label": "tabby", "score": 0.6, "class_index": 1, "synset": "n2",
    }  # fmt: skip
    np.testing.assert_allclose(frame["embedding"][3], [0.6, 0, 0.8, 0], atol=1e-7)
    assert frame["error"][1] == {"code": "broken_picture", "message": "cut off"}


def test_duckdb_reads_parquet(folder: Path) -> None:
    query = f"""
        SELECT source, answer.name, len(predictions), error.code, embedding[3]
        FROM '{folder}/*.parquet' ORDER BY source LIMIT 2
    """
    found = duckdb.sql(query).fetchall()
    assert found[0] == ("a.jpg", "cat", 2, None, pytest.approx(0.8))
    assert found[1] == ("b.jpg", None, None, "broken_picture", None)


def test_a_dataset_of_pyarrow_reads_parquet(folder: Path) -> None:
    dataset = pyarrow.dataset.dataset(folder)
    table = dataset.to_table(filter=pyarrow.dataset.field("status") == "sure")
    assert table["uri"].to_pylist() == ["file:///a.jpg", "file:///c.jpg"]
    assert dataset.schema.field("embedding").type.list_size == LENGTH
    assert dataset.schema.metadata[b"pictell.schema"] == b"result-v1"


def test_json_lines_have_the_fields_of_a_result(tmp_path: Path) -> None:
    content = table_format("jsonl", LENGTH).write(rows)
    first, second, _ = map(json.loads, content.splitlines())
    assert Result.from_dict(first).answer == Result.from_dict(rows[0]).answer
    assert first["embedding"] == [0.6, 0, 0.8, 0]
    assert (second["error"]["code"], second["embedding"]) == ("broken_picture", None)
    (tmp_path / "table.jsonl").write_bytes(content)
    assert len(pandas.read_json(tmp_path / "table.jsonl", lines=True)) == 3


@pytest.mark.parametrize("format_", ["jsonl", "parquet"])
def test_an_embedding_is_read_back(format_: str) -> None:
    table = table_format(format_, LENGTH)
    content = table.write(rows)
    again = table.read(content)
    np.testing.assert_allclose(again[0]["embedding"], rows[0]["embedding"], atol=1e-6)
    assert again[1]["embedding"] is None
    assert table.write(again) == content


def test_csv_takes_no_embedding() -> None:
    with pytest.raises(UsageError, match="embeddings"):
        table_format("csv", LENGTH)


@pytest.mark.parametrize("format_", TABLES)
def test_a_copy_has_the_result_of_another_source(format_: str) -> None:
    table = table_format(format_)
    (first,) = table.read(table.write(plain[:1]))
    entry = Entry("file:///d.jpg", "d.jpg", Path("d.jpg"), 5, "99")
    copy = copy_row(first, entry, "ab" * 32)
    (again,) = table.read(table.write([copy]))
    assert (again["source"], again["uri"], again["version"]) == ("d.jpg", "file:///d.jpg", "99")
    assert again["answer"] == first["answer"]
