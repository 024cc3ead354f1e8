"""How many pictures does a trained model call unknown: of its own classes, and of others?

    python benchmarks/train_unknown.py
    python benchmarks/train_unknown.py --crops 40

A model is trained on the training part of ``hymenoptera_data``, ants and bees. False alarms are
the unknown ones of its validation part. Other insects and other classes are pictures of
``imagenet_train333``, without its ant and its bee; textures are crops of scikit-image's.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pictell
import unknown_pictures
from accuracy import IMAGES
from pictell import models
from pictell.classifier import Classifier
from pictell.evaluation.intervals import wilson
from pictell.images.sources import Input
from pictell.models.taxonomy_file import read_taxonomy
from pictell.results import Status

DATA = IMAGES / "hymenoptera_data"
INSECT = "n02159955"
# The classes of ImageNet that the model is trained for: bee and ant.
OWN = frozenset({309, 310})


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--crops", type=int, default=5, help="crops of each texture")
    crops = parser.parse_args().crops * len(unknown_pictures.TEXTURES)
    insects, rest = other_classes()
    sets: dict[str, Sequence[Input]] = {
        "own classes (false alarms)": sorted(DATA.glob("val/*/*")),
        "other insects": insects,
        "other classes": rest,
        "textures": list(islice(unknown_pictures.crops(unknown_pictures.TEXTURES, crops), crops)),
    }
    print("| pictures | number | unknown, % | 95 % interval |")
    print("|---" * 4 + "|")
    with pictell.train(DATA / "train").open() as classifier:
        for name, pictures in sets.items():
            print(row(name, classifier, pictures))


def other_classes() -> tuple[list[Path], list[Path]]:
    """The pictures of ``imagenet_train333`` of insects, and of all else, without ant and bee."""
    spec = models.find("default")
    assert spec.taxonomy is not None
    taxonomy = read_taxonomy(spec.taxonomy, spec.labels)
    insect = set(taxonomy.classes_below(taxonomy.ids.index(INSECT)).tolist())
    folder = IMAGES / "imagenet_train333"
    with (folder / "labels.csv").open(newline="") as file:
        class_of = {
            folder / line["file"]: int(line["class_index"]) for line in csv.DictReader(file)
        }
    others = {path: index for path, index in class_of.items() if index not in OWN}
    return (
        [path for path, index in others.items() if index in insect],
        [path for path, index in others.items() if index not in insect],
    )


def row(name: str, classifier: Classifier, pictures: Sequence[Input]) -> str:
    """The share of pictures that are called unknown, with its interval."""
    status = [classifier.classify(picture).status for picture in pictures]
    share = sum(one is Status.UNKNOWN for one in status) / len(status)
    interval = wilson(share, len(status))
    low, high = 100 * interval.low, 100 * interval.high
    return f"| {name} | {len(status)} | {100 * share:.1f} | {low:.1f} to {high:.1f} |"


if __name__ == "__main__":
    main()
