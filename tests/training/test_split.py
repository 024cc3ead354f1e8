"""Parts of pictures: stratified, without copies in two parts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pictell.errors import UsageError
from pictell.training.split import ALWAYS_TRAIN, folds, split


def alone(count: int) -> NDArray[np.int64]:
    return np.arange(count)


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_the_test_has_a_share_of_every_label(share: float) -> None:
    targets = np.repeat([0, 1, 2], [100, 40, 10])
    train, test = split(targets, alone(150), share, seed=0)
    assert sorted([*train, *test]) == list(range(150))
    np.testing.assert_allclose(np.bincount(targets[test]), [100 * share, 40 * share, 10 * share])


def test_the_seed_decides() -> None:
    targets = np.repeat([0, 1], 50)
    one, same, other = (split(targets, alone(100), 0.2, seed)[1].tolist() for seed in (1, 1, 2))
    assert one == same != other


def test_few_pictures() -> None:
    targets = np.array([0, 1, 1, 2, 2, 2])
    train, test = split(targets, alone(6), 0.2, seed=0)
    assert np.bincount(targets[train]).tolist() == [1, 1, 2]
    assert np.bincount(targets[test]).tolist() == [0, 1, 1]
    fold = folds(targets, alone(6), 5, seed=0)
    assert (fold == ALWAYS_TRAIN).tolist() == [True, *[False] * 5]
    assert len(set(fold[1:3])) == 2
    assert len(set(fold[3:])) == 3


def test_copies_stay_together() -> None:
    targets = np.repeat([0, 1], 50)
    groups = alone(100)
    groups[:20] = 0
    groups[45:55] = 45  # of both labels
    fold = folds(targets, groups, 5, seed=0)
    assert len(set(fold[:20])) == len(set(fold[45:55])) == 1
    assert np.bincount(fold[targets == 1], minlength=5).tolist() == [10] * 5


def test_nothing_to_test_is_an_error() -> None:
    for targets, groups in (([0, 1, 2], [0, 1, 2]), ([0, 0, 1, 1], [0, 0, 2, 2])):
        with pytest.raises(UsageError, match="no label has two pictures that are not copies"):
            split(np.array(targets), np.array(groups), 0.2, seed=0)
        with pytest.raises(UsageError, match="no label has two pictures that are not copies"):
            folds(np.array(targets), np.array(groups), 2, seed=0)
    for share in (0, 1, float("nan")):
        with pytest.raises(UsageError):
            split(np.array([0, 0]), alone(2), share, seed=0)
    with pytest.raises(UsageError):
        folds(np.array([0, 0]), alone(2), 1, seed=0)


def test_several_labels() -> None:
    random = np.random.default_rng(0)
    targets = random.random((1000, 6)) < [0.5, 0.3, 0.1, 0.05, 0.03, 0.02]
    fold = folds(targets, alone(1000), 5, seed=0)
    assert (fold != ALWAYS_TRAIN).sum() == targets.any(axis=1).sum()
    for label in targets.T:
        counts = np.bincount(fold[label], minlength=5)
        assert counts.max() - counts.min() <= 0.1 * counts.mean() + 1


@pytest.mark.parametrize("seed", range(5))
def test_small_groups_even_out_large_ones(seed: int) -> None:
    groups = np.concatenate([np.zeros(10, np.int64), np.arange(1, 11)])
    fold = folds(np.zeros(20, np.int64), groups, 2, seed)
    assert np.bincount(fold).tolist() == [10, 10]


@pytest.mark.parametrize("seed", range(5))
def test_a_rare_label_is_in_every_fold(seed: int) -> None:
    targets = np.ones((100, 2), np.bool_)
    targets[5:, 1] = False
    fold = folds(targets, alone(100), 5, seed)
    assert np.bincount(fold[:5]).tolist() == [1] * 5
    assert np.bincount(fold).tolist() == [20] * 5


def test_ten_thousand_classes() -> None:
    targets = np.tile(np.arange(10_000), 3)
    train, test = split(targets, alone(30_000), 0.2, seed=0)
    assert np.bincount(targets[train]).tolist() == [2] * 10_000
    assert np.bincount(targets[test]).tolist() == [1] * 10_000


PICTURES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 12)), min_size=1, max_size=60)


@given(PICTURES, st.integers(2, 6), st.integers(0, 3))
def test_every_fold_can_be_tested(pictures: list[tuple[int, int]], k: int, seed: int) -> None:
    targets, groups = np.array(pictures).T
    try:
        fold = folds(targets, groups, k, seed)
    except UsageError:
        return
    for group in np.unique(groups):
        assert len(set(fold[groups == group])) == 1
    # Every label is learned, whichever fold is tested.
    for tested in range(k):
        assert set(targets[fold != tested]) == set(targets) or any(
            len(set(targets[groups == group])) > 1 for group in groups
        )
    assert fold.tolist() == folds(targets, groups, k, seed).tolist()
