"""Taxonomy files: the format, errors that name the line, and the default model's file."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pictell import models
from pictell.errors import InvalidModelError
from pictell.models.labels import IMAGENET
from pictell.models.taxonomy_file import MAX_BROADER, MAX_DEPTH, read_taxonomy
from pictell.scoring.taxonomy import Taxonomy
from pictell.types import MAX_LABELS, Attachment, Label

CLASSES = [Label("tabby", "n02123045"), Label("lorry"), Label("1"), Label("dog"), Label("dog")]
NAMES = "a\tanimal\t-\nn02121620\tcat\ta\n"


def read(text: str) -> Taxonomy:
    return read_taxonomy(Attachment("taxonomy.tsv", text), CLASSES)


def test_a_class_is_given_by_wordnet_id_name_or_index() -> None:
    tree = read(f"{NAMES}n02123045\tn02121620\nlorry\ta\n4\ta\n")
    assert [tree.path(node) for node in (0, 1, 4)] == [
        ("animal", "cat", "tabby"),
        ("animal", "lorry"),
        ("animal", "dog"),
    ]
    assert [label.synset for label in tree.labels[6:]] == [None, "n02121620"]


def test_classes_that_are_not_mentioned_have_no_label_above_them() -> None:
    assert read(f"{NAMES}tabby\tn02121620\n").path(1) == ("lorry",)
    assert read(f"{NAMES}tabby\tn02121620\nlorry\t-\n").path(1) == ("lorry",)


def test_a_name_wins_over_an_index() -> None:
    tree = read(f"{NAMES}tabby\tn02121620\n1\ta\n")
    assert tree.path(2) == ("animal", "1")


@pytest.mark.parametrize(
    "text",
    [
        f"# a comment\n\n{NAMES}tabby\tn02121620\n",
        f"{NAMES}tabby\tn02121620".replace("\n", "\r\n"),
        f"tabby\tn02121620\n{NAMES}",
        " a \t animal \t - \nn02121620\tcat\ta\ntabby\tn02121620\n\n",
    ],
)
def test_order_comments_line_ends_and_spaces_do_not_matter(text: str) -> None:
    assert read(text).path(0) == ("animal", "cat", "tabby")


def test_a_class_may_begin_with_a_number_sign() -> None:
    tree = read_taxonomy(Attachment("a", "a\tsport\t-\n#1 fan\ta\n"), [Label("#1 fan")])
    assert tree.path(0) == ("sport", "#1 fan")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("animal\n", "line 1: must be fields"),
        ("a\tanimal\t-\t-\n", "line 1: must be fields"),
        ("a\tanimal\t\n", "line 1: must be fields"),
        ("a\t\t-\n", "line 1: must be fields"),
        ("\ttabby\t-\n", "line 1: must be fields"),
        ("# names\na\tanimal\t-\na\tape\t-\n", "line 3: another broader label has the id 'a'"),
        ("-\tanimal\t-\n", "line 1: another broader label has the id '-'"),
        ("a\tanimal\tb\ntabby\ta\n", "line 1: no broader label has the id 'b'"),
        (f"{NAMES}tabby\tcat\n", "line 3: no broader label has the id 'cat'"),
        ("a\tanimal\ta\ntabby\ta\n", "line 1: 'animal' is above itself"),
        ("a\tanimal\tb\nb\tbeast\ta\ntabby\ta\n", "line 1: 'animal' is above itself"),
        ("c\tcat\ta\na\tanimal\ta\ntabby\tc\n", "line 2: 'animal' is above itself"),
        (f"{NAMES}lorry\ta\n", "line 2: no class is below 'cat'"),
        (f"{NAMES}tabby\tn02121620\ntabbi\ta\n", "line 4: the model has no class 'tabbi'"),
        (f"{NAMES}tabby\tn02121620\n5\ta\n", "line 4: the model has no class '5'"),
        (f"{NAMES}tabby\tn02121620\ndog\ta\n", "line 4: 2 classes are called 'dog'"),
        (f"{NAMES}tabby\tn02121620\n0\ta\n", "line 4: this is the same class as in line 3"),
    ],
)
def test_an_error_names_the_line(text: str, message: str) -> None:
    with pytest.raises(InvalidModelError) as caught:
        read(text)
    assert str(caught.value).startswith(f"taxonomy.tsv: {message}")
    assert "\n" not in str(caught.value)


def test_a_long_cycle_of_names() -> None:
    text = "".join(f"{node}\tname\t{node + 1}\n" for node in range(20_000))
    with pytest.raises(InvalidModelError, match="line 9001: 'name' is above itself"):
        read(text + "20000\tlast\t9000\ntabby\t0\n")


def chain(length: int) -> list[str]:
    """Broader labels, each below the one before it, and a class below the last."""
    above = ["-", *map(str, range(length - 1))]
    lines = [f"{node}\tname\t{parent}\n" for node, parent in enumerate(above)]
    return [*lines, f"tabby\t{length - 1}\n"]


def test_a_deep_taxonomy_is_refused_in_any_order() -> None:
    assert len(read("".join(chain(MAX_DEPTH))).path(0)) == MAX_DEPTH + 1
    for length in (MAX_DEPTH + 1, MAX_BROADER):
        deep = chain(length)
        with pytest.raises(InvalidModelError, match=f"line {MAX_DEPTH + 1}: 'name' has"):
            read("".join(deep))
        last = length + 1 - MAX_DEPTH
        with pytest.raises(InvalidModelError, match=f"line {last}: 'name' has"):
            read("".join(reversed(deep)))


def test_too_many_labels_are_refused() -> None:
    wide = "".join(f"{node}\tname\t-\n" for node in range(MAX_BROADER))
    with pytest.raises(InvalidModelError, match="line 1: no class is below"):
        read(wide)
    with pytest.raises(InvalidModelError, match=f"more than {MAX_BROADER:,} broader labels$"):
        read(f"{wide}more\tname\t-\n")
    with pytest.raises(InvalidModelError, match=f"more than {MAX_LABELS + MAX_BROADER:,} lines$"):
        read("a\t-\n" * (MAX_LABELS + MAX_BROADER + 1))


def test_an_error_does_not_repeat_a_long_name() -> None:
    with pytest.raises(InvalidModelError) as caught:
        read(f"{'x' * 100_000}\t-\n")
    assert len(str(caught.value)) < 400


def test_a_wide_taxonomy_of_a_stranger(shared: Path) -> None:
    text = Path(shared, "cases/hostile/taxonomy_wide/taxonomy.tsv").read_text()
    with pytest.raises(InvalidModelError, match=r"line 1: no class is below 'N'$"):
        read(text)


def test_a_line_marks_a_heading() -> None:
    tree = read("a\tanimal\t-\theading\nn02121620\tcat\ta\ntabby\tn02121620\n")
    named = {tree.labels[node].name for node in tree.headings.nonzero()[0]}
    assert {"animal"} == named - {"something"}


def test_headings_of_the_default_model(default: Taxonomy) -> None:
    headings = {default.labels[node].name for node in default.headings.nonzero()[0]}
    assert {"animal", "mammal", "man-made thing", "nature", "household item"} <= headings
    assert not headings & {"dog", "cat", "bird", "car", "furniture", "food", "person"}
    assert not headings & {label.name for label in default.labels[: default.root]}


@given(st.text(alphabet="ab01-#\t\n \r\0é", max_size=60))
def test_any_text_is_a_taxonomy_or_an_error_of_one_line(text: str) -> None:
    message = ""
    try:
        assert read(text).root == len(CLASSES)
    except InvalidModelError as error:
        message = str(error)
    assert "\n" not in message


@pytest.fixture(scope="module")
def default() -> Taxonomy:
    spec = models.find("default")
    assert spec.taxonomy is not None
    return read_taxonomy(spec.taxonomy, spec.labels)


@pytest.mark.parametrize(
    "path",
    [
        ("animal", "mammal", "cat", "Egyptian cat"),
        ("animal", "mammal", "dog", "terrier", "Airedale terrier"),
        ("animal", "bird", "water bird", "wading bird", "crane (bird)"),
        ("nature", "fungus", "mushroom"),
        ("food", "fruit", "citrus fruit", "lemon"),
        ("person", "scuba diver"),
        ("man-made thing", "machine", "crane (machine)"),
        ("man-made thing", "vehicle", "motor vehicle", "car", "sports car"),
        ("man-made thing", "clothing", "tie", "bow tie"),
        ("man-made thing", "structure", "building", "shop", "bookshop"),
        ("man-made thing", "household item", "kitchenware", "cup or glass", "cup"),
    ],
)
def test_everyday_names_of_the_default_model(default: Taxonomy, path: tuple[str, ...]) -> None:
    names = [label.name for label in default.labels]
    assert default.path(names.index(path[-1])) == path


def test_every_class_of_the_default_model_has_a_label_above_it(default: Taxonomy) -> None:
    tops = {default.path(leaf)[0] for leaf in range(default.root)}
    assert tops == {"animal", "nature", "food", "person", "man-made thing"}


def test_no_two_nodes_of_the_default_model_share_a_name(default: Taxonomy) -> None:
    names = [label.name for label in default.labels]
    assert len(set(names)) == len(names)


def test_the_default_models_taxonomy_is_small() -> None:
    assert IMAGENET.with_name("taxonomy.tsv").stat().st_size < 100_000
