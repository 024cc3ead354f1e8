"""Pictures whose label is a broader label of the model: judged at its level."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as oracle

from evaluation_oracle import assert_calibrated_error, calibration_error
from labelled_pictures import (
    BROKEN,
    LABELS,
    classifier,
    evaluated,
    make_weighted,
    save,
    scores_of,
    with_answers,
)
from pictell import load
from pictell.errors import UsageError
from pictell.evaluation.comparison import compare
from pictell.evaluation.dataset import Dataset, read_dataset
from pictell.evaluation.summary import Summary, evaluate

# dark, dim and grey are low.
LOW = 3
MIN_CONFIDENCE = 0.9
KINDS = ("cat", "dog", "bird", "fish", "insect", "fruit")

# The scores of low, light and bright (N, 3); the right one of these; the weights.
Truth = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]
# Pictures, the kind of each, and the WordNet ids of the classes below each kind.
Animals = tuple[Dataset, list[str], dict[str, set[str]]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weighted pictures whose label is low, light or bright."""
    folder = tmp_path_factory.mktemp("kinds")
    make_weighted(folder)
    path = folder / "labels.csv"
    text = path.read_text()
    for name in LABELS[:LOW]:
        text = text.replace(f",{name},", ",low,")
    path.write_text(text)
    return folder


@pytest.fixture(scope="module")
def summary(folder: Path) -> Summary:
    return evaluated(read_dataset(folder), with_answers(min_confidence=MIN_CONFIDENCE))


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    """What the figures must be computed from: the three columns are low, light and bright."""
    folder = tmp_path_factory.mktemp("classes")
    brightness = make_weighted(folder)
    lines = [line.split(",") for line in (folder / "labels.csv").read_text().split()[1:]]
    rows = [number for number in range(len(lines)) if number != BROKEN]
    scores = scores_of(brightness)[rows]
    merged = np.column_stack([scores[:, :LOW].sum(axis=1), scores[:, LOW:]])
    targets = np.array([max(LABELS.index(lines[number][1]) - LOW + 1, 0) for number in rows])
    return merged, targets, np.array([float(lines[number][2]) for number in rows])


@pytest.mark.filterwarnings("ignore:The y_prob values do not sum to one")
def test_accuracy_and_likelihood_are_those_of_the_merged_classes(
    summary: Summary, truth: Truth
) -> None:
    scores, targets, weights = truth
    # The best class is the best of five: low is right where one of its three is the best.
    best = np.maximum(summary.outcomes.best - LOW + 1, 0)
    assert summary.top1.value == pytest.approx(
        oracle.accuracy_score(targets, best, sample_weight=weights)
    )
    assert summary.top5.value == 1
    assert summary.negative_log_likelihood == pytest.approx(
        oracle.log_loss(targets, np.maximum(scores, 1e-6), sample_weight=weights), rel=1e-5
    )
    assert summary.brier_score is None


def test_calibration_is_about_the_scores_of_the_kinds(summary: Summary, truth: Truth) -> None:
    scores, targets, weights = truth
    best = np.maximum(summary.outcomes.best - LOW + 1, 0)
    confidence = scores[np.arange(len(best)), best]
    expected = calibration_error(best == targets, confidence, weights)
    assert summary.calibration_error == pytest.approx(expected, rel=1e-5)
    assert_calibrated_error(summary.calibration_error_by_chance, confidence, weights)
    assert sum(one.pictures for one in summary.reliability) == (weights > 0).sum()


def test_classes_and_confusions_have_the_kind_on_both_sides(summary: Summary, truth: Truth) -> None:
    _, targets, weights = truth
    best = np.maximum(summary.outcomes.best - LOW + 1, 0)
    matrix = oracle.confusion_matrix(targets, best)
    shares = oracle.confusion_matrix(targets, best, sample_weight=weights, normalize="true")
    names = ["low", "light", "bright"]
    assert {one.label for one in summary.classes} == set(names)
    for one in summary.classes:
        row = names.index(one.label)
        assert one.recall == pytest.approx(shares[row, row])
        assert (one.pictures, one.predicted) == (matrix[row].sum(), matrix[:, row].sum())
    found = {(one.label, one.best_class): one.pictures for one in summary.confusions}
    expected = {
        (names[row], names[column]): matrix[row, column]
        for row, column in zip(*np.nonzero(matrix), strict=True)
        if row != column
    }
    assert found == expected


def test_answers_are_right_above_and_below_the_kind(summary: Summary, truth: Truth) -> None:
    scores, targets, weights = truth
    outcomes = summary.outcomes
    classes = [outcomes.tree.classes_below(node) for node in outcomes.rows["answer"]]
    merged = [{max(one - LOW + 1, 0) for one in below.tolist()} for below in classes]
    assert {len(below) for below in classes} == {1, LOW}
    right = [a in b for a, b in zip(targets.tolist(), merged, strict=True)]
    assert outcomes.are_right(outcomes.rows["answer"]).tolist() == right
    # What is more specific than the kind cannot be checked, so it has the kind's information.
    bits = np.where(targets == 0, np.log2(len(LABELS) / LOW), np.log2(len(LABELS)))
    assert (scores[:, 0] > 0.99).any()
    for one in summary.answers_at:
        limit = one.min_confidence
        named = np.where(scores[:, 0] >= limit, 0, np.where(scores[:, 1] >= limit, 1, 2))
        given = scores.max(axis=1) >= limit
        correct = given & (named == targets)
        assert one.answered == pytest.approx(np.average(given, weights=weights))
        assert one.information == pytest.approx(np.average(bits * correct, weights=weights))
        assert one.right is not None
        share = weights[correct].sum() / weights[given].sum()
        assert one.right.value == pytest.approx(share)
    assert summary.best_class_information == pytest.approx(
        np.average(bits * outcomes.right, weights=weights)
    )


def judged(folder: Path, labels: dict[str, int]) -> Summary:
    """Pictures of a certain brightness in a class folder for each label."""
    for name, brightness in labels.items():
        save(folder / name / "a.png", brightness)
    return evaluated(read_dataset(folder), with_answers())


def test_kinds_may_be_beside_and_above_classes_of_the_data(tmp_path: Path) -> None:
    # The best classes: dim, grey, dim, bright.
    summary = judged(tmp_path, {"low": 76, "grey": 127, "dark": 76, "light": 229})
    outcomes = summary.outcomes
    assert dict(zip(outcomes.dataset.labels, outcomes.right.tolist(), strict=True)) == {
        "dark": False, "grey": True, "light": False, "low": True,
    }  # fmt: skip
    confused = {(one.label, one.best_class) for one in summary.confusions}
    assert confused == {("dark", "low"), ("light", "bright")}
    # Calibration merges all that is below the broadest label of the data: dark is low, too.
    right, score = outcomes.groups
    assert right.tolist() == [True, True, False, True]
    assert (score[[0, 1, 3]] > 0.98).all()


def test_a_class_below_a_nested_kind_is_right_for_both(tmp_path: Path) -> None:
    save(tmp_path / "low" / "dark.png", 25)
    save(tmp_path / "dark" / "dark.png", 25)
    save(tmp_path / "low" / "light.png", 178)
    summary = evaluated(read_dataset(tmp_path), with_answers())
    assert summary.top1.value == pytest.approx(2 / 3)
    figures = {one.label: (one.recall, one.precision) for one in summary.classes}
    assert figures == {"low": (0.5, 1.0), "dark": (1.0, 1.0), "light": (None, 0.0)}
    wrong = [(one.label, one.best_class) for one in summary.wrong]
    assert wrong == [("low", "light")]


def test_a_model_without_a_taxonomy_knows_no_kinds(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"1 of 3 labels match no label of fake: 'low'") as caught:
        evaluate(classifier(), read_dataset(folder), "fake")
    assert "nearest" not in str(caught.value)


def test_two_models_are_compared_at_the_level_of_the_kinds(folder: Path) -> None:
    data = read_dataset(folder)
    first = evaluated(data, with_answers())
    second = with_answers()
    # Another order of the classes below low changes the best class, but not whether it is right.
    labels = tuple(second.spec.labels[index] for index in (1, 0, 2, 3, 4))
    tree = replace(second.scorer.tree, labels=(*labels, *second.scorer.tree.labels[5:]))
    second.scorer = replace(second.scorer, labels=labels, taxonomy=tree)
    comparison = compare(first, evaluated(data, second, "second"))
    assert comparison is not None
    assert (comparison.only_first_right, comparison.only_second_right) == (0, 0)
    assert comparison.top1_difference == 0
    assert comparison.changed
    assert all(one.right == other.right for one, other in comparison.changed)
    assert {one.best_class for one, _ in comparison.changed} == {"dark", "dim"}


def labels_below(wanted: str, lines: Iterable[str]) -> set[str]:
    """The WordNet ids of the classes below a broader label, from the lines of a taxonomy file."""
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    above = {row[0]: row[1] if len(row) == 2 else row[2] for row in rows}
    (key,) = (row[0] for row in rows if len(row) > 2 and row[1] == wanted)
    found = set()
    for name in (row[0] for row in rows if len(row) == 2):
        place = name
        while place not in {"-", key}:
            place = above[place]
        if place == key:
            found.add(name)
    return found


@pytest.fixture(scope="module")
def animals(shared: Path) -> Animals:
    """ImageNet's pictures of some kinds with the name of the kind as their label."""
    model = load()
    assert model.spec.taxonomy is not None
    lines = model.spec.taxonomy.text.split("\n")
    below = {name: labels_below(name, lines) for name in (*KINDS, "animal")}
    data = read_dataset(shared / "images" / "imagenet_val650")
    synsets = [model.spec.labels[int(data.labels[number])].synset for number in data.label_of]
    kinds = [next((k for k in KINDS if one in below[k]), None) for one in synsets]
    rows = [number for number, one in enumerate(kinds) if one]
    assert data.weights is not None
    named = [kind for kind in kinds if kind]
    chosen = replace(
        data,
        files=tuple(data.files[number] for number in rows),
        labels=KINDS,
        label_of=np.array([KINDS.index(kind) for kind in named], np.int32),
        weights=data.weights[rows],
        by_index=False,
    )
    return chosen, named, below


@pytest.mark.slow
def test_real_pictures_of_kinds_agree_with_the_taxonomy_file(
    animals: Animals,
) -> None:
    data, kinds, below = animals
    model = load()
    summary = evaluated(data, model, "default")
    results = model.stream(map(data.path, range(len(data))), probabilities=True)
    right, top5, logs = [], [], []
    for result, kind in zip(results, kinds, strict=True):
        found = [one.synset in below[kind] for one in result.predictions]
        assert result.probabilities is not None
        inside = [label.synset in below[kind] for label in model.spec.labels]
        right.append(found[0])
        top5.append(any(found))
        logs.append(-np.log(result.probabilities[inside].sum()))
    assert len(right) > 150
    assert summary.top1.value == pytest.approx(np.average(right, weights=data.weights))
    assert summary.top5.value == pytest.approx(np.average(top5, weights=data.weights))
    assert summary.negative_log_likelihood == pytest.approx(
        np.average(logs, weights=data.weights), rel=1e-5
    )
    # The names of the classes are much harder than the kinds.
    assert summary.top1.value > 0.97


@pytest.mark.slow
def test_a_heading_is_a_kind_too(animals: Animals) -> None:
    data, kinds, below = animals
    rows = [number for number, kind in enumerate(kinds) if kind != "fruit"][:30]
    files = tuple(data.files[number] for number in rows)
    few = replace(
        data, files=files, labels=("Animals",), weights=None, label_of=np.zeros(30, np.int32)
    )
    summary = evaluated(few, load())
    assert summary.top1.value == 1
    assert [one.label for one in summary.classes] == ["animal"]
    assert summary.best_class_information == pytest.approx(np.log2(1000 / len(below["animal"])))
