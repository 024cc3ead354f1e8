"""Compare two models on weighted pictures. Each skips some pictures; one cannot be read."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, confusion_matrix

from evaluation_oracle import assert_mean
from labelled_pictures import (
    BROKEN,
    LABELS,
    classifier,
    evaluated,
    make,
    make_weighted,
    save,
    scores_of,
)
from pictell.classifier import Classifier
from pictell.evaluation.comparison import Comparison, compare
from pictell.evaluation.dataset import read_dataset
from pictell.scoring.taxonomy import flat_taxonomy
from pictell.types import Label

# The classes have different widths: some pictures get the same class and some another.
FIRST, SECOND = LABELS[:-1], ("black", *LABELS[1:])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def named(folder: Path) -> np.ndarray:
    """A row for each picture that both judged: number, weight, label and both best classes."""
    brightness = make_weighted(folder)
    best, other_best = (
        np.array(labels)[scores_of(brightness, len(labels)).argmax(axis=1)]
        for labels in (FIRST, SECOND)
    )
    lines = [line.split(",") for line in (folder / "labels.csv").read_text().split()[1:]]
    return np.array(
        [
            (number, float(weight), label, best[number], other_best[number])
            for number, (_, label, weight) in enumerate(lines)
            if number != BROKEN and label in FIRST and label in SECOND
        ],
        dtype=[("number", int), ("weight", float), *((n, "U9") for n in ("label", "one", "other"))],
    )


@pytest.fixture(scope="module")
def comparison(named: np.ndarray, folder: Path) -> Comparison:
    data = read_dataset(folder)
    first = evaluated(data, classifier(FIRST), "first")
    second = evaluated(data, classifier(SECOND), "second")
    found = compare(first, second)
    assert found is not None
    return found


def test_pictures_are_counted_by_which_model_is_right(
    comparison: Comparison, named: np.ndarray
) -> None:
    right, other_right = named["one"] == named["label"], named["other"] == named["label"]
    ((neither, second), (first, both)) = confusion_matrix(right, other_right)
    assert comparison.pictures == len(named)
    assert (comparison.both_right, comparison.both_wrong) == (both, neither)
    assert (comparison.only_first_right, comparison.only_second_right) == (first, second)
    assert comparison.mcnemar_exact_p == pytest.approx(binomtest(first, first + second).pvalue)


def test_the_difference_is_weighted(comparison: Comparison, named: np.ndarray) -> None:
    def difference(rows: np.ndarray) -> float:
        drawn = named[rows]
        one, other = (
            accuracy_score(drawn["label"], drawn[model], sample_weight=drawn["weight"])
            for model in ("one", "other")
        )
        return float(other - one)

    assert comparison.top1_difference == pytest.approx(difference(np.arange(len(named))))
    right = named["one"] == named["label"]
    gain, weights = (named["other"] == named["label"]) * 1.0 - right, named["weight"]
    assert_mean(
        comparison.top1_difference_interval,
        lambda rows: np.average(gain[rows], weights=weights[rows]),
        len(named),
    )


def test_changed_pictures_have_the_best_class_of_both_models(
    comparison: Comparison, named: np.ndarray
) -> None:
    by_number = {int(row["number"]): row for row in named}
    for pair in comparison.changed:
        for outcome, model in zip(pair, ("one", "other"), strict=True):
            row = by_number[outcome.picture]
            assert (outcome.label, outcome.best_class) == (row["label"], row[model])
    pictures = [one.picture for one, _ in comparison.changed]
    changed = named[named["one"] != named["other"]]
    assert 0 < len(changed) < len(named)
    lost, won = (changed[changed[model] == changed["label"]] for model in ("one", "other"))
    rest = np.setdiff1d(changed["number"], [*lost["number"], *won["number"]])
    assert pictures == [*lost["number"], *won["number"], *rest]


def test_two_classes_of_the_same_name_differ_if_only_one_is_right(tmp_path: Path) -> None:
    """Such as a bird and a machine that are both called crane."""
    for name, brightness in (("crane", 110), ("dark", 10)):
        save(tmp_path / f"{name}.png", brightness)
    (tmp_path / "labels.csv").write_text("file,class_index\ncrane.png,2\ndark.png,0\n")
    data = read_dataset(tmp_path)
    right = evaluated(data, classifier(("dark", "crane", "crane", "light", "bright")))
    wrong = evaluated(data, classifier(("dark", "crane", "crane", "bright")))
    found = compare(right, wrong)
    assert found is not None
    assert [(one.picture, other.picture) for one, other in found.changed] == [(0, 0)]


def test_classes_with_the_same_synset_are_the_same_whatever_their_names(tmp_path: Path) -> None:
    data = read_dataset(make(tmp_path))
    first = evaluated(data, with_synsets(LABELS))
    renamed = with_synsets(("schwarz", *LABELS[1:])).spec.labels
    tree = flat_taxonomy(renamed)
    found = compare(first, replace(first, outcomes=replace(first.outcomes, tree=tree)))
    assert found is not None
    assert found.changed == ()


def with_synsets(labels: tuple[str, ...]) -> Classifier:
    model = classifier(labels)
    named = tuple(Label(name, f"n0000000{number}") for number, name in enumerate(labels))
    model.spec = replace(model.spec, labels=named)
    model.scorer = replace(model.scorer, labels=named)
    return model
