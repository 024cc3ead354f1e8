"""Labels of a dataset matched to the classes of a model."""

from pathlib import Path

import numpy as np
import pytest

from pictell import models
from pictell.errors import UsageError
from pictell.evaluation.dataset import Dataset
from pictell.evaluation.matching import (
    Match,
    check_matches,
    group_classes,
    match_dataset,
)
from pictell.models.scorer import answer_tree
from pictell.scoring.taxonomy import build, flat_taxonomy
from pictell.types import Label

SPEC = models.find("default")
DEFAULT = SPEC.labels
TREE = answer_tree(SPEC)
assert TREE is not None


def labelled(*labels: str, by_index: bool = False) -> Dataset:
    files = tuple(f"{label}/a.jpg" for label in labels)
    numbers = np.arange(len(labels), dtype=np.int32)
    return Dataset("data", Path("data"), files, labels, numbers, by_index=by_index)


def match(labels: list[str], classes: tuple[Label, ...], *, by_index: bool = False) -> list[Match]:
    tree = flat_taxonomy(classes)
    return list(match_dataset(labelled(*labels, by_index=by_index), tree))


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
        assert [one.node for one in found] == list(range(1000))


def test_a_label_that_fits_several_classes_is_unmatched() -> None:
    (found,) = match(["crane"], DEFAULT)
    assert found == Match("crane", hint="could be crane (bird), crane (machine)")
    assert str(found) == "'crane' (could be crane (bird), crane (machine))"


def test_an_unmatched_label_has_the_nearest_names() -> None:
    (found,) = match_dataset(labelled("gold fich"), TREE)
    assert found.node is None
    assert found.hint.startswith("nearest: goldfi")
    nothing = match_dataset(labelled("qqqq", "1000"), TREE)
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


def kind(name: str) -> int:
    """The node of a broader label of the default model."""
    return next(node for node, label in enumerate(TREE.labels) if label.name == name)


@pytest.mark.parametrize("label", ["cat", "Cats", "n02121808", "n02121808-house_cat"])
def test_a_broader_label_is_matched(label: str) -> None:
    (found,) = match_dataset(labelled(label), TREE)
    assert found == Match(label, kind("cat"), "broader")
    names = {DEFAULT[index].name for index in TREE.classes_below(kind("cat"))}
    assert names == {"tabby cat", "tiger cat", "Persian cat", "Siamese cat", "Egyptian cat"}


def test_every_broader_label_is_found_by_its_name_and_its_id() -> None:
    nodes = range(TREE.root + 1, len(TREE.labels))
    found = match_dataset(labelled(*(TREE.labels[node].name for node in nodes)), TREE)
    assert [one.node for one in found] == list(nodes)
    with_id = [node for node in nodes if TREE.labels[node].synset]
    assert len(with_id) > 100
    found = match_dataset(labelled(*(TREE.ids[node] for node in with_id)), TREE)
    assert [one.node for one in found] == with_id


@pytest.mark.parametrize("label", ["plane", "planes", "amphibian", "panda"])
def test_the_name_of_a_broader_label_wins_over_a_synonym(label: str) -> None:
    """A plane is an aeroplane and no carpenter's plane; a panda is one of two classes."""
    (found,) = match_dataset(labelled(label), TREE)
    assert found.node == kind(label.removesuffix("s"))
    assert match([label], DEFAULT)[0].matched_by != "broader"


def test_the_name_of_a_class_wins_over_that_of_a_broader_label() -> None:
    tree = build([Label("cat"), Label("lion")], [Label("cat"), Label("lions")], [3, 4, 2, 2])
    assert match_dataset(labelled("cat"), tree) == (Match("cat", 0, "name"),)
    assert match_dataset(labelled("lion"), tree) == (Match("lion", 1, "name"),)
    assert match_dataset(labelled("cats"), tree) == (Match("cats", 0, "number"),)


def test_a_number_is_never_a_broader_label() -> None:
    tree = build([Label("cat"), Label("lion")], [Label("1")], [3, 3, 2])
    assert match_dataset(labelled("1", by_index=True), tree) == (Match("1", 1, "index"),)


def test_classes_belong_to_the_broadest_or_the_narrowest_label_of_the_data() -> None:
    matches = match_dataset(labelled("cat", "tiger cat", "mammal", "ant", "?"), TREE)
    ant, tiger, tabby, dog, bee = map(index_of, ("ant", "tiger cat", "tabby cat", "beagle", "bee"))
    classes = [ant, tiger, tabby, dog, bee]
    mammal = kind("mammal")
    assert group_classes(TREE, matches)[classes].tolist() == [ant, mammal, mammal, mammal, bee]
    narrow = group_classes(TREE, matches, narrowest=True)[classes].tolist()
    assert narrow == [ant, tiger, kind("cat"), mammal, bee]


def test_unmatched_labels_are_refused_with_a_remedy() -> None:
    data = labelled("ant", "crane", "beee")
    matches = match_dataset(data, TREE)
    with pytest.raises(UsageError) as caught:
        check_matches(data, matches, "default", ", or skip them")
    assert str(caught.value) == (
        "data: 2 of 3 labels match no label of default: 'crane' (could be crane (bird), crane "
        "(machine)), 'beee' (nearest: bee, beetle, bee house): rename them, or skip them"
    )
    check_matches(data, matches[:1], "default")


def test_data_without_any_class_of_the_model_is_refused() -> None:
    data = labelled("train", "val")
    with pytest.raises(
        UsageError, match="class folders must have names that the model knows"
    ) as caught:
        check_matches(data, match_dataset(data, TREE), "default", ", or skip them")
    assert "skip" not in str(caught.value)
