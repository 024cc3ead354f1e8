"""Each format, to the letter."""

import csv
import io
import json
import os
from collections.abc import Iterator

import pytest

from pictell.errors import BrokenPictureError, InvalidModelError
from pictell.reports import FORMATS, render
from pictell.reports.style import Style
from pictell.results import Answer, Prediction, Result, Status, Timings

CAT = Prediction("Egyptian cat", 0.8249999, 285, "n02124075")
TABBY = Prediction("tabby", 0.05, 281, None)
A_CAT = Answer("cat", 0.875, "n02121620", ("animal", "domestic animal", "cat"), (281, 282, 285))
RESULTS = [
    Result(
        "cat.jpg",
        "m",
        Status.SURE,
        A_CAT,
        (CAT, TABBY),
        640,
        480,
        Timings(0.25, 1.5, 0.125, 10.0004),
    ),
    Result("broken.jpg", "m", error=BrokenPictureError("truncated, at 5 %", source="broken.jpg")),
    Result("dog.jpg", "m", predictions=(TABBY,), width=1, height=1),
    Result("fur.jpg", "m", Status.LIKELY, A_CAT, (TABBY,), 1, 1),
    Result("fog.jpg", "m", Status.UNSURE, None, (TABBY,), 1, 1, warnings=("damaged", "truncated")),
    Result("noise.png", "m", Status.UNKNOWN, None, (TABBY,), 1, 1),
]
TEXT = """\
cat.jpg    cat (Egyptian cat 82 %)                      88 %
dog.jpg    tabby                                         5 %
fur.jpg    probably cat                                 88 %
fog.jpg    not sure; perhaps tabby (damaged, truncated)    5 %
noise.png  not sure: unlike anything this model knows
"""
CSV = """\
source,status,answer,answer_id,score,path,top_class,top_score,synset,width,height,error_code,error_message,warnings\r
cat.jpg,sure,cat,n02121620,0.875,animal › domestic animal › cat,Egyptian cat,0.825,n02124075,640,480,,,\r
broken.jpg,,,,,,,,,,,broken_picture,"truncated, at 5 %",\r
dog.jpg,,,,,,tabby,0.05,,1,1,,,\r
fur.jpg,likely,cat,n02121620,0.875,animal › domestic animal › cat,tabby,0.05,,1,1,,,\r
fog.jpg,unsure,,,,,tabby,0.05,,1,1,,,damaged truncated\r
noise.png,unknown,,,,,tabby,0.05,,1,1,,,\r
"""  # noqa: E501
CSV_LONG = """\
source,rank,label,score,class_index,synset,model,width,height,total_ms,error_code,error_message,status,answer,answer_score,answer_id,answer_path,warnings\r
cat.jpg,1,Egyptian cat,0.825,285,n02124075,m,640,480,11.875,,,sure,cat,0.875,n02121620,animal › domestic animal › cat,\r
cat.jpg,2,tabby,0.05,281,,m,640,480,11.875,,,sure,cat,0.875,n02121620,animal › domestic animal › cat,\r
broken.jpg,,,,,,m,,,,broken_picture,"truncated, at 5 %",,,,,,\r
dog.jpg,1,tabby,0.05,281,,m,1,1,,,,,,,,,\r
fur.jpg,1,tabby,0.05,281,,m,1,1,,,,likely,cat,0.875,n02121620,animal › domestic animal › cat,\r
fog.jpg,1,tabby,0.05,281,,m,1,1,,,,unsure,,,,,damaged truncated\r
noise.png,1,tabby,0.05,281,,m,1,1,,,,unknown,,,,,\r
"""  # noqa: E501
EMPTY = {
    "text": "",
    "json": "[]\n",
    "jsonl": "",
    "csv": CSV.split("\r\n")[0] + "\r\n",
    "csv-long": CSV_LONG.split("\r\n")[0] + "\r\n",
}
HOSTILE = [
    "\x1b]0;owned\x07\x1b[2J.jpg",
    "two\nlines.jpg",
    "\u202egpj.exe",
    "\x9b31m",
    os.fsdecode(b"caf\xe9.jpg"),
    "line\u2028separator",
]


def rendered(format_: str, results: list[Result], style: Style = Style()) -> str:
    return b"".join(render(format_, results, style)).decode()


def named(text: str) -> Result:
    """A result in which every piece of text is the same."""
    answer = Answer(text, 0.75, text, (text, text), (0, 1))
    return Result(text, text, Status.SURE, answer, (Prediction(text, 0.5, 0, text),), 1, 1)


def test_text_and_csv() -> None:
    assert rendered("text", RESULTS, Style(names=["noise.png"])) == TEXT
    assert rendered("csv", RESULTS) == CSV
    assert rendered("csv-long", RESULTS) == CSV_LONG


def test_json_and_json_lines_are_to_dict() -> None:
    records = [result.to_dict() for result in RESULTS]
    assert json.loads(rendered("json", RESULTS)) == records
    assert [json.loads(line) for line in rendered("jsonl", RESULTS).splitlines()] == records


@pytest.mark.parametrize("format_", FORMATS)
def test_no_results_are_a_whole_document_too(format_: str) -> None:
    assert rendered(format_, []) == EMPTY[format_]


@pytest.mark.parametrize("format_", FORMATS)
def test_every_result_is_written_before_the_next_is_asked_for(format_: str) -> None:
    asked: list[str] = []

    def results() -> Iterator[Result]:
        for result in (RESULTS[0], RESULTS[2]):
            asked.append(result.source)
            yield result

    written = b""
    for piece in render(format_, results(), Style()):
        written += piece
        if b"dog.jpg" not in written and b"cat.jpg" in written:
            assert asked == ["cat.jpg"]
    assert asked == ["cat.jpg", "dog.jpg"]


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("text", HOSTILE)
def test_text_from_outside_is_escaped_everywhere(format_: str, text: str) -> None:
    failed = Result(text, text, error=InvalidModelError(text))
    for result in (named(text), failed):
        written = rendered(format_, [result])
        unsafe = {char for char in text if not char.isprintable()} - {"\n"}
        assert not unsafe & set(written)
        written.encode()  # nothing that UTF-8 cannot say


@pytest.mark.parametrize("text", [*HOSTILE, "größe/猫 😀.jpg", '"quoted" \\ back', ""])
def test_json_keeps_every_name_exactly(text: str) -> None:
    (result,) = json.loads(rendered("json", [named(text)]))
    assert os.fsencode(result["source"]) == os.fsencode(text)
    assert result["model"] == result["predictions"][0]["label"] == text
    assert json.loads(rendered("jsonl", [named(text)])) == result


@pytest.mark.parametrize("text", HOSTILE)
def test_a_line_of_jsonl_is_one_line(text: str) -> None:
    assert len(rendered("jsonl", [named(text)]).splitlines()) == 1


@pytest.mark.parametrize("format_", ["csv", "csv-long"])
@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_no_text_cell_of_csv_is_a_formula(format_: str, start: str) -> None:
    text = f'{start}cmd|"/C calc"!A0'
    failed = Result(text, text, error=InvalidModelError(text))
    written = rendered(format_, [named(text), failed])
    cells = [cell for row in list(csv.reader(io.StringIO(written, newline="")))[1:] for cell in row]
    with_text = [cell for cell in cells if "calc" in cell]
    assert len(with_text) >= 7
    assert all(cell.startswith("'") for cell in with_text)


def test_numbers_of_csv_are_left_alone() -> None:
    result = Result("a", "m", predictions=(Prediction("b", -0.5, 3),))
    assert ",b,-0.5," in rendered("csv", [result])
    assert ",b,-0.5,3," in rendered("csv-long", [result])


@pytest.mark.parametrize("text", ['a,b "c"', "a\nb", "größe 猫", " a ", "a=b", "😀", ""])
def test_csv_comes_back_through_a_reader(text: str) -> None:
    (row,) = csv.DictReader(io.StringIO(rendered("csv", [named(text)]), newline=""))
    assert {row[key] for key in ("source", "answer", "answer_id", "top_class", "synset")} == {text}
    (row,) = csv.DictReader(io.StringIO(rendered("csv-long", [named(text)]), newline=""))
    assert {row[key] for key in ("source", "answer", "answer_id", "label", "model")} == {text}
