"""Text for people: lines of several pictures, the paragraph of one."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import generated_results
from pictell.errors import BrokenPictureError
from pictell.reports import FORMATS, render
from pictell.reports.escape import visible
from pictell.reports.style import Style
from pictell.reports.text import bar, cut, display_width, elided
from pictell.results import Answer, Prediction, Result, Status

CAT = Prediction("Egyptian cat", 0.825, 285, "n02124075")
TABBY = Prediction("tabby", 0.05, 281)
DOG = Prediction("dog", 0.01, 2)
A_CAT = Answer("cat", 0.875, "n02121620", ("animal", "mammal", "cat"), (281, 285))
SURE = Result("cat.jpg", "m", Status.SURE, A_CAT, (CAT, TABBY, DOG), 1, 1)
LIKELY = replace(SURE, status=Status.LIKELY)
UNSURE = replace(SURE, status=Status.UNSURE, answer=None)
UNKNOWN = replace(UNSURE, status=Status.UNKNOWN)
PLAIN = replace(UNSURE, status=None)
FAILED = Result("broken.jpg", "m", error=BrokenPictureError("truncated"))
HOSTILE = ["\x1b]0;owned\x07\x1b[2J.jpg", "two\nlines.jpg", "\u202egpj.exe", "\x9b31m", "a\u2028b"]
DETAILS = Style(details=True)


def rendered(results: Sequence[Result], style: Style = Style()) -> str:
    return b"".join(render("text", results, style)).decode()


def lines(result: Result, style: Style) -> list[str]:
    return rendered([result], style).splitlines()


def test_details_of_a_sure_answer_are_its_classes() -> None:
    assert lines(SURE, DETAILS) == [
        "cat.jpg",
        "  cat  88 %  mammal › cat",
        "    Egyptian cat  ████████████████▌     82.5 %",
        "    tabby         █                      5.0 %",
    ]


def test_a_sure_class_needs_no_classes() -> None:
    answer = Answer("Egyptian cat", 0.825, "n02124075", ("animal", "cat", "Egyptian cat"), (285,))
    result = replace(SURE, answer=answer)
    assert lines(result, DETAILS) == ["cat.jpg", "  Egyptian cat  82 %  cat › Egyptian cat"]


def test_an_answer_at_the_top_has_no_path() -> None:
    answer = Answer("animal", 0.825, "animal", ("animal",), (285, 286))
    assert lines(replace(SURE, answer=answer), DETAILS)[1] == "  animal  82 %"


@pytest.mark.parametrize(
    ("result", "head", "classes"),
    [
        (LIKELY, "  probably cat  88 %  mammal › cat", 3),
        (UNSURE, "  not sure; perhaps Egyptian cat  82 %", 3),
        (UNKNOWN, "  not sure: unlike anything this model knows", 0),
    ],
)
def test_details_of_what_is_not_sure(result: Result, head: str, classes: int) -> None:
    _, first, *others = lines(result, DETAILS)
    assert (first, len(others)) == (head, classes)


def test_where_nothing_judges_details_are_the_classes() -> None:
    _, *classes = lines(replace(PLAIN, predictions=(CAT, replace(TABBY, score=0.0))), DETAILS)
    assert classes == [
        "  Egyptian cat  ████████████████▌     82.5 %",
        "  tabby                                0.0 %",
    ]


def test_a_failed_picture_has_no_line() -> None:
    assert rendered([FAILED]) == rendered([FAILED], DETAILS) == ""
    assert rendered([SURE, FAILED, SURE], DETAILS).count("\n\n") == 1


def test_a_line_for_each_picture_in_columns() -> None:
    results = [replace(SURE, source="a"), replace(UNKNOWN, source="longer name"), LIKELY]
    assert rendered(results, Style(names=["a", "longer name"])).splitlines() == [
        "a            cat (Egyptian cat 82 %)                      88 %",
        "longer name  not sure: unlike anything this model knows",
        "cat.jpg      probably cat (Egyptian cat 82 %)             88 %",
    ]


def test_a_warning_stands_behind_the_words_and_before_the_score() -> None:
    cut_off = replace(SURE, source="a", warnings=("truncated",))
    both = replace(UNKNOWN, warnings=("damaged", "truncated"))
    assert rendered([cut_off, both], Style(names=["cat.jpg"])).splitlines() == [
        "a        cat (Egyptian cat 82 %) (truncated)          88 %",
        "cat.jpg  not sure: unlike anything this model knows (damaged, truncated)",
    ]


@pytest.mark.parametrize("columns", [40, 50, 80])
@pytest.mark.parametrize("result", [SURE, LIKELY, UNKNOWN])
def test_a_terminal_shows_the_warning_rather_than_all_words(result: Result, columns: int) -> None:
    words = replace(A_CAT, name="a cat with a rather long everyday name") if result.answer else None
    long = replace(result, source="a folder/with a long name.jpg", answer=words)
    (line,) = lines(replace(long, warnings=("damaged",)), Style(columns=columns))
    assert " (damaged)" in line
    assert display_width(line) <= columns
    assert line.endswith("88 %" if result.answer else "(damaged)")


def test_details_begin_with_the_warning() -> None:
    first, second, *others = lines(replace(SURE, warnings=("damaged", "truncated")), DETAILS)
    assert (first, second) == (
        "cat.jpg",
        "  the picture is damaged and truncated: the answer may be wrong",
    )
    assert others == lines(SURE, DETAILS)[1:]
    # Also where nothing judges.
    assert "damaged" in rendered([replace(PLAIN, warnings=("damaged",))], DETAILS)
    (narrow,) = [
        one
        for one in lines(replace(SURE, warnings=("damaged",)), Style(details=True, columns=40))
        if "damaged" in one
    ]
    assert display_width(narrow) <= 40


def test_the_best_class_of_an_answer_is_named_only_if_it_says_something() -> None:
    faint = replace(SURE, predictions=(replace(CAT, score=0.19), TABBY))
    assert "(" not in rendered([faint])
    elsewhere = replace(SURE, predictions=(replace(DOG, score=0.5), replace(CAT, score=0.3)))
    assert "cat (Egyptian cat 30 %)" in rendered([elsewhere])


@pytest.mark.parametrize(("score", "shown"), [(0.9951, " 99 %"), (1.0, "100 %"), (0.001, "  0 %")])
def test_only_certainty_is_100_percent(score: float, shown: str) -> None:
    assert rendered([replace(PLAIN, predictions=(replace(CAT, score=score),))]).endswith(
        f"{shown}\n"
    )


@given(st.lists(generated_results.results, max_size=4), st.integers(1, 120))
def test_every_line_fits_the_terminal(found: list[Result], columns: int) -> None:
    style = Style(columns=columns, names=[one.source for one in found])
    read = [one for one in found if one.error is None]
    written = rendered(found, style).splitlines()
    assert len(written) == len(read)
    for line in written:
        assert display_width(line) <= max(columns, 18)


def test_a_wide_terminal_keeps_the_score_beside_the_words() -> None:
    assert rendered([SURE], Style(columns=300)) == rendered([SURE])


def test_a_result_without_predictions_has_words() -> None:
    assert "no prediction" in rendered([Result("a", "m")])
    assert "a" in repr(Result("a", "m"))


@pytest.mark.parametrize(
    ("columns", "head", "row"),
    [
        (60, "  cat  88 %  mammal › cat", "    Egyptian cat  ████████████████▌     82.5 %"),
        (46, "  cat  88 %  mammal › cat", "    Egyptian cat  ████████████████▌     82.5 %"),
        (24, "  cat  88 %", "    Egyptian cat    82.5 %"),
    ],
)
def test_details_fit_the_terminal(columns: int, head: str, row: str) -> None:
    assert lines(SURE, Style(details=True, columns=columns))[1:3] == [head, row]


def test_only_text_is_coloured_and_only_when_asked() -> None:
    for format_ in FORMATS:
        plain, coloured = (
            b"".join(render(format_, [SURE, LIKELY], Style(colour=colour)))
            for colour in (False, True)
        )
        assert (plain != coloured) == (format_ == "text")


def test_each_status_has_its_colour() -> None:
    found = {
        rendered([result], Style(colour=True)).split("  ")[1].partition("m")[0]
        for result in (SURE, LIKELY, UNSURE)
    }
    assert found == {"\x1b[32", "\x1b[33", "\x1b[2"}
    assert "\x1b" not in rendered([PLAIN], Style(colour=True))


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("style", [Style(), DETAILS, Style(columns=40)])
def test_text_from_outside_is_one_line_without_control_characters(text: str, style: Style) -> None:
    answer = Answer(text, 0.75, text, (text, text), (0, 1))
    for status in (*Status, None):
        given = answer if status in {Status.SURE, Status.LIKELY} else None
        result = Result(text, text, status, given, (Prediction(text, 0.5, 0, text),), 1, 1)
        written = rendered([result], style)
        assert not {char for char in text if not char.isprintable()} & {*written} - {"\n"}
        assert written.count("\n") == (len(lines(result, style)) if style.details else 1)
        if style.columns is None:
            assert visible(text) in written


@pytest.mark.parametrize(
    ("text", "columns", "shown"),
    [
        ("holiday/2019/IMG_1.jpg", 22, "holiday/2019/IMG_1.jpg"),
        ("holiday/2019/IMG_1.jpg", 16, "holid…/IMG_1.jpg"),
        ("abc", 2, "…c"),
        ("abc", 1, "…"),
        ("猫猫猫猫", 5, "猫…猫"),
        ("aaaae\u0301aaaa", 6, "a…aaaa"),
    ],
)
def test_a_long_name_loses_its_middle(text: str, columns: int, shown: str) -> None:
    assert elided(text, columns) == shown


@given(st.text(max_size=30), st.integers(1, 40))
def test_a_shortened_text_fits(text: str, columns: int) -> None:
    for shorten in (elided, cut):
        shown = shorten(text, columns)
        assert display_width(shown) <= columns
        assert (shown == text) == (display_width(text) <= columns) or "…" in text


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
    rows = lines(result, DETAILS)[1:]
    assert [row.partition("█")[0] for row in rows] == ["  猫   ", "  o\u0308l   ", "  cat  "]
