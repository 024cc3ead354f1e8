"""Labels of the data found among the model's."""

import pytest

from pictell import models
from pictell.evaluation.matching import Match, Unmatched, describe, match
from pictell.types import Label

DEFAULT = models.find("default").labels


def index_of(name: str) -> int:
    return next(index for index, label in enumerate(DEFAULT) if label.name == name)


@pytest.mark.parametrize(
    ("label", "name", "way"),
    [
        ("n02219486", "ant", "synset"),
        ("n02085620-Chihuahua", "Chihuahua", "synset"),
        ("ant", "ant", "name"),
        ("EGYPTIAN_cat", "Egyptian cat", "name"),
        ("  golden   retriever ", "golden retriever", "name"),
        ("emmet", "ant", "synonym"),
        ("Carassius_auratus", "goldfish", "synonym"),
        ("tench, Tinca tinca", "tench", "name"),
        ("ants", "ant", "number"),
        ("bees", "bee", "number"),
        ("torches", "torch", "number"),
        ("strawberries", "strawberry", "number"),
        ("0", "tench", "index"),
        ("999", DEFAULT[999].name, "index"),
    ],
)
def test_the_rules(label: str, name: str, way: str) -> None:
    assert match([label], DEFAULT) == (Match(label, index_of(name), way),)  # type: ignore[arg-type]


def test_every_class_is_found_by_each_of_its_marks() -> None:
    for marks in (
        [label.name for label in DEFAULT],
        [label.synset or "" for label in DEFAULT],
        [str(index) for index in range(1000)],
    ):
        found = match(marks, DEFAULT)
        assert [one.class_index for one in found if isinstance(one, Match)] == list(range(1000))


def test_what_fits_several_classes_fits_none() -> None:
    (found,) = match(["crane"], DEFAULT)
    assert found == Unmatched("crane", ("crane (bird)", "crane (machine)"), ambiguous=True)
    assert describe([found]) == "'crane' (could be crane (bird), crane (machine))"


def test_what_fits_nothing_is_told_with_the_nearest_names() -> None:
    (found,) = match(["gold fich"], DEFAULT)
    assert isinstance(found, Unmatched)
    assert "goldfish" in found.nearest
    assert describe(match(["qqqq", "1000"], DEFAULT)) == "'qqqq', '1000'"  # type: ignore[arg-type]


def test_a_name_wins_over_an_index() -> None:
    digits = tuple(Label(str(9 - index)) for index in range(10))
    assert match(["0"], digits) == (Match("0", 9, "name"),)
    assert match(["0"], digits, by_index=True) == (Match("0", 0, "index"),)


def test_a_background_class_is_not_counted() -> None:
    classes = (Label("background"), Label("cat"), Label("dog"))
    assert match(["0", "1"], classes, by_index=True) == (
        Match("0", 1, "index"),
        Match("1", 2, "index"),
    )
    assert match(["2"], classes, by_index=True) == (Unmatched("2", ()),)


@pytest.mark.parametrize("label", ["-1", "1.0", "cat", "³", "9" * 5000])
def test_an_index_is_a_whole_number(label: str) -> None:
    assert match([label], DEFAULT, by_index=True)[0].label == label
    assert isinstance(match([label], DEFAULT, by_index=True)[0], Unmatched)
