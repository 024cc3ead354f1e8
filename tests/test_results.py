"""Results as text and as plain data."""

import json
import os
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator, ValidationError

import schema
from generated_results import results
from pictell import errors
from pictell.results import Answer, Prediction, Result, Status, Timings

PREDICTIONS = (Prediction("Egyptian cat", 0.825, 285, "n02124075"), Prediction("tabby", 0.05, 281))
CAT = Answer("cat", 0.875, "n02121620", ("animal", "cat"), (281, 285))
RESULT = Result(
    "cat.jpg", "m", Status.SURE, CAT, PREDICTIONS, 640, 480, Timings(0.25, 1.5, 0.125, 10.0)
)
FAILED = Result(
    "a.jpg", "m", error=errors.HttpStatusError("the server answered 404", source="a.jpg")
)


@pytest.mark.parametrize(
    "result",
    [
        RESULT,
        replace(RESULT, status=Status.UNKNOWN, answer=None),
        Result("cat.jpg", "m", predictions=PREDICTIONS),
        replace(RESULT, warnings=("damaged", "truncated")),
    ],
)
def test_a_result_comes_back_from_json(result: Result) -> None:
    assert Result.from_dict(json.loads(json.dumps(result.to_dict()))) == result


def test_an_error_comes_back_as_its_class() -> None:
    found = Result.from_dict(json.loads(json.dumps(FAILED.to_dict())))
    assert type(found.error) is errors.HttpStatusError
    assert str(found.error) == str(FAILED.error) == "a.jpg: the server answered 404"
    with pytest.raises(errors.HttpStatusError):
        _ = found.top


def test_scores_are_rounded_to_six_digits_and_times_to_three() -> None:
    precise = replace(
        RESULT, timings=Timings(1.23456, 0, 0, 0), predictions=(Prediction("x", 0.123456789, 0),)
    )
    record = precise.to_dict()
    assert record["predictions"][0]["score"] == 0.123457
    assert (record["timings"]["read_ms"], record["timings"]["total_ms"]) == (1.235, 1.235)


@pytest.mark.parametrize(
    ("result", "line"),
    [
        (RESULT, "cat.jpg  cat (Egyptian cat 82 %)  88 %"),
        (replace(RESULT, status=Status.LIKELY), "cat.jpg  probably cat (Egyptian cat 82 %)  88 %"),
        (
            replace(RESULT, status=Status.UNSURE, answer=None),
            "cat.jpg  not sure; perhaps Egyptian cat  82 %",
        ),
        (replace(RESULT, status=None, answer=None), "cat.jpg  Egyptian cat  82 %"),
        (FAILED, "a.jpg  the server answered 404"),
        (
            replace(RESULT, warnings=("truncated",)),
            "cat.jpg  cat (Egyptian cat 82 %) (truncated)  88 %",
        ),
        (
            replace(RESULT, status=Status.UNKNOWN, answer=None, warnings=("damaged", "truncated")),
            "cat.jpg  not sure: unlike anything this model knows (damaged, truncated)",
        ),
    ],
)
def test_the_text_of_a_result_is_one_line(result: Result, line: str) -> None:
    assert str(result) == line
    assert len(repr(result)) < 100
    assert all(warning in repr(result) for warning in result.warnings)


@given(results)
def test_every_result_fits_the_schema_and_comes_back(result: Result) -> None:
    record = json.loads(json.dumps(result.to_dict()))
    schema.check(record)
    found = Result.from_dict(record)
    again = found.to_dict()
    if result.error is None:
        # The sum of rounded times differs from the rounded sum.
        del again["timings"]["total_ms"], record["timings"]["total_ms"]
    assert again == record
    assert os.fsencode(found.source) == os.fsencode(result.source)


def test_the_schema_is_valid_and_each_of_its_fields_is_described_and_written() -> None:
    described = dict(schema.fields(schema.SCHEMA))
    Draft202012Validator.check_schema(schema.SCHEMA)
    assert [path for path, field in described.items() if not field.get("description")] == []
    written = {key for result in (RESULT, FAILED) for key in schema.keys(result.to_dict())}
    assert written == described.keys()


# Results of older releases do not have them.
LATER_FIELDS = {"warnings"}


def test_a_result_of_an_older_release_has_no_warnings() -> None:
    record = replace(RESULT, warnings=("damaged",)).to_dict()
    del record["warnings"]
    schema.check(record)
    assert Result.from_dict(record) == RESULT


def test_a_warning_that_only_a_later_release_knows_is_kept() -> None:
    record = RESULT.to_dict() | {"warnings": ["scaled"]}
    schema.check(record)
    assert Result.from_dict(record).to_dict() == record
    assert "scaled" in str(Result.from_dict(record))


@pytest.mark.parametrize("wrong", ["damaged", [1], {"damaged": 1}])
def test_warnings_that_are_no_list_of_texts_are_an_error(wrong: object) -> None:
    with pytest.raises(TypeError, match="warnings"):
        Result.from_dict(RESULT.to_dict() | {"warnings": wrong})


def test_the_schema_requires_every_field_that_is_always_there() -> None:
    record, failed = RESULT.to_dict(), FAILED.to_dict()
    parts = (record, record["answer"], record["timings"], record["predictions"][0])
    for whole, part in [*((record, part) for part in parts), (failed, failed["error"])]:
        for key in list(part):
            if key in LATER_FIELDS:
                continue
            value = part.pop(key)
            assert not schema.VALIDATOR.is_valid(whole), key
            part[key] = value
        assert schema.VALIDATOR.is_valid(whole)


WRONG = [
    {"error": {"code": "source", "message": "no"}},
    {"status": "certain"},
    {"answer": "cat"},
    {"predictions": []},
    {"predictions": [{"label": "cat", "score": 87.5, "class_index": 1, "synset": None}]},
    {"width": "640"},
    {"width": 0},
    {"timings": {"total_ms": 1}},
    {"warnings": "damaged"},
    {"warnings": None},
]


@pytest.mark.parametrize("change", WRONG, ids=str)
def test_what_pictell_does_not_write_does_not_fit_the_schema(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        schema.VALIDATOR.validate(RESULT.to_dict() | change)


def test_a_later_release_may_add_fields() -> None:
    record = RESULT.to_dict()
    for part in (record, record["answer"], record["timings"], record["predictions"][0]):
        part["new"] = [0.5]
    assert schema.VALIDATOR.is_valid(record)
    assert Result.from_dict(record) == RESULT
