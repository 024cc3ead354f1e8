"""Heads of ``pictell train`` beside a bare linear probe, on seven tasks of other pictures.

    python benchmarks/train_tasks.py

The classes of a task are broader labels of the default model, such as kinds of dogs; the pictures
are those of ``imagenet_val650`` below them. The comparison is that of ``train.py``, with the mean
gain over the tasks. The network knows the classes below these labels, which helps. So each task is
done twice: with all features, and without the probabilities of those classes.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator

import numpy as np
from threadpoolctl import threadpool_limits

import pictell
from accuracy import IMAGES
from pictell import models
from pictell.classifier import Classifier
from pictell.models.taxonomy_file import read_taxonomy
from pictell.options import EngineOptions
from pictell.scoring.taxonomy import Taxonomy
from pictell.training.extractor import open_extractor, read_extractor
from pictell.training.familiarity import Floats
from pictell.training.features import WEIGHTS
from train import DRAWS, PICTURES, Indices, Parts, head, probe

TASKS = {
    "kinds of dogs": "terrier, hound, gun dog, wild dog, sheepdog, lap dog",
    "kinds of birds": "wading bird, songbird, parrot, fowl, waterfowl",
    "insects and spiders": "butterfly, beetle, spider, insect",
    "mammals": "primate, hoofed animal, rodent, wild cat, wild dog, elephant, bear",
    "things": "motor vehicle, boat or ship, furniture, appliance, electronic device, "
    "musical instrument, ball, kitchenware, building, container",
    "plants and food": "vegetable, fruit, plant, meal",
    "all": "dog, bird, reptile, insect, primate, vehicle, structure, clothing, food, "
    "household item",
}
CLASSES = 1000
REPEATS, FOLDS = 5, 4
FOLDED = "5 x 4 folds"


def main() -> None:
    """Print a table in Markdown."""
    threadpool_limits(1)
    folder = IMAGES / "imagenet_val650"
    with (folder / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    class_of = np.array([int(row["class_index"]) for row in rows])
    files = [str(folder / row["file"]) for row in rows]
    with pictell.load() as classifier:
        embeddings = embed(classifier, files)
    with open_extractor(read_extractor("default"), EngineOptions()) as classifier:
        features = embed(classifier, files)
    spec = models.find("default")
    assert spec.taxonomy is not None
    taxonomy = read_taxonomy(spec.taxonomy, spec.labels)
    print("| data | probe, % | gain, points | gain without the network's classes, points |")
    print("|---|---|---|---|")
    for name, gains in all_gains(taxonomy, class_of, embeddings, features).items():
        base, with_all, without = np.array(gains).T
        print(f"| {name} | {100 * base.mean():.1f} | {interval(with_all)} | {interval(without)} |")


def embed(classifier: Classifier, files: list[str]) -> Floats:
    """The embeddings (N, D) of pictures."""
    return np.stack([row for row in classifier.embed_stream(files) if isinstance(row, np.ndarray)])


def all_gains(
    taxonomy: Taxonomy, class_of: Indices, embeddings: Floats, features: Floats
) -> dict[str, list[tuple[float, float, float]]]:
    """By kind of parts: the accuracy of the probe and both gains, for each draw, or repeat, of each
    task."""
    found: dict[str, list[tuple[float, float, float]]] = {}
    for labels in TASKS.values():
        targets, own = targets_of(taxonomy, class_of, labels.split(", "))
        rows = np.flatnonzero(targets >= 0)
        some = targets[rows]
        methods = (
            probe(embeddings[rows], some),
            head(features[rows], some),
            head(without(features[rows], own), some),
        )
        for name, parts in all_parts(some):
            shares = [
                [np.mean(predict(train, test) == some[test]) for predict in methods]
                for train, test in parts
            ]
            base, ours, masked = np.mean(shares, axis=0)
            found.setdefault(name, []).append((base, ours - base, masked - base))
    return found


def targets_of(taxonomy: Taxonomy, class_of: Indices, labels: list[str]) -> tuple[Indices, Indices]:
    """The class of each picture in the task, -1 for none, and the network's classes below them."""
    targets, own = np.full(len(class_of), -1), []
    names = [label.name for label in taxonomy.labels]
    for number, label in reversed(list(enumerate(labels))):
        node = next(node for node, name in enumerate(names) if name == label and node >= CLASSES)
        below = taxonomy.classes_below(node)
        targets[np.isin(class_of, below)] = number
        own.append(below)
    return targets, np.concatenate(own)


def without(features: Floats, own: Indices) -> Floats:
    """Features without the probabilities of some classes of the network."""
    changed = features.copy()
    roots = changed[:, -CLASSES:]
    roots[:, own] = 0
    weight = WEIGHTS["probabilities"] / np.sqrt(sum(one**2 for one in WEIGHTS.values()))
    roots *= weight / np.maximum(np.linalg.norm(roots, axis=1, keepdims=True), 1e-12)
    return changed


def all_parts(targets: Indices) -> Iterator[tuple[str, Parts]]:
    """Draws of few pictures of each class that has twice as many, one at a time; then folds."""
    counts = np.bincount(targets)
    for pictures in PICTURES:
        if (counts >= 2 * pictures).sum() > 2:
            for draw in range(DRAWS):
                yield f"{pictures} a class", one_draw(targets, counts, pictures, draw)
    for repeat in range(REPEATS):
        yield FOLDED, folds(targets, repeat)


def one_draw(targets: Indices, counts: Indices, pictures: int, draw: int) -> Parts:
    """Some pictures of each class that has twice as many, tested on its others."""
    random = np.random.default_rng(draw)
    allowed = np.flatnonzero(counts >= 2 * pictures)
    train = np.concatenate(
        [random.choice(np.flatnonzero(targets == one), pictures, replace=False) for one in allowed]
    )
    yield train, np.setdiff1d(np.flatnonzero(np.isin(targets, allowed)), train)


def folds(targets: Indices, seed: int) -> Parts:
    """Stratified folds."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(targets))
    order = order[np.argsort(targets[order], kind="stable")]
    fold_of = np.empty(len(targets), np.int64)
    fold_of[order] = np.arange(len(targets)) % FOLDS
    for fold in range(FOLDS):
        yield np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)


def interval(gains: Floats) -> str:
    """The mean with its 95 % interval, in points."""
    half = 1.96 * gains.std(ddof=1) / np.sqrt(len(gains))
    mean = gains.mean()
    return f"{100 * mean:+.1f} [{100 * (mean - half):+.1f}, {100 * (mean + half):+.1f}]"


if __name__ == "__main__":
    main()
