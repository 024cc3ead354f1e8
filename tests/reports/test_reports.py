"""Each format, to the letter."""

import csv
import io
import json
import os
from collections.abc import Iterator

import pytest

from pictell.errors import BrokenPictureError, InvalidModelError
from pictell.reports import FORMATS, render
from pictell.reports.escape import visible
from pictell.reports.style import Style
from pictell.reports.text import bar, display_width
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
    Result("fog.jpg", "m", Status.UNSURE, None, (TABBY,), 1, 1),
    Result("noise.png", "m", Status.UNKNOWN, None, (TABBY,), 1, 1),
]
TEXT = """\
cat.jpg
  cat             █████████████████▌    87.5 %  domestic animal › cat
    Egyptian cat  ████████████████▌     82.5 %
    tabby         █                      5.0 %

dog.jpg
  tabby  █                      5.0 %

fur.jpg
  probably cat  88 %

fog.jpg
  not sure; perhaps tabby  5 %

noise.png
  not sure: unlike anything that this model knows
"""
CSV = """\
source,status,answer,answer_id,score,path,top_class,top_score,synset,width,height,error_code,error_message\r
cat.jpg,sure,cat,n02121620,0.875,animal › domestic animal › cat,Egyptian cat,0.825,n02124075,640,480,,\r
broken.jpg,,,,,,,,,,,broken_picture,"truncated, at 5 %"\r
dog.jpg,,,,,,tabby,0.05,,1,1,,\r
fur.jpg,likely,cat,n02121620,0.875,animal › domestic animal › cat,tabby,0.05,,1,1,,\r
fog.jpg,unsure,,,,,tabby,0.05,,1,1,,\r
noise.png,unknown,,,,,tabby,0.05,,1,1,,\r
"""  # noqa: E501
CSV_LONG = """\
source,rank,label,score,class_index,synset,model,width,height,total_ms,error,message,status,answer,answer_score,answer_id,answer_path\r
cat.jpg,1,Egyptian cat,0.825,285,n02124075,m,640,480,11.875,,,sure,cat,0.875,n02121620,animal › domestic animal › cat\r
cat.jpg,2,tabby,0.05,281,,m,640,480,11.875,,,sure,cat,0.875,n02121620,animal › domestic animal › cat\r
broken.jpg,,,,,,m,,,,broken_picture,"truncated, at 5 %",,,,,\r
dog.jpg,1,tabby,0.05,281,,m,1,1,,,,,,,,\r
fur.jpg,1,tabby,0.05,281,,m,1,1,,,,likely,cat,0.875,n02121620,animal › domestic animal › cat\r
fog.jpg,1,tabby,0.05,281,,m,1,1,,,,unsure,,,,\r
noise.png,1,tabby,0.05,281,,m,1,1,,,,unknown,,,,\r
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
    assert rendered("text", RESULTS) == TEXT
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


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (69, "  cat             █████████████████▌    87.5 %  domestic animal › cat"),
        (68, "  cat             █████████████████▌    87.5 %"),
        (46, "  cat             █████████████████▌    87.5 %"),
        (40, "  cat             ████████████▎   87.5 %"),
        (10, "  cat               87.5 %"),
    ],
)
def test_text_fits_the_terminal(columns: int, line: str) -> None:
    _, first, *_ = rendered("text", [RESULTS[0]], Style(columns=columns)).splitlines()
    assert first == line


def test_only_text_is_coloured_and_only_when_asked() -> None:
    coloured = {
        format_
        for format_ in FORMATS
        if rendered(format_, RESULTS, Style(colour=True)) != rendered(format_, RESULTS)
    }
    assert coloured == {"text"}
    assert rendered("text", RESULTS[2:3], Style(colour=True)) == (
        "\x1b[1mdog.jpg\x1b[0m\n  tabby  \x1b[36m█                   \x1b[0m   5.0 %\n"
    )


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("text", HOSTILE)
def test_text_from_outside_is_escaped_everywhere(format_: str, text: str) -> None:
    failed = Result(text, text, error=InvalidModelError(text))
    for result in (named(text), failed):
        written = rendered(format_, [result])
        unsafe = {char for char in text if not char.isprintable()} - {"\n"}
        assert not unsafe & set(written)
        written.encode()  # nothing that UTF-8 cannot say


def test_a_line_break_in_a_name_makes_no_line_of_text() -> None:
    assert rendered("text", [named("a\nb")]).splitlines()[0] == r"a\nb"


@pytest.mark.parametrize("text", [*HOSTILE, "größe/猫 😀.jpg", '"quoted" \\ back', ""])
def test_json_keeps_every_name_exactly(text: str) -> None:
    (result,) = json.loads(rendered("json", [named(text)]))
    assert os.fsencode(result["source"]) == os.fsencode(text)
    assert result["model"] == result["predictions"][0]["label"] == text
    assert json.loads(rendered("jsonl", [named(text)])) == result


@pytest.mark.parametrize("text", HOSTILE)
def test_a_line_of_jsonl_is_one_line(text: str) -> None:
    assert len(rendered("jsonl", [named(text)]).splitlines()) == 1


def test_an_answer_that_is_a_class_has_one_line() -> None:
    answer = Answer("Egyptian cat", 0.825, "n02124075", ("animal", "cat", "Egyptian cat"), (285,))
    result = Result("a", "m", Status.SURE, answer, (CAT, TABBY))
    _, *lines = rendered("text", [result]).splitlines()
    assert lines == ["  Egyptian cat  ████████████████▌     82.5 %  cat › Egyptian cat"]


def test_a_name_at_the_top_shows_no_path_and_only_its_own_classes() -> None:
    answer = Answer("animal", 0.825, "animal", ("animal",), (285, 286))
    result = Result("a", "m", Status.SURE, answer, (CAT, TABBY))
    _, *lines = rendered("text", [result]).splitlines()
    assert lines == [
        "  animal          ████████████████▌     82.5 %",
        "    Egyptian cat  ████████████████▌     82.5 %",
    ]


@pytest.mark.parametrize("text", ["tabby", *HOSTILE])
@pytest.mark.parametrize("status", [Status.LIKELY, Status.UNSURE, Status.UNKNOWN])
def test_what_is_not_sure_is_one_line(text: str, status: Status) -> None:
    answer = Answer(text, 0.6, "3", (text,), (3,)) if status is Status.LIKELY else None
    result = Result("a", "m", status, answer, (Prediction(text, 0.123, 3), CAT))
    _, line = rendered("text", [result]).splitlines()
    assert (visible(text) in line) == (status is not Status.UNKNOWN)


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


@pytest.mark.parametrize(
    ("score", "drawn"),
    [
        (0, ""),
        (1, 20 * "█"),
        (0.5, 10 * "█"),
        (0.5 + 5 / 160, 10 * "█" + "▋"),
        (0.00625, "▏"),
        (0.003, ""),
    ],
)
def test_bar(score: float, drawn: str) -> None:
    assert bar(score) == drawn.ljust(20)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("cat", 3),
        ("", 0),
        ("größe", 5),
        ("gro\u0308ße", 5),
        ("猫", 2),
        ("ｃａｔ", 6),
        ("한국", 4),
        ("😀", 2),
        ("กั", 1),
        ("कु", 1),
        ("a\u200bb", 2),
    ],
)
def test_columns_on_a_terminal(text: str, columns: int) -> None:
    assert display_width(text) == columns


def test_wide_and_combining_labels_are_aligned() -> None:
    labels = ["猫", "o\u0308l", "cat"]
    result = Result("a", "m", predictions=tuple(Prediction(label, 0.5, 0) for label in labels))
    rows = rendered("text", [result]).splitlines()[1:]
    assert [row.partition("█")[0] for row in rows] == ["  猫   ", "  o\u0308l   ", "  cat  "]
