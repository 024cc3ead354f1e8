"""Labels of a dataset matched to the classes of a model."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pictell import models
from pictell.errors import UsageError
from pictell.evaluation.dataset import Dataset
from pictell.evaluation.matching import (
    Match,
    check_matches,
    match_dataset,
)
from pictell.types import Attachment, Label

SPEC = models.find("default")
DEFAULT = SPEC.labels


def labelled(*labels: str, by_index: bool = False) -> Dataset:
    files = tuple(f"{label}/a.jpg" for label in labels)
    numbers = np.arange(len(labels), dtype=np.int32)
    return Dataset("data", Path("data"), files, labels, numbers, by_index=by_index)


def match(labels: list[str], classes: tuple[Label, ...], *, by_index: bool = False) -> list[Match]:
    spec = replace(SPEC, labels=classes, taxonomy=None)
    return list(match_dataset(labelled(*labels, by_index=by_index), spec))


def index_of(name: str) -> int:
    return next(index for index, label in enumerate(DEFAULT) if label.name == name)


@pytest.mark.parametrize(
    ("label", "name", "rule"),
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
def test_the_rules(label: str, name: str, rule: str) -> None:
    assert match([label], DEFAULT) == [Match(label, index_of(name), rule)]  # type: ignore[arg-type]


def test_every_class_is_found_by_its_name_synset_and_index() -> None:
    for marks in (
        [label.name for label in DEFAULT],
        [label.synset or "" for label in DEFAULT],
        [str(index) for index in range(1000)],
    ):
        found = match(marks, DEFAULT)
        assert [one.class_index for one in found] == list(range(1000))


def test_a_label_that_fits_several_classes_is_unmatched() -> None:
    (found,) = match(["crane"], DEFAULT)
    assert found == Match("crane", hint="could be crane (bird), crane (machine)")
    assert str(found) == "'crane' (could be crane (bird), crane (machine))"


def test_an_unmatched_label_has_the_nearest_names() -> None:
    (found,) = match_dataset(labelled("gold fich"), SPEC)
    assert found.class_index is None
    assert found.hint.startswith("nearest: goldfi")
    nothing = match_dataset(labelled("qqqq", "1000"), SPEC)
    assert [str(one) for one in nothing] == ["'qqqq'", "'1000'"]


def test_a_name_wins_over_an_index() -> None:
    digits = tuple(Label(str(9 - index)) for index in range(10))
    assert match(["0"], digits) == [Match("0", 9, "name")]
    assert match(["0"], digits, by_index=True) == [Match("0", 0, "index")]


def test_a_background_class_is_not_counted() -> None:
    classes = (Label("background"), Label("cat"), Label("dog"))
    assert match(["0", "1", "2"], classes, by_index=True) == [
        Match("0", 1, "index"),
        Match("1", 2, "index"),
        Match("2"),
    ]


@pytest.mark.parametrize("label", ["-1", "1.0", "cat", "³", "9" * 5000])
def test_an_index_is_a_whole_number(label: str) -> None:
    assert match([label], DEFAULT, by_index=True) == [Match(label)]


@pytest.mark.parametrize("label", ["cat", "Cats", "n02121808"])
def test_a_broader_label_is_reported_with_its_classes(label: str) -> None:
    hint = "a broader label of 5 classes: tabby cat, tiger cat, Persian cat, …"
    assert match_dataset(labelled(label), SPEC) == (Match(label, hint=hint),)


def test_a_class_takes_precedence_over_a_broader_label() -> None:
    classes = (Label("cat"), Label("lion"))
    spec = replace(SPEC, labels=classes, taxonomy=Attachment("t", "c\tcat\t-\nlion\tc\ncat\tc"))
    assert match_dataset(labelled("cat"), spec) == (Match("cat", 0, "name"),)


def test_the_taxonomy_is_parsed_only_for_unmatched_labels() -> None:
    broken = replace(SPEC, taxonomy=Attachment("taxonomy.tsv", "nonsense"))
    assert match_dataset(labelled("ant"), broken)[0].matched_by == "name"
    assert match_dataset(labelled("1000", by_index=True), broken) == (Match("1000"),)


def test_unmatched_labels_are_refused_with_a_remedy() -> None:
    data = labelled("ant", "cat", "beee")
    matches = match_dataset(data, SPEC)
    with pytest.raises(UsageError) as caught:
        check_matches(data, matches, "default", ", or skip them")
    assert str(caught.value) == (
        "data: 2 of 3 labels match no class of default: 'cat' (a broader label of 5 classes: "
        "tabby cat, tiger cat, Persian cat, …), 'beee' (nearest: bee, bee house, bee eater): "
        "rename them, or skip them"
    )
    check_matches(data, matches[:1], "default")


def test_data_without_any_class_of_the_model_is_refused() -> None:
    data = labelled("train", "val")
    with pytest.raises(UsageError, match="class folders must have the names of classes") as caught:
        check_matches(data, match_dataset(data, SPEC), "default", ", or skip them")
    assert "skip" not in str(caught.value)
