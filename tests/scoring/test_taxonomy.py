"""Taxonomies: probabilities and information of nodes, and the choice of the answer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pictell.errors import UsageError
from pictell.options import MIN_CONFIDENCE
from pictell.scoring.taxonomy import (
    ROOT,
    Taxonomy,
    back_off,
    build,
    choose,
    flat_taxonomy,
    limit_depth,
    node_probabilities,
    without_headings,
)
from pictell.types import Label

# something ─ animal ─ cat ─ tabby, Siamese
#           │        └ dog
#           └ lorry
TABBY, LORRY, DOG, SIAMESE, SOMETHING, CAT, ANIMAL = range(7)
CLASSES = [Label("tabby"), Label("lorry"), Label("dog"), Label("Siamese")]
TREE = build(
    CLASSES, [Label("cat", "n02121620"), Label("animal")], [CAT, SOMETHING, ANIMAL, CAT, ANIMAL, 4]
)


@st.composite
def trees(draw: st.DrawFn) -> Taxonomy:
    """Taxonomies of 1 to 12 classes; some names have a single class."""
    count = draw(st.integers(1, 12))
    names = draw(st.integers(0, 6))
    above = [draw(st.integers(count, count + index)) for index in range(names)]
    classes = [draw(st.integers(count, count + names)) for _ in range(count)]
    used = set(classes)
    for node in reversed(range(count + 1, count + 1 + names)):
        if node not in used:
            classes[draw(st.integers(0, count - 1))] = node
            used = set(classes)
        used.add(above[node - count - 1])
    return _without_unused(count, above, classes)


def _without_unused(count: int, above: list[int], classes: list[int]) -> Taxonomy:
    used = {count}
    for leaf in classes:
        while leaf not in used:
            used.add(leaf)
            leaf = above[leaf - count - 1]
    kept = {node: place for place, node in enumerate(sorted(used), start=count)}
    names = [Label(f"name {node}") for node in sorted(used - {count})]
    parents = [kept[node] for node in classes]
    parents += [kept[above[node - count - 1]] for node in sorted(used - {count})]
    return build([Label(f"class {index}") for index in range(count)], names, parents)


def probabilities_of(tree: Taxonomy) -> st.SearchStrategy[np.ndarray]:
    sizes = st.lists(st.integers(0, 9), min_size=tree.root, max_size=tree.root)
    return sizes.map(lambda found: (np.array(found) + 1e-9) / (sum(found) + 1e-9 * tree.root))


def test_nodes_are_the_classes_then_the_root_then_the_names() -> None:
    assert TREE.root == SOMETHING
    assert TREE.labels == (*CLASSES, ROOT, Label("cat", "n02121620"), Label("animal"))
    assert TREE.parents == (CAT, SOMETHING, ANIMAL, CAT, SOMETHING, ANIMAL, SOMETHING)


def test_paths_lead_from_the_top_to_the_node() -> None:
    assert TREE.path(SIAMESE) == ("animal", "cat", "Siamese")
    assert TREE.path(CAT) == ("animal", "cat")
    assert TREE.path(LORRY) == ("lorry",)
    assert TREE.path(SOMETHING) == ()


@pytest.mark.parametrize(
    ("node", "classes"),
    [
        (CAT, {TABBY, SIAMESE}),
        (ANIMAL, {TABBY, SIAMESE, DOG}),
        (SOMETHING, {TABBY, LORRY, DOG, SIAMESE}),
        (DOG, {DOG}),
    ],
)
def test_classes_below_a_node(node: int, classes: set[int]) -> None:
    assert set(TREE.classes_below(node).tolist()) == classes


def test_a_node_with_fewer_classes_has_more_information() -> None:
    np.testing.assert_allclose(TREE.information, [2, 2, 2, 2, 0, 1, np.log2(4 / 3)])


def test_the_probability_of_a_node_is_the_sum_of_its_classes() -> None:
    found = node_probabilities(TREE, np.array([0.5, 0.125, 0.25, 0.125]))
    assert found.tolist() == [0.5, 0.125, 0.25, 0.125, 1, 0.625, 0.875]


def test_many_pictures_at_once() -> None:
    rows = np.array([[0.5, 0.125, 0.25, 0.125], [0.0, 1.0, 0.0, 0.0]])
    found = node_probabilities(TREE, rows)
    for row, one in zip(rows, found, strict=True):
        np.testing.assert_array_equal(one, node_probabilities(TREE, row))


@pytest.mark.parametrize(
    ("min_confidence", "node"),
    [(0.1, TABBY), (0.5, TABBY), (0.51, CAT), (0.7, ANIMAL), (0.9, SOMETHING), (1.0, SOMETHING)],
)
def test_a_higher_threshold_gives_a_less_specific_node(min_confidence: float, node: int) -> None:
    scores = node_probabilities(TREE, np.array([[0.5, 0.125, 0.25, 0.125]]))
    assert back_off(TREE, scores, min_confidence).tolist() == [node]


# The limits 0.7 and 0.5 are those of a likely answer; the bits are tabby 2, cat 1, animal 0.4.
@pytest.mark.parametrize(
    ("row", "min_confidence", "node"),
    [
        ([0.92, 0.04, 0.02, 0.02], 0.9, TABBY),  # sure: the most specific
        ([0.62, 0.02, 0.04, 0.32], 0.9, CAT),  # sure, although tabby is likely
        ([0.72, 0.18, 0.08, 0.02], 0.9, TABBY),  # 0.7 or more: the most specific
        ([0.62, 0.18, 0.08, 0.12], 0.9, CAT),  # only cat has 0.7, though tabby tells more
        ([0.55, 0.35, 0.05, 0.05], 0.9, TABBY),  # 0.55 x 2 bits are more than 0.6 x 1
        ([0.30, 0.35, 0.05, 0.30], 0.9, CAT),  # only cat and animal have 0.5
        ([0.40, 0.51, 0.04, 0.05], 0.9, LORRY),
        ([0.30, 0.45, 0.15, 0.10], 0.9, ANIMAL),
        ([0.25, 0.49, 0.12, 0.14], 0.95, ANIMAL),
        ([0.62, 0.18, 0.08, 0.12], 0.65, CAT),  # at 0.65 nothing but 0.5 is below it
        ([0.55, 0.35, 0.05, 0.05], 0.68, TABBY),
        ([0.55, 0.35, 0.05, 0.05], 0.58, CAT),
        ([0.45, 0.35, 0.15, 0.05], 0.5, CAT),  # at 0.5 and below: the threshold alone
        ([0.45, 0.35, 0.15, 0.05], 0.4, TABBY),
        ([0.35, 0.55, 0.05, 0.05], 0.6, LORRY),
    ],
)
def test_the_node_that_answers(row: list[float], min_confidence: float, node: int) -> None:
    scores = node_probabilities(TREE, np.array([row]))
    assert choose(TREE, scores, min_confidence).tolist() == [node]


def test_nothing_answers_where_nothing_is_more_likely_than_not() -> None:
    tree = flat_taxonomy(CLASSES)
    scores = node_probabilities(tree, np.array([[0.45, 0.35, 0.15, 0.05], [0.3, 0.5, 0.1, 0.1]]))
    assert choose(tree, scores, 0.9).tolist() == [tree.root, 1]
    assert choose(tree, scores, 0.5).tolist() == [tree.root, 1]
    assert choose(tree, scores, 0.4).tolist() == [0, 1]


@given(st.data())
def test_the_answer_depends_on_no_other_row_and_is_never_a_heading(data: st.DataObject) -> None:
    tree = without_headings(data.draw(trees()))
    rows = np.array(data.draw(st.lists(probabilities_of(tree), min_size=1, max_size=5)))
    nodes = node_probabilities(tree, rows)
    threshold = data.draw(st.sampled_from([0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]))
    chosen = choose(tree, nodes, threshold)
    alone = [choose(tree, row[np.newaxis], threshold)[0] for row in nodes]
    assert chosen.tolist() == alone
    answers = chosen[chosen != tree.root]
    assert not tree.headings[answers].any()
    of_answers = nodes[chosen != tree.root, answers]
    assert (of_answers >= min(threshold, 0.5)).all()


def test_a_label_of_many_classes_is_a_heading_in_a_large_model_only() -> None:
    for below, classes, is_heading in ((8, 20, False), (9, 72, False), (9, 71, True)):
        above = [classes + 1] * below + [classes] * (classes - below)
        tree = build([Label("")] * classes, [Label("group")], [*above, classes])
        assert bool(tree.headings[classes + 1]) == is_heading
        assert bool(without_headings(tree).information[classes + 1]) != is_heading


def test_a_node_covers_itself_and_what_is_below_it() -> None:
    for node in range(len(TREE.labels)):
        below = [TREE.path(other)[: len(TREE.path(node))] == TREE.path(node) for other in range(7)]
        nodes = np.full(7, node)
        assert TREE.covers(nodes, np.arange(7)).tolist() == below


def test_the_most_probable_of_equally_specific_nodes_wins_then_the_first() -> None:
    scores = node_probabilities(TREE, np.array([[0.2, 0.3, 0.4, 0.1], [0.1, 0.4, 0.4, 0.1]]))
    assert back_off(TREE, scores, 0.1).tolist() == [DOG, LORRY]


def test_a_class_wins_over_a_name_with_only_that_class() -> None:
    tree = build([Label("sorrel"), Label("lorry")], [Label("horse")], [3, 2, 2])
    exact = node_probabilities(tree, np.array([0.9, 0.1]))
    rounded = np.array([0.9, 0.1, 1.0, np.nextafter(0.9, 1)])
    assert back_off(tree, np.array([exact, rounded]), 0.5).tolist() == [0, 0]


def test_without_a_node_above_the_threshold_the_root_is_chosen() -> None:
    scores = np.array([np.full(7, 0.2), np.full(7, np.nan)])
    assert back_off(TREE, scores, MIN_CONFIDENCE).tolist() == [SOMETHING, SOMETHING]


@pytest.mark.parametrize(("max_depth", "node"), [(1, ANIMAL), (2, CAT), (3, TABBY), (9, TABBY)])
def test_no_answer_is_deeper_than_the_limit(max_depth: int, node: int) -> None:
    limited = limit_depth(TREE, max_depth)
    scores = node_probabilities(limited, np.array([[0.97, 0.01, 0.01, 0.01]]))
    assert back_off(limited, scores, 0.9).tolist() == [node]
    assert limited.path(TABBY) == TREE.path(TABBY)


def test_within_the_limit_no_node_may_reach_the_threshold() -> None:
    scores = [
        [0, 0.5, 0, 0.5, 1, 0.5, 0.5],
        # A node below the limit is as probable as the root.
        [1.0, 0, 0, 0, 1, 1, 0.89],
    ]
    chosen = back_off(limit_depth(TREE, 1), np.array(scores), 0.9)
    assert chosen.tolist() == [SOMETHING, SOMETHING]


def test_a_max_depth_below_1_is_refused() -> None:
    with pytest.raises(UsageError, match="max_depth must be a whole number, 1 or more, not 0"):
        limit_depth(TREE, 0)


@given(st.data())
def test_any_taxonomy_against_the_definitions(data: st.DataObject) -> None:
    tree = data.draw(trees())
    classes = np.array(data.draw(st.lists(probabilities_of(tree), min_size=1, max_size=4)))
    min_confidence = data.draw(st.sampled_from([0.2, 0.5, 0.8, 0.95]))
    scores = node_probabilities(tree, classes)
    for node in range(len(tree.labels)):
        name = tree.labels[node].name
        below = [leaf for leaf in range(tree.root) if name in ("something", *tree.path(leaf))]
        assert sorted(tree.classes_below(node).tolist()) == below
        assert scores[:, node] == pytest.approx(classes[:, below].sum(axis=1), abs=1e-12)
        assert tree.information[node] == pytest.approx(np.log2(tree.root / len(below)))
    for row, chosen in zip(scores, back_off(tree, scores, min_confidence), strict=True):
        assert chosen == tree.root or row[chosen] >= min_confidence
        assert tree.information[row >= min_confidence].max(initial=0) <= tree.information[chosen]


def test_the_depth_of_a_very_deep_taxonomy_is_limited_at_once() -> None:
    depth = 100_000
    deep = build([Label("class")], [Label("name")] * depth, [2, *range(3, depth + 2), 1])
    limited = limit_depth(deep, 3)
    assert len(deep.path(0)) == depth + 1
    assert limited.information[0] == 0
