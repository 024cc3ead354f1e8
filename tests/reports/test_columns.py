"""Tables that fit a terminal."""

from hypothesis import given
from hypothesis import strategies as st

from pictell.reports.columns import MAX_COLUMNS, aligned, wrap

SHORT = st.text("abc -\n", max_size=70)


def test_a_narrow_table_is_not_wrapped() -> None:
    lines = list(aligned([("a", "1"), ("bb", "22")], "<>"))
    assert lines == ["  a    1\n", "  bb  22\n"]


def test_the_widest_text_is_wrapped_beside_its_column() -> None:
    lines = list(aligned([("name", "word " * 30, "7")], "<<>"))
    assert len(lines) > 1
    assert lines[0].startswith("  name  word")
    assert lines[0].endswith(" 7\n")
    assert lines[1].startswith("        word")


def test_a_long_word_stays_whole() -> None:
    (line,) = aligned([("x" * 100, "1")], "<>")
    assert "x" * 100 in line


@given(st.lists(st.tuples(SHORT, SHORT, st.from_regex(r"[0-9]{1,9}", fullmatch=True)), min_size=1))
def test_all_words_are_there_and_the_lines_fit(rows: list[tuple[str, str, str]]) -> None:
    lines = "".join(aligned(rows, "<<>")).splitlines()
    longest = max(len(word) for row in rows for cell in row for word in cell.split() or [""])
    if longest < 20:
        assert all(len(line) <= MAX_COLUMNS for line in lines)
    shown = " ".join(lines).split()
    assert all(shown.count(number) >= 1 for *_, number in rows)


@given(SHORT, st.integers(1, 80))
def test_wrapping_keeps_the_words(text: str, width: int) -> None:
    assert " ".join(wrap(text, width)).split() == text.split()
