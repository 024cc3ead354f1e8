"""Each format, to the letter."""

import csv
import io
import json
import os
from collections.abc import Iterator

import pytest

from pictell.errors import BrokenPictureError, InvalidModelError
from pictell.reports import FORMATS
from pictell.reports.escape import visible
from pictell.reports.style import Style
from pictell.reports.text import bar, display_width
from pictell.types import Answer, Prediction, Result, Timings

CAT = Prediction("Egyptian cat", 0.8249999, 285, "n02124075")
TABBY = Prediction("tabby", 0.05, 281, None)
A_CAT = Answer("cat", 0.875, "n02121620", ("animal", "domestic animal", "cat"), (281, 282, 285))
RESULTS = [
    Result(
        "cat.jpg",
        "m",
        (CAT, TABBY),
        640,
        480,
        Timings(0.25, 1.5, 0.125, 10.0004),
        answer=A_CAT,
        sure=True,
    ),
    Result("broken.jpg", "m", error=BrokenPictureError("truncated, at 5 %")),
    Result("dog.jpg", "m", (TABBY,), 1, 1),
    Result("fur.jpg", "m", (TABBY,), 1, 1, sure=False, guess=A_CAT, known=True),
    Result("noise.png", "m", (TABBY,), 1, 1, sure=False, known=False),
]
GOLDENS = {
    "text": """\
cat.jpg
  cat             █████████████████▌    87.5 %  domestic animal › cat
    Egyptian cat  ████████████████▌     82.5 %
    tabby         █                      5.0 %

dog.jpg
  tabby  █                      5.0 %

fur.jpg
  not sure (best guess: cat 88 %)

noise.png
  not sure (best guess: tabby 5 %): like nothing it knows
""",
    "json": """\
[
{"source": "cat.jpg", "model": "m", "predictions": [{"label": "Egyptian cat", "score": 0.825, "class_index": 285, "synset": "n02124075"}, {"label": "tabby", "score": 0.05, "class_index": 281, "synset": null}], "answer": "cat", "answer_score": 0.875, "answer_synset": "n02121620", "answer_path": ["animal", "domestic animal", "cat"], "sure": true, "known": null, "guess": null, "guess_score": null, "width": 640, "height": 480, "timings": {"read_ms": 0.25, "decode_ms": 1.5, "preprocess_ms": 0.125, "run_ms": 10.0, "total_ms": 11.875}},
{"source": "broken.jpg", "model": "m", "error": {"code": "broken_picture", "message": "truncated, at 5 %"}},
{"source": "dog.jpg", "model": "m", "predictions": [{"label": "tabby", "score": 0.05, "class_index": 281, "synset": null}], "answer": null, "answer_score": null, "answer_synset": null, "answer_path": null, "sure": null, "known": null, "guess": null, "guess_score": null, "width": 1, "height": 1},
{"source": "fur.jpg", "model": "m", "predictions": [{"label": "tabby", "score": 0.05, "class_index": 281, "synset": null}], "answer": null, "answer_score": null, "answer_synset": null, "answer_path": null, "sure": false, "known": true, "guess": "cat", "guess_score": 0.875, "width": 1, "height": 1},
{"source": "noise.png", "model": "m", "predictions": [{"label": "tabby", "score": 0.05, "class_index": 281, "synset": null}], "answer": null, "answer_score": null, "answer_synset": null, "answer_path": null, "sure": false, "known": false, "guess": null, "guess_score": null, "width": 1, "height": 1}
]
""",  # noqa: E501
    "jsonl": """\
{"source": "cat.jpg", "model": "m", "predictions": [{"label": "Egyptian cat", "score": 0.825, "class_index": 285, "synset": "n02124075"}, {"label": "tabby", "score": 0.05, "class_index": 281, "synset": null}], "answer": "cat", "answer_score": 0.875, "answer_synset": "n02121620", "answer_path": ["animal", "domestic animal", "cat"], "sure": true, "known": null, "guess": null, "guess_score": null, "width": 640, "height": 480, "timings": {"read_ms": 0.25, "decode_ms": 1.5, "preprocess_ms": 0.125, "run_ms": 10.0, "total_ms": 11.875}}
{"source": "broken.jpg", "model": "m", "error": {"code": "broken_picture", "message": "truncated, at 5 %"}}
{"source": "dog.jpg", "model": "m", "predictions": [{"label": "tabby", "score": 0.05, "class_index": 281, "synset": null}], "answer": null, "answer_score": null, "answer_synset": null, "answer_path": null, "sure": null, "known": null, "guess": null, "guess_score": null, "width": 1, "height": 1}
{"source": "fur.jpg", "model": "m", "predictions": [{"label": "tabby", "score": 0.05, "class_index": 281, "synset": null}], "answer": null, "answer_score": null, "answer_synset": null, "answer_path": null, "sure": false, "known": true, "guess": "cat", "guess_score": 0.875, "width": 1, "height": 1}
{"source": "noise.png", "model": "m", "predictions": [{"label": "tabby", "score": 0.05, "class_index": 281, "synset": null}], "answer": null, "answer_score": null, "answer_synset": null, "answer_path": null, "sure": false, "known": false, "guess": null, "guess_score": null, "width": 1, "height": 1}
""",  # noqa: E501
    "csv": """\
source,rank,label,score,class_index,synset,model,width,height,total_ms,error,message,answer,answer_score,answer_synset,answer_path,sure,known,guess,guess_score\r
cat.jpg,1,Egyptian cat,0.825,285,n02124075,m,640,480,11.875,,,cat,0.875,n02121620,animal › domestic animal › cat,true,,,\r
cat.jpg,2,tabby,0.05,281,,m,640,480,11.875,,,cat,0.875,n02121620,animal › domestic animal › cat,true,,,\r
broken.jpg,,,,,,m,,,,broken_picture,"truncated, at 5 %",,,,,,,,\r
dog.jpg,1,tabby,0.05,281,,m,1,1,,,,,,,,,,,\r
fur.jpg,1,tabby,0.05,281,,m,1,1,,,,,,,,false,true,cat,0.875\r
noise.png,1,tabby,0.05,281,,m,1,1,,,,,,,,false,false,,\r
""",  # noqa: E501
}
EMPTY = {"text": "", "json": "[]\n", "jsonl": "", "csv": GOLDENS["csv"].split("\r\n")[0] + "\r\n"}
HOSTILE = [
    "\x1b]0;owned\x07\x1b[2J.jpg",
    "two\nlines.jpg",
    "\u202egpj.exe",
    "\x9b31m",
    os.fsdecode(b"caf\xe9.jpg"),
    "line\u2028separator",
]


def rendered(format_: str, results: list[Result], style: Style = Style()) -> str:
    return "".join(FORMATS[format_](results, style))


def named(text: str) -> Result:
    """A result in which every piece of text is the same."""
    answer = Answer(text, 0.75, text, (text, text), (0, 1))
    return Result(text, text, (Prediction(text, 0.5, 0, text),), 1, 1, answer=answer, guess=answer)


@pytest.mark.parametrize("format_", FORMATS)
def test_golden(format_: str) -> None:
    assert rendered(format_, RESULTS) == GOLDENS[format_]


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

    written = ""
    for piece in FORMATS[format_](results(), Style()):
        written += piece
        if "dog.jpg" not in written and "cat.jpg" in written:
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
        if rendered(format_, RESULTS, Style(colour=True)) != GOLDENS[format_]
    }
    assert coloured == {"text"}
    assert rendered("text", RESULTS[2:3], Style(colour=True)) == (
        "\x1b[1mdog.jpg\x1b[0m\n  tabby  \x1b[36m█                   \x1b[0m   5.0 %\n"
    )


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("text", HOSTILE)
def test_foreign_text_is_harmless_wherever_it_stands(format_: str, text: str) -> None:
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


def test_an_answer_that_is_a_class_is_told_once() -> None:
    answer = Answer("Egyptian cat", 0.825, "n02124075", ("animal", "cat", "Egyptian cat"), (285,))
    result = Result("a", "m", (CAT, TABBY), 1, 1, answer=answer)
    _, *lines = rendered("text", [result]).splitlines()
    assert lines == ["  Egyptian cat  ████████████████▌     82.5 %  cat › Egyptian cat"]


def test_a_name_at_the_top_shows_no_path_and_only_its_own_classes() -> None:
    answer = Answer("animal", 0.825, None, ("animal",), (285, 286))
    result = Result("a", "m", (CAT, TABBY), 1, 1, answer=answer)
    _, *lines = rendered("text", [result]).splitlines()
    assert lines == [
        "  animal          ████████████████▌     82.5 %",
        "    Egyptian cat  ████████████████▌     82.5 %",
    ]


@pytest.mark.parametrize("text", ["tabby", *HOSTILE])
def test_not_sure_is_one_line_with_the_best_guess(text: str) -> None:
    result = Result("a", "m", (Prediction(text, 0.123, 3), CAT), 1, 1, sure=False)
    _, line = rendered("text", [result]).splitlines()
    assert line == f"  not sure (best guess: {visible(text)} 12 %)"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_text_cell_of_csv_is_a_formula(start: str) -> None:
    text = f'{start}cmd|"/C calc"!A0'
    failed = Result(text, text, error=InvalidModelError(text))
    rows = list(csv.DictReader(io.StringIO(rendered("csv", [named(text), failed]), newline="")))
    for row, cells in zip(
        rows,
        [("source", "model", "label", "synset", "answer"), ("source", "model", "message")],
        strict=True,
    ):
        for cell in cells:
            assert row[cell].startswith("'"), cell


def test_numbers_of_csv_are_left_alone() -> None:
    result = Result("a", "m", (Prediction("b", -0.5, 3),), 1, 1)
    assert ",-0.5,3," in rendered("csv", [result])


@pytest.mark.parametrize("text", ['a,b "c"', "a\nb", "größe 猫", " a ", "a=b", ""])
def test_csv_comes_back_through_a_reader(text: str) -> None:
    (row,) = csv.DictReader(io.StringIO(rendered("csv", [named(text)]), newline=""))
    assert row["source"] == row["label"] == row["model"] == text


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
    result = Result("a", "m", tuple(Prediction(label, 0.5, 0) for label in labels), 1, 1)
    rows = rendered("text", [result]).splitlines()[1:]
    assert [row.partition("█")[0] for row in rows] == ["  猫   ", "  o\u0308l   ", "  cat  "]
