"""The words of a query become labels; dates become periods."""

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pictell.collection.query import Period, parse_period, parse_query
from pictell.errors import UsageError
from pictell.scoring.taxonomy import build
from pictell.types import Label

CLASSES = (
    Label("golden retriever", "n02099601", ("yellow dog",)),
    Label("beagle"),
    Label("tiger cat"),
    Label("wall clock"),
    Label("golden eagle"),
    Label("black-and-tan coonhound"),
    Label("boat or ship"),
    Label("crane (bird)", synonyms=("crane",)),
    Label("crane (machine)", synonyms=("crane",)),
    Label("salt, pepper"),
)
# dog > (golden retriever, beagle, coonhound); animal > (dog, tiger cat, eagle, crane)
ROOT, DOG, ANIMAL = 10, 11, 12
TREE = build(
    CLASSES,
    (Label("dog"), Label("animal")),
    (DOG, DOG, ANIMAL, ROOT, ANIMAL, DOG, ROOT, ANIMAL, ROOT, ROOT, ANIMAL, ROOT),
)
Read = tuple[list[tuple[int, ...]], list[tuple[int, ...]]]


def read(text: str) -> list[Read]:
    """The classes that each alternative shows, and those that it hides."""
    return [
        ([term.classes for term in one.shown], [term.classes for term in one.hidden])
        for one in parse_query(text, TREE)
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("beagle", [(1,)]),
        ("Beagles", [(1,)]),
        ("yellow dogs", [(0,)]),
        ("n02099601", [(0,)]),
        ("dog", [(0, 1, 5)]),
        ("animals", [(0, 1, 2, 4, 5, 7)]),
        ("crane", [(7, 8)]),
        ("clock", [(3,)]),
        ("clocks", [(3,)]),
        ("golden retriever wall clock", [(0,), (3,)]),
        ("dog golden retriever", [(0, 1, 5), (0,)]),
        ("dog and clock", [(0, 1, 5), (3,)]),
        ("crane bird", [(7,)]),
        ("black and tan coonhound beagle", [(5,), (1,)]),
        ("  beagle\t clock\n", [(1,), (3,)]),
        ("boat or ship", [(6,)]),
        ("beagle boat or ship", [(1,), (6,)]),
        ("salt, pepper", [(9,)]),
        ("crane (bird)", [(7,)]),
        ("crane (bird) beagle", [(7,), (1,)]),
        ("black-and-tan coonhound", [(5,)]),
    ],
)
def test_words_are_labels_with_as_many_words_as_they_can_have(
    text: str, shown: list[tuple[int, ...]]
) -> None:
    assert read(text) == [(shown, [])]


def test_not_excludes_the_label_after_it_only() -> None:
    assert read("animal not golden retriever clock") == [([(0, 1, 2, 4, 5, 7), (3,)], [(0,)])]
    assert read("not dog") == [([], [(0, 1, 5)])]
    assert read("DOG NOT beagle not clock") == [([(0, 1, 5)], [(1,), (3,)])]


@pytest.mark.parametrize(
    "text", ["beagle, clock", "beagle or clock", ",beagle,,clock,", "beagle ,clock"]
)
def test_commas_and_or_separate_alternatives(text: str) -> None:
    assert read(text) == [([(1,)], []), ([(3,)], [])]


def test_operators_can_be_in_capitals() -> None:
    assert read("beagle OR animal AND NOT dog") == [
        ([(1,)], []),
        ([(0, 1, 2, 4, 5, 7)], [(0, 1, 5)]),
    ]


def test_a_synonym_is_told_apart_from_a_name() -> None:
    synonym, name = (one.shown[0] for one in parse_query("yellow dog, golden retrievers", TREE))
    assert (synonym.guessed, name.guessed) == (("golden retriever",), ())


def test_a_guess_is_told_apart_from_a_name() -> None:
    guess, name = (one.shown[0] for one in parse_query("clock, wall clock", TREE))
    assert (guess.guessed, name.guessed) == (("wall clock",), ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("beagel", "'beagel'.*did you mean beagle"),
        ("golden", "does not know 'golden': pictell labels"),
        ("dgo", "did you mean dog?"),
        ("retreiver", "did you mean .*retriever"),
        ("black dog", "'black'.*name a thing"),
        ("dog -beagle", "'-'"),
        ("golden -retriever", "'-'"),
        ("animal not (dog or beagle)", r"'\('"),
        ("(dog)", r"'\('"),
        ("dog!", "'!'"),
        ("!dog", "'!'"),
        ("dog;", "';'"),
        ("dog.", "'.'"),
        ("dog & clock", "'&'"),
        ("dog + clock", r"'\+'"),
        ("dog|clock", "'|'"),
        ("dog/clock", "'/'"),
        ("dog*", r"'\*'"),
        ('"golden retriever"', "'\"'"),
        ("'dog'", "sign"),
        ("dog – clock", "'–'"),
        ("dog\u202e", "sign"),
        ("dog not not beagle", "not without a word"),
        ("animal, not dog", "'not dog' is an alternative of its own"),
        ("not dog or clock", "'not dog' is an alternative of its own"),
        ("dog xqzw", "'xqzw'"),
        ("eagle beach", "'beach'"),
        ("", "no words"),
        (" , or and", "no words"),
        ("dog not", "not without a word"),
        ("dog not, clock", "not without a word"),
        ("dog " * 101, "more than 100"),
    ],
)
def test_what_cannot_be_searched_for_is_said(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_query(text, TREE)


WORDS = st.sampled_from(
    [*" ,;-_()\0\u202e", "not", "or", "and", "dog", "dogs", "clock", "golden", "İ", "ß", "\udce9"]
)


@given(st.text() | st.lists(WORDS).map(" ".join))
def test_any_text_is_a_query_or_wrong_use(text: str) -> None:
    try:
        alternatives = parse_query(text, TREE)
    except UsageError:
        return
    assert alternatives
    for one in alternatives:
        assert one.shown or one.hidden
        assert all(term.classes for term in (*one.shown, *one.hidden))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2024", date(2024, 1, 1), date(2024, 12, 31)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2024-06-15", date(2024, 6, 15), date(2024, 6, 15)),
        ("2024-06..2024-08", date(2024, 6, 1), date(2024, 8, 31)),
        ("2023..2024-02-03", date(2023, 1, 1), date(2024, 2, 3)),
        (" 2023 .. 2024 ", date(2023, 1, 1), date(2024, 12, 31)),
        ("2024..", date(2024, 1, 1), date.max),
        ("..2023-05", date.min, date(2023, 5, 31)),
        ("9999..9999", date(9999, 1, 1), date.max),
    ],
)
def test_a_period_has_its_first_and_its_last_day(text: str, first: date, last: date) -> None:
    assert parse_period(text) == Period(first, last)


@pytest.mark.parametrize(
    "text",
    [
        "", "..", "24", "2024-6", "2024-13", "2024-02-30", "0000", "2024-06-15T10", "2024...2025",
        "2025..2024", "2024-06-15..2024-06-14", "..2023..", "٢٠٢٤", "yesterday", "2024/06",
    ],
)  # fmt: skip
def test_what_is_no_period_is_wrong_use(text: str) -> None:
    with pytest.raises(UsageError, match="--taken"):
        parse_period(text)


@given(st.text(alphabet="0123456789.- "))
def test_any_text_is_a_period_or_wrong_use(text: str) -> None:
    try:
        period = parse_period(text)
    except UsageError:
        return
    assert period.first <= period.last


def test_a_period_includes_the_whole_of_its_last_day() -> None:
    june = parse_period("2024-06")
    assert june.includes(datetime(2024, 6, 1))
    assert june.includes(datetime(2024, 6, 30, 23, 59, 59, 999_999))
    assert not june.includes(datetime(2024, 7, 1))
    assert not june.includes(datetime(2024, 5, 31, 23, 59, 59))
    assert not june.includes(None)
