"""How many pictures does a trained model call unknown: of its own classes, and of others?

    python benchmarks/train_unknown.py
    python benchmarks/train_unknown.py --crops 40

A model is trained on the training part of ``hymenoptera_data``, ants and bees, alone and with
pictures of something else (``--other``): of ``imagenet_val650``, without its ants and bees, half of
them insects as far as there are so many. False alarms are the unknown ones of its validation part.
Other insects and other classes are pictures of ``imagenet_train333``, also without its ant and its
bee; textures are crops of scikit-image's.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

import pictell
import unknown_pictures
from accuracy import IMAGES
from pictell import models
from pictell.classifier import Classifier
from pictell.evaluation.dataset import Dataset
from pictell.evaluation.intervals import wilson
from pictell.images.sources import Input
from pictell.models.taxonomy_file import read_taxonomy
from pictell.results import Status

DATA = IMAGES / "hymenoptera_data"
INSECT = "n02159955"
# How many pictures of something else the model is trained with.
OTHERS = (0, 10, 30, 100)
# The classes of ImageNet that the model is trained for: bee and ant.
OWN = frozenset({309, 310})


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--crops", type=int, default=5, help="crops of each texture")
    crops = parser.parse_args().crops * len(unknown_pictures.TEXTURES)
    insects, rest = other_classes("imagenet_train333")
    sets: dict[str, Sequence[Input]] = {
        "own classes (false alarms)": sorted(DATA.glob("val/*/*")),
        "other insects": insects,
        "other classes": rest,
        "textures": list(islice(unknown_pictures.crops(unknown_pictures.TEXTURES, crops), crops)),
    }
    print(f"| {' | '.join(['others', *(f'{name} ({len(one)})' for name, one in sets.items())])} |")
    print(f"|---{'|---' * len(sets)}|")
    for count in OTHERS:
        other = some_others(count) if count else None
        with pictell.train(DATA / "train", other=other).open() as classifier:
            cells = [cell(classifier, pictures) for pictures in sets.values()]
        print(f"| {' | '.join([str(count), *cells])} |", flush=True)


def some_others(count: int) -> Dataset:
    """Pictures of ``imagenet_val650``, half of them insects if there are so many."""
    insects, rest = other_classes("imagenet_val650")
    random = np.random.default_rng(count)
    near = min(count // 2, len(insects))
    chosen = [*random.choice(len(insects), near, replace=False)]
    files = [insects[number] for number in chosen]
    files += [rest[number] for number in random.choice(len(rest), count - near, replace=False)]
    names = tuple(map(str, files))
    return Dataset("others", Path(), names, ("other",), np.zeros(count, np.int32))


def other_classes(name: str) -> tuple[list[Path], list[Path]]:
    """The pictures of a folder of insects, and of all else, without ants and bees."""
    spec = models.find("default")
    assert spec.taxonomy is not None
    taxonomy = read_taxonomy(spec.taxonomy, spec.labels)
    insect = set(taxonomy.classes_below(taxonomy.ids.index(INSECT)).tolist())
    folder = IMAGES / name
    with (folder / "labels.csv").open(newline="") as file:
        class_of = {
            folder / line["file"]: int(line["class_index"]) for line in csv.DictReader(file)
        }
    others = {path: index for path, index in class_of.items() if index not in OWN}
    return (
        [path for path, index in others.items() if index in insect],
        [path for path, index in others.items() if index not in insect],
    )


def cell(classifier: Classifier, pictures: Sequence[Input]) -> str:
    """The share of pictures that are called unknown, with its interval."""
    status = [one.status for one in classifier.stream(pictures)]
    share = sum(one is Status.UNKNOWN for one in status) / len(status)
    interval = wilson(share, len(status))
    return f"{100 * share:.1f} ({100 * interval.low:.1f} to {100 * interval.high:.1f})"


if __name__ == "__main__":
    main()
