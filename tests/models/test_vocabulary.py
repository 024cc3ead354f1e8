"""The labels of a model as a tree, listed and searched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pictell.errors import UsageError
from pictell.models.vocabulary import entries, named, search
from pictell.scoring.taxonomy import Taxonomy, build, flat_taxonomy
from pictell.types import Label

CLASSES = (
    Label("Tabby_cat", "n02123045", ("mackerel", "Maus-Jäger")),
    Label("caterpillar"),
    Label("tiger cat", "n02123159"),
    Label("cup"),
)
# something > (cup, animal > (caterpillar, pet > (Tabby_cat, tiger cat)))
TREE = build(
    CLASSES,
    (Label("pet", "n00000001"), Label("animal")),
    (5, 6, 5, 4, 6, 4),
    keys=("n00000001", "animal"),
)
FLAT = flat_taxonomy(CLASSES)


def found(text: str, tree: Taxonomy = TREE) -> list[str]:
    return ["  " * depth + tree.labels[node].name for node, depth, _ in search(tree, text)]


def test_a_label_comes_before_what_is_below_it() -> None:
    assert [("  " * depth + TREE.labels[node].name) for node, depth, _ in entries(TREE)] == [
        "cup", "animal", "  caterpillar", "  pet", "    Tabby_cat", "    tiger cat",
    ]  # fmt: skip


def test_without_a_taxonomy_the_classes_are_a_list() -> None:
    assert [(entry.node, entry.depth) for entry in entries(FLAT)] == [
        (0, 0), (1, 0), (2, 0), (3, 0),
    ]  # fmt: skip


def test_the_id_of_a_label() -> None:
    assert [entry.id for entry in entries(TREE)] == [
        "3", "animal", "1", "n00000001", "n02123045", "n02123159",
    ]  # fmt: skip


def test_a_class_is_found_with_all_labels_above_it() -> None:
    assert found("tiger cat") == ["animal", "  pet", "    tiger cat"]


def test_a_broader_label_is_found_with_all_labels_below_it() -> None:
    assert found("pet") == ["animal", "  pet", "    Tabby_cat", "    tiger cat"]


def test_whole_words_come_before_parts_of_words() -> None:
    assert found("cat") == ["animal", "  pet", "    Tabby_cat", "    tiger cat"]
    assert found("cate") == ["animal", "  caterpillar"]


@pytest.mark.parametrize("text", ["MACKEREL", "jäger", "JÄGER", "maus-jäger", "maus jäger", "ger"])
def test_case_and_synonyms(text: str) -> None:
    assert "    Tabby_cat" in found(text)


@pytest.mark.parametrize("text", ["n02123045", "N02123045", "0"])
def test_an_id_or_a_class_index(text: str) -> None:
    assert found(text, FLAT) == ["Tabby_cat"]


@pytest.mark.parametrize(
    ("text", "nearest"),
    [("caterpiller", "caterpillar"), ("tabbi", "Tabby"), ("makerel", "mackerel"), ("cups", "cup")],
)
def test_nothing_found_names_the_nearest(text: str, nearest: str) -> None:
    with pytest.raises(UsageError, match=f"nearest: .*{nearest}"):
        found(text)


@pytest.mark.parametrize("text", ["", " ", "_", "something", "(", ".*", "\0", "🐈", "x" * 10_000])
def test_odd_words_find_nothing(text: str) -> None:
    with pytest.raises(UsageError):
        found(text)


@given(st.text())
def test_any_text_finds_labels_or_is_an_error(text: str) -> None:
    try:
        nodes = [node for node, _, _ in search(TREE, text)]
    except UsageError:
        return
    assert nodes
    assert nodes == [node for node, _, _ in entries(TREE) if node in nodes]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("pet", ["pet"]),
        ("PETS", ["pet"]),
        ("n00000001", ["pet"]),
        ("tabby cat", ["Tabby_cat"]),
        ("Maus-Jäger", ["Tabby_cat"]),
        ("tiger_cats", ["tiger cat"]),
        ("3", ["cup"]),
    ],
)
def test_the_labels_of_a_name(text: str, names: list[str]) -> None:
    assert [TREE.labels[node].name for node in named(TREE, text)] == names


def test_a_name_wins_over_an_index() -> None:
    tree = flat_taxonomy([Label("1"), Label("2"), Label("3")])
    assert named(tree, "1") == [0]
    assert named(tree, "0") == [0]


@pytest.mark.parametrize(("text", "nearest"), [("cat", ""), ("tabby kat", "tabby cat"), ("", "")])
def test_a_part_of_a_name_is_no_name(text: str, nearest: str) -> None:
    with pytest.raises(UsageError, match=f"no label is called .*{nearest}"):
        named(TREE, text)
