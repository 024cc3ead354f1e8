"""What the command writes for programs fits the schema and its columns."""

import csv
import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

import fake_model as fake
import schema
from command import ROOT, pictell

CAT = ROOT / "samples" / "cat.jpg"
NAMES = (b"two\nlines.jpg", b"tab\t'quoted' \".jpg", b"=1+1.jpg", "😀.jpg".encode(), b"caf\xe9.jpg")
OPTIONS = (
    (),
    ("--flat",),
    ("--top-k", "1"),
    ("--max-depth", "1"),
    ("--min-confidence", "1"),
    ("--min-confidence", "1", "--max-depth", "1"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The samples, pictures with odd names, and one that is broken."""
    folder = tmp_path_factory.mktemp("pictures")
    shutil.copytree(ROOT / "samples", folder / "samples")
    for name in NAMES:
        shutil.copy(CAT, os.fsencode(folder) + b"/" + name)
    (folder / "broken\u202e.jpg").write_bytes(CAT.read_bytes()[:3000])
    return folder


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> tuple[str | Path, ...]:
    """Options for a model without WordNet ids, taxonomy and calibration."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "labels.txt").write_text('=dark\n"dim", or not\nbright\n', encoding="utf-8")
    (content,) = fake.weights(3).files.values()
    (folder / "m.onnx").write_bytes(content)
    return ("-m", folder / "m.onnx", "--labels", folder / "labels.txt", "--activation", "softmax")


def written(folder: Path, *options: str | Path) -> list[dict[str, Any]]:
    """The results in ``jsonl``, which are those in ``json`` but for their timings."""
    lines = pictell("-f", "jsonl", *options, ".", "missing.jpg", cwd=folder)
    assert lines.returncode == 1
    records = [json.loads(line) for line in lines.stdout.splitlines()]
    array = json.loads(pictell("-f", "json", *options, ".", "missing.jpg", cwd=folder).stdout)
    assert [_without_timings(one) for one in array] == [_without_timings(one) for one in records]
    for record in [*records, *array]:
        schema.check(record)
    return records


def _without_timings(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != "timings"}


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_results_fit_the_schema(folder: Path, options: tuple[str, ...]) -> None:
    records = written(folder, *options)
    sources = [os.fsencode(record["source"]) for record in records]
    assert {os.fsencode("./") + name for name in NAMES} <= set(sources)
    failed = {record["source"]: record["error"]["code"] for record in records if "error" in record}
    assert failed == {"./broken\u202e.jpg": "broken_picture", "missing.jpg": "source_not_found"}
    classified = [record for record in records if "error" not in record]
    for record in classified:
        assert (record["answer"] is not None) == (record["status"] in {"sure", "likely"})
    assert (None in {record["status"] for record in classified}) == ("--flat" in options)
    noise = next(one for one in classified if one["source"].endswith("noise.png"))
    assert noise["status"] == (None if "--flat" in options else "unknown")


def test_results_of_a_model_without_calibration_fit_the_schema(
    folder: Path, bare: tuple[str | Path, ...]
) -> None:
    records = [one for one in written(folder, *bare) if "error" not in one]
    assert {record["status"] for record in records} == {None}
    assert {one["synset"] for record in records for one in record["predictions"]} == {None}


@pytest.mark.parametrize("model", ["default", "bare"])
def test_csv_has_the_results_of_json(
    folder: Path, bare: tuple[str | Path, ...], model: str
) -> None:
    options = bare if model == "bare" else ()
    records = written(folder, *options)
    run = pictell("-f", "csv", *options, ".", "missing.jpg", cwd=folder, encoding=None)
    text = run.stdout.decode("utf-8")
    rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    assert len(rows) == len(records)
    for row, record in zip(rows, records, strict=True):
        answer, error = record.get("answer") or {}, record.get("error") or {}
        assert row["status"] == (record.get("status") or "")
        assert row["answer_id"] == answer.get("id", "")
        assert row["score"] == str(answer.get("score", ""))
        assert row["error_code"] == error.get("code", "")
        assert row["width"] == str(record.get("width", ""))
    sources = {row["source"] for row in rows}
    assert {"./two\nlines.jpg", "./tab\\t'quoted' \".jpg", "./caf\\xe9.jpg", "./😀.jpg"} <= sources
    if model == "bare":
        labels = {row["top_class"] for row in rows} - {""}
        assert labels <= {"'=dark", '"dim", or not', "bright"}
