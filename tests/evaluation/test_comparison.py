"""Two models on weighted pictures, of which each leaves out others; one cannot be read."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, confusion_matrix

from evaluation_oracle import assert_mean
from labelled_pictures import BROKEN, LABELS, classifier, evaluated, make_weighted, save, scores_of
from pictell.evaluation.comparison import Comparison, compare
from pictell.evaluation.dataset import read_dataset

# Their classes are of other widths, so some pictures get the same name and some another.
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


def test_pictures_are_counted_by_who_names_them_rightly(
    comparison: Comparison, named: np.ndarray
) -> None:
    right, other_right = named["one"] == named["label"], named["other"] == named["label"]
    ((neither, second), (first, both)) = confusion_matrix(right, other_right)
    assert comparison.pictures == len(named)
    assert (comparison.both_right, comparison.both_wrong) == (both, neither)
    assert (comparison.only_first, comparison.only_second) == (first, second)
    assert comparison.p_value == pytest.approx(binomtest(first, first + second).pvalue)


def test_the_difference_is_weighted(comparison: Comparison, named: np.ndarray) -> None:
    def difference(rows: np.ndarray) -> float:
        drawn = named[rows]
        one, other = (
            accuracy_score(drawn["label"], drawn[model], sample_weight=drawn["weight"])
            for model in ("one", "other")
        )
        return float(other - one)

    assert comparison.difference == pytest.approx(difference(np.arange(len(named))))
    right = named["one"] == named["label"]
    gain, weights = (named["other"] == named["label"]) * 1.0 - right, named["weight"]
    assert_mean(
        comparison.interval, lambda rows: np.average(gain[rows], weights=weights[rows]), len(named)
    )


def test_changed_pictures_are_named_by_the_rows_of_both(
    comparison: Comparison, named: np.ndarray
) -> None:
    rows, other_rows = comparison.changed.T
    pictures = comparison.first.outcomes.rows["picture"][rows].tolist()
    assert pictures == comparison.second.outcomes.rows["picture"][other_rows].tolist()
    assert not np.array_equal(rows, other_rows)
    changed = named[named["one"] != named["other"]]
    assert 0 < len(changed) < len(named)
    lost, won = (changed[changed[model] == changed["label"]] for model in ("one", "other"))
    rest = np.setdiff1d(changed["number"], [*lost["number"], *won["number"]])
    assert pictures == [*lost["number"], *won["number"], *rest]


def test_a_class_of_the_same_name_is_another_where_only_one_is_right(tmp_path: Path) -> None:
    """Birds and machines, say, that are both called crane."""
    for name, brightness in (("crane", 110), ("dark", 10)):
        save(tmp_path / f"{name}.png", brightness)
    (tmp_path / "labels.csv").write_text("file,class_index\ncrane.png,2\ndark.png,0\n")
    data = read_dataset(tmp_path)
    right = evaluated(data, classifier(("dark", "crane", "crane", "light", "bright")))
    wrong = evaluated(data, classifier(("dark", "crane", "crane", "bright")))
    found = compare(right, wrong)
    assert found is not None
    assert found.changed.tolist() == [[0, 0]]
