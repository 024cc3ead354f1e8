"""Results as text and as plain data."""

import json
from dataclasses import replace

import pytest

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
        (RESULT, "cat.jpg: cat 88 %"),
        (replace(RESULT, status=Status.LIKELY), "cat.jpg: probably cat 88 %"),
        (replace(RESULT, status=Status.UNSURE, answer=None), "cat.jpg: not sure"),
        (replace(RESULT, status=None, answer=None), "cat.jpg: Egyptian cat 82 %"),
        (FAILED, "a.jpg: the server answered 404"),
    ],
)
def test_the_text_of_a_result_is_one_line(result: Result, line: str) -> None:
    assert str(result) == line
