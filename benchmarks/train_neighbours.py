"""The nearest neighbours of a picture's embedding, from the default model of pictell.

    python benchmarks/train_neighbours.py train DATA MODEL
    python benchmarks/train_neighbours.py evaluate DATA MODEL [--neighbours 5]

Needs pictell with the extra ``train``. DATA is a folder of class folders, MODEL a ``.npz`` file of
the embeddings. ``evaluate`` prints the share of pictures whose class is right: that of most of the
neighbours by cosine similarity.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsClassifier

import pictell
from pictell.errors import PictellError


def read(folder: Path) -> tuple[NDArray[np.float32], NDArray[np.str_]]:
    """The embeddings (N, D) of all pictures, and the names of their classes (N,)."""
    paths = sorted(folder.glob("*/*"))
    with pictell.load() as classifier:
        vectors = list(classifier.embed_stream(paths))
    failed = [one for one in vectors if isinstance(one, PictellError)]
    if failed:
        raise failed[0]
    return np.array(vectors, np.float32), np.array([path.parent.name for path in paths])


def main() -> None:
    """Store the embeddings, or print the accuracy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("train", "evaluate"))
    parser.add_argument("data", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--neighbours", type=int, default=5)
    options = parser.parse_args()
    vectors, names = read(options.data)
    if options.what == "train":
        np.savez(options.model, vectors=vectors, names=names)
    else:
        known = np.load(options.model)
        nearest = KNeighborsClassifier(options.neighbours, metric="cosine")
        print(nearest.fit(known["vectors"], known["names"]).score(vectors, names))


if __name__ == "__main__":
    main()
