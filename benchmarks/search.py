"""How well words find photos, by the least score: precision and recall of ``pictell find``.

    python benchmarks/search.py

The first table: a search by the name of each label on the pictures of ``imagenet_val650``, by their
weights, all searches counted together. A picture is right if its class is below the label. The
calibration in the package was fitted on these pictures, too.

The second table: pictures made of two of them with different classes, side by side, and a search by
the names of both classes. ``found`` is the share of pairs that are found; ``wrong`` is the share of
single pictures that a search by the names of their two best classes finds.

The third table: a search by each picture for the others, by the least likeness.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from accuracy import IMAGES
from pictell.collection.query import Alternative, Term
from pictell.collection.search import Search, search
from pictell.collection.survey import Survey, survey
from pictell.index.photos import PhotoIndex
from pictell.loading import load
from pictell.scoring.taxonomy import Taxonomy, node_probabilities
from pictell.types import Source

FOLDER = IMAGES / "imagenet_val650"
LEAST = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
LEAST_LIKENESS = (0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7)
PAIRS, SIDE, SEED = 300, 320, 1


def main() -> None:
    """Print the three tables."""
    with (FOLDER / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    targets = np.array([int(row["class_index"]) for row in rows])
    weights = np.array([float(row["weight"]) for row in rows])
    files = [FOLDER / row["file"] for row in rows]
    with (
        tempfile.TemporaryDirectory() as folder,
        load("default") as classifier,
        PhotoIndex.open(Path(folder, "index.sqlite3")) as index,
    ):

        def survey_of(paths: Sequence[Path]) -> Survey:
            return survey(classifier, [Source(str(path), path) for path in paths], index)

        tree = classifier.scorer.tree
        singles = survey_of(files)
        print_words(singles, tree, targets, weights)
        print_pairs(singles, survey_of, files, targets, Path(folder))
        print_likeness(singles.embeddings(), targets)


def print_likeness(embeddings: NDArray[np.float32], targets: NDArray[np.intp]) -> None:
    """Precision, recall and F1 of pairs, and the pictures of the same and of other classes."""
    others = ~np.eye(len(targets), dtype=np.bool_)
    same = (targets[:, np.newaxis] == targets) & others
    cosines = embeddings @ embeddings.T
    for least in LEAST_LIKENESS:
        found = (cosines >= least) & others
        right = int((found & same).sum())
        precision, recall = right / max(1, int(found.sum())), right / int(same.sum())
        f1 = 2 * precision * recall / max(precision + recall, 1e-9)
        each = right / len(targets), int((found & ~same).sum()) / len(targets)
        print(f"| {least} | {precision:.3f} | {recall:.3f} | {f1:.3f} ", end="")
        print(f"| {each[0]:.2f} | {each[1]:.2f} |")


def print_words(
    photos: Survey, tree: Taxonomy, targets: NDArray[np.intp], weights: NDArray[np.float64]
) -> None:
    """Print precision and recall of a search by one label."""
    sizes = tree.stops - tree.starts
    broader = range(tree.root + 1, len(tree.labels))
    groups = {
        "a class": list(range(tree.root)),
        "2 to 20 classes": [node for node in broader if sizes[node] <= 20],
        "more classes": [node for node in broader if sizes[node] > 20],
    }
    scores = node_probabilities(tree, photos.probabilities().astype(np.float64))
    scores[~photos.known()] = 0
    nodes = range(len(tree.labels))
    truth = np.array([np.isin(targets, tree.classes_below(node)) for node in nodes]).T
    print("| least score | " + " | ".join(f"{name}: precision | recall | F1" for name in groups))
    for least in LEAST:
        cells = [f"{least:g}"]
        for group in groups.values():
            found, wanted = scores[:, group] >= least, truth[:, group]
            right = weights @ (found & wanted).sum(axis=1)
            precision = right / (weights @ found.sum(axis=1))
            recall = right / (weights @ wanted.sum(axis=1))
            f1 = 2 * precision * recall / (precision + recall)
            cells += [f"{share:.3f}" for share in (precision, recall, f1)]
        print("| " + " | ".join(cells) + " |", flush=True)


def print_pairs(
    singles: Survey,
    survey_of: Callable[[Sequence[Path]], Survey],
    files: Sequence[Path],
    targets: NDArray[np.intp],
    folder: Path,
) -> None:
    """Print how many pictures of two things are found by both names, and how many of one are."""
    random = np.random.default_rng(SEED)
    chosen = [random.choice(len(files), 2, replace=False) for _ in range(PAIRS)]
    chosen = [two for two in chosen if targets[two[0]] != targets[two[1]]]
    paths = [
        side_by_side([files[one] for one in two], folder / f"{number}.png")
        for number, two in enumerate(chosen)
    ]
    pairs = survey_of(paths)
    names = [[int(targets[one]) for one in two] for two in chosen]
    best = np.argsort(-singles.probabilities(), axis=1)[:, :2].tolist()
    print("\n| least score | found | wrong |")
    for least in LEAST:
        found, wrong = share_found(pairs, names, least), share_found(singles, best, least)
        print(f"| {least:g} | {found:.3f} | {wrong:.3f} |", flush=True)


def share_found(photos: Survey, classes: Sequence[Sequence[int]], least: float) -> float:
    """The share of photos that a search by the names of their classes finds."""
    found = 0
    for number, named in enumerate(classes):
        words = Alternative(tuple(Term("", (one,)) for one in named), ())
        photo = photos.only([number])
        found += len(search(photo, Search([words], min_score=least)).survey.photos)
    return found / len(classes)


def side_by_side(pictures: Sequence[Path], path: Path) -> Path:
    """A square of two pictures, because the model sees only the middle of a wider one."""
    both = Image.new("RGB", (SIDE, SIDE))
    for number, one in enumerate(pictures):
        with Image.open(one) as picture:
            both.paste(picture.convert("RGB").resize((SIDE // 2, SIDE)), (number * SIDE // 2, 0))
    both.save(path)
    return path


if __name__ == "__main__":
    main()
