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
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold
from threadpoolctl import threadpool_limits

import pictell
from accuracy import IMAGES
from pictell.classifier import Classifier
from pictell.evaluation.dataset import Dataset, read_dataset
from pictell.index.embeddings import EmbeddingIndex
from pictell.options import EngineOptions
from pictell.training.calibrate import calibrate
from pictell.training.embed import embed_dataset
from pictell.training.extractor import open_extractor, read_extractor
from pictell.training.familiarity import Floats
from pictell.training.head import STRENGTH, Examples, cross_validate, fit_head
from pictell.training.measure import Measured, find_suspects
from pictell.types import Label

REPEATS, FOLDS, DRAWS = 5, 10, 20
PICTURES = (1, 2, 5, 10)
# The share of labels that are made wrong, and that of these which must be found.
PLANTED, RECALL = 0.05, 0.8

Indices = NDArray[np.int64]
Predict = Callable[[Indices, Indices], Indices]
Parts = Iterator[tuple[Indices, Indices]]


def read(classifier: Classifier) -> tuple[Floats, Indices, int]:
    """The embeddings (N, D) of the photos, their classes (N,), and how many are to train on."""
    vectors, classes = [], list[Indices]()
    for part in ("train", "val"):
        dataset = read_dataset(IMAGES / "hymenoptera_data" / part)
        with EmbeddingIndex.open() as index:
            found = embed_dataset(classifier, dataset, index)
        vectors.append(found.vectors)
        classes.append(dataset.label_of[found.pictures].astype(np.int64))
    return np.concatenate(vectors), np.concatenate(classes), len(classes[0])


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
        some, strength = examples(features[train], targets[train]), STRENGTH
        if np.unique(targets[train], return_counts=True)[1].min() > 1:
            strength = cross_validate(some, 0).strength
        logits, _ = fit_head(some, strength).outputs(features[test])
        found: Indices = np.unique(targets[train])[logits.argmax(axis=1)]
        return found

    return predict


def examples(features: Floats, targets: Indices) -> Examples:
    """Pictures of one class each, none of them copies."""
    nothing, origin = features[:0], np.zeros(features.shape[1], np.float32)
    has = targets[:, np.newaxis] == np.unique(targets)
    return Examples(features, has, False, np.arange(len(targets)), nothing, origin)


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


def print_planted(features: Floats, targets: Indices) -> None:
    """How precisely wrong labels are found: ``PLANTED`` of them, by the held-out score."""
    precisions, found, false = [], [], []
    for draw in range(DRAWS):
        random = np.random.default_rng(draw)
        wrong = random.choice(len(targets), round(PLANTED * len(targets)), replace=False)
        labels = targets.copy()
        labels[wrong] = 1 - labels[wrong]
        some = examples(features, labels)
        held_out = cross_validate(some, 0)
        held_out = held_out._replace(logits=held_out.cautious)
        fitted = calibrate(held_out, some.targets, False, "planted").calibration
        numbers = np.arange(len(labels))
        names = ("ants", "bees")
        data = Dataset("planted", Path(), tuple(map(str, numbers)), names, labels.astype(np.int32))
        measured = Measured(
            data, numbers, some.targets, False, held_out.logits, held_out.familiarity, ()
        )
        suspects = find_suspects(measured, fitted, tuple(map(Label, names)))
        told = [one.picture in wrong for one in suspects]
        found.append(sum(told) / len(wrong))
        false.append(len(told) - sum(told))
        rows = np.arange(len(labels))
        margins = held_out.logits[rows, labels] - held_out.logits[rows, 1 - labels]
        order = np.argsort(margins)
        hits = np.isin(order, wrong).cumsum()
        needed = int(np.searchsorted(hits, np.ceil(RECALL * len(wrong))))
        precisions.append(hits[needed] / (needed + 1))
    half = 1.96 * np.std(precisions, ddof=1) / np.sqrt(DRAWS)
    print(
        f"\nwrong labels, {PLANTED:.0%} planted: precision at recall {RECALL}: "
        f"{np.mean(precisions):.2f} ± {half:.2f}, worst {min(precisions):.2f}; reported: "
        f"{np.mean(found):.0%} of them, beside {np.mean(false):.1f} others"
    )


def main() -> None:
    """Print the table."""
    threadpool_limits(1)
    started = time.monotonic()
    with pictell.load() as classifier:
        embeddings, targets, _ = read(classifier)
    with open_extractor(read_extractor("default"), EngineOptions()) as classifier:
        features, _, to_train = read(classifier)
    print(f"embeddings of {len(targets)} photos: {time.monotonic() - started:.1f} s\n")
    methods = head(features, targets), probe(embeddings, targets)
    print("| data | probe, % | pictell train, % | gain, points |")
    print("|---|---|---|---|")
    for pictures in PICTURES:
        name = f"{pictures} a class, {DRAWS} draws"
        print(row(name, draws(targets, pictures), targets, methods))
    splitter = RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=REPEATS, random_state=0)
    parts = ((train, test) for train, test in splitter.split(features, targets))
    print(row(f"{REPEATS} x {FOLDS} folds", parts, targets, methods))
    print_planted(features[:to_train], targets[:to_train])


if __name__ == "__main__":
    main()
