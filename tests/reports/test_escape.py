"""Text from outside is safe for terminals, whatever it holds."""

import csv
import io
import json
import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pictell.reports import render
from pictell.reports.escape import json_escaped, visible
from pictell.reports.style import Style
from pictell.results import Prediction, Result

BIDI = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
TABBY = (Prediction("tabby", 0.5, 281),)
FORMULA = tuple("=+-@\t\r\n＝＋－＠")
any_text = st.text(st.characters(exclude_categories=[]))
# What names hold: text, and the surrogates that stand for single bytes (PEP 383).
name_text = st.binary().map(os.fsdecode) | st.text()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("größe/猫 😀.jpg", "größe/猫 😀.jpg"),
        ("a\nb\rc\td", r"a\nb\rc\td"),
        ("\x1b[31m\x7f\x00", r"\x1b[31m\x7f\x00"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202egpj", r"\u202egpj"),
        ("\u2028\u2029", r"\u2028\u2029"),
        ("caf\udce9", r"caf\xe9"),
        ("\udc80\udcff", r"\x80\xff"),
        ("\ud800\udc7f", r"\ud800\udc7f"),
    ],
)
def test_control_characters_are_spelled_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(any_text)
def test_visible_text_is_one_line_without_controls(text: str) -> None:
    shown = visible(text)
    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert not BIDI & set(shown)
    assert len(shown.splitlines()) <= 1


@given(any_text)
def test_visible_text_stays_as_it_is(text: str) -> None:
    shown = visible(text)
    assert visible(shown) == shown


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | name_text,
    lambda values: st.lists(values) | st.dictionaries(name_text, values),
    max_leaves=10,
)


@given(json_values)
def test_escaped_json_means_the_same_and_is_harmless(value: object) -> None:
    escaped = json_escaped(json.dumps(value, ensure_ascii=False))
    assert json.loads(escaped) == value
    assert visible(escaped) == escaped


@given(st.lists(name_text, min_size=1, max_size=5))
def test_json_lines_give_back_the_bytes_of_every_name(names: list[str]) -> None:
    results = [Result(name, "m", predictions=TABBY) for name in names]
    written = b"".join(render("jsonl", results, Style())).decode()
    sources = [json.loads(line)["source"] for line in written.splitlines()]
    assert [os.fsencode(source) for source in sources] == [os.fsencode(name) for name in names]


@given(st.lists(name_text, min_size=1, max_size=5))
def test_csv_gives_back_every_label_and_no_formula(labels: list[str]) -> None:
    predictions = tuple(Prediction(label, 0.5, index) for index, label in enumerate(labels))
    result = Result("a", "m", predictions=predictions)
    written = b"".join(render("csv-long", [result], Style())).decode()
    rows = csv.DictReader(io.StringIO(written, newline=""))
    for label, row in zip(labels, rows, strict=True):
        shown = "\n".join(visible(line) for line in label.split("\n"))
        assert row["label"] == (f"'{shown}" if label.startswith(FORMULA) else shown)
        assert not row["label"].startswith(FORMULA)
