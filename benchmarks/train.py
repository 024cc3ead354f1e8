"""Heads of ``pictell train`` beside a bare linear probe, on photos of ants and bees.

    python benchmarks/train.py

The embeddings of all 398 photos of ``hymenoptera_data`` are computed once. Then both heads are
fitted to the same parts of them: ``REPEATS`` times ten folds, and ``DRAWS`` draws of few pictures
of each class, tested on all others. The probe is logistic regression with C = 100 on the embedding
with norm 1. Gains are paired: by fold, or by draw, with their 95 % interval (normal approximation).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold

from accuracy import IMAGES
from pictell.evaluation.dataset import read_dataset
from pictell.index.embeddings import EmbeddingIndex
from pictell.options import EngineOptions
from pictell.training.embed import embed_dataset
from pictell.training.head import cross_validate, fit_head, to_logits
from pictell.training.recipe import FeatureRecipe, Floats
from pictell.training.train import RECIPE, open_features, read_backbone

REPEATS, FOLDS, DRAWS = 5, 10, 20
PICTURES = (1, 2, 5, 10)
STRENGTH = 100.0

Indices = NDArray[np.int64]
Predict = Callable[[Indices, Indices], Indices]
Parts = Iterator[tuple[Indices, Indices]]


def read() -> tuple[Floats, Indices]:
    """The raw embeddings (N, V, D) of the photos, and their classes (N,)."""
    vectors, classes = [], []
    with open_features(read_backbone("default"), EngineOptions()) as classifier:
        for part in ("train", "val"):
            dataset = read_dataset(IMAGES / "hymenoptera_data" / part)
            with EmbeddingIndex.open() as index:
                found = embed_dataset(classifier, dataset, index)
            vectors.append(found.vectors)
            classes.append(dataset.label_of[found.pictures])
    stacked = np.concatenate(vectors).reshape(-1, len(RECIPE.views), 1280)
    return stacked, np.concatenate(classes).astype(np.int64)


def probe(features: Floats, targets: Indices) -> Predict:
    """Logistic regression on the embedding itself."""

    def predict(train: Indices, test: Indices) -> Indices:
        model = LogisticRegression(C=STRENGTH, max_iter=1000).fit(features[train], targets[train])
        found: Indices = model.predict(features[test])
        return found

    return predict


def head(features: Floats, targets: Indices) -> Predict:
    """The head of ``pictell train``, its strength chosen where there are pictures to test."""

    def predict(train: Indices, test: Indices) -> Indices:
        strength = STRENGTH
        if np.bincount(targets[train]).min() > 1:
            groups = np.arange(len(train))
            strength = cross_validate(features[train], targets[train], 2, groups, 0).strength
        fitted = fit_head(features[train], targets[train], 2, strength)
        found: Indices = to_logits(fitted, features[test]).argmax(axis=1)
        return found

    return predict


def draws(targets: Indices, pictures: int) -> Parts:
    """Some pictures of each class, and all others."""
    for draw in range(DRAWS):
        random = np.random.default_rng(draw)
        train = np.concatenate(
            [
                random.choice(np.flatnonzero(targets == one), pictures, replace=False)
                for one in np.unique(targets)
            ]
        )
        yield train, np.setdiff1d(np.arange(len(targets)), train)


def row(name: str, parts: Parts, targets: Indices, methods: tuple[Predict, Predict]) -> str:
    """A line of the table."""
    shares = []
    for train, test in parts:
        shares.append([np.mean(predict(train, test) == targets[test]) for predict in methods])
    ours, theirs = np.array(shares).T
    gain = 100 * (ours - theirs)
    half = 1.96 * gain.std(ddof=1) / np.sqrt(len(gain))
    low, high = gain.mean() - half, gain.mean() + half
    return (
        f"| {name} | {100 * theirs.mean():.1f} | {100 * ours.mean():.1f} "
        f"| {gain.mean():+.1f} [{low:+.1f}, {high:+.1f}] |"
    )


def main() -> None:
    """Print the table."""
    started = time.monotonic()
    vectors, targets = read()
    print(f"embeddings of {len(targets)} photos: {time.monotonic() - started:.1f} s\n")
    plain = FeatureRecipe(views=RECIPE.views).features(vectors)
    methods = head(RECIPE.features(vectors), targets), probe(plain, targets)
    print("| data | probe, % | pictell train, % | gain, points |")
    print("|---|---|---|---|")
    for pictures in PICTURES:
        name = f"{pictures} a class, {DRAWS} draws"
        print(row(name, draws(targets, pictures), targets, methods))
    splitter = RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=REPEATS, random_state=0)
    parts = ((train, test) for train, test in splitter.split(plain, targets))
    print(row(f"{REPEATS} x {FOLDS} folds", parts, targets, methods))


if __name__ == "__main__":
    main()
