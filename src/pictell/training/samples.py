"""What a model is trained on, without the pictures: their features, their labels and their hashes.

They are kept beside the model or in it, so that it can be updated without the old pictures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pictell.errors import UsageError
from pictell.evaluation.dataset import Dataset
from pictell.evaluation.matching import MAX_SHOWN, listed
from pictell.images.perceptual_hash import HASH_BYTES
from pictell.training.embed import Embedded, digests_of
from pictell.training.familiarity import Floats, Targets

# Half as large as float32; the difference is far below that of a picture saved again.
STORED = np.float16
# The cosine of features of the same picture is higher: rounding changes it less.
SAME = 0.9999
# How the key of a picture begins that a model was corrected by.
CORRECTION = "correction-"


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """N pictures, of C classes or of something else.

    ``vectors`` (N, D) float32 are their features, as precise as they are stored. ``targets`` (N, C)
    bool: whether a picture has a label: one, or with ``several`` one or more; none if it shows
    something else. ``keys`` (N) are the SHA-256 of their files, with the box; ``hashes`` (N, 32)
    uint8 their perceptual hashes. ``pictures`` (N,) are their numbers in the dataset that they were
    just read from, -1 for all that are not in it.
    """

    classes: tuple[str, ...]
    targets: NDArray[np.bool_]
    several: bool
    vectors: Floats
    keys: tuple[str, ...]
    hashes: NDArray[np.uint8]
    pictures: Targets

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def counts(self) -> tuple[int, ...]:
        """The pictures of each class."""
        return tuple(self.targets.sum(axis=0).tolist())

    @property
    def labelled(self) -> Samples:
        """The pictures that have a label."""
        return self.take(has_label(self.targets))

    @property
    def others(self) -> Floats:
        """The features (M, D) of the pictures without a label."""
        return self.vectors[~has_label(self.targets)]

    @property
    def corrected(self) -> NDArray[np.bool_]:
        """Whether a picture corrected the model, (N,)."""
        return np.array([key.startswith(CORRECTION) for key in self.keys], np.bool_)

    @property
    def digests(self) -> list[str]:
        """The SHA-256 of the files, without boxes."""
        return digests_of(self.keys)

    def take(self, wanted: NDArray[np.bool_]) -> Samples:
        """Those of the pictures that are wanted, (N,); classes without pictures are left out."""
        targets = self.targets[wanted]
        left = targets.any(axis=0)
        return replace(
            self,
            classes=tuple(np.array(self.classes, object)[left]),
            targets=targets[:, left],
            vectors=self.vectors[wanted],
            keys=tuple(np.array(self.keys, object)[wanted]),
            hashes=self.hashes[wanted],
            pictures=self.pictures[wanted],
        )


def samples_of(dataset: Dataset, embedded: Embedded) -> Samples:
    """The pictures of a dataset that could be read, and the classes that have any."""
    labels = np.arange(len(dataset.labels))
    every = Samples(
        dataset.labels,
        targets_of(dataset, embedded.pictures, labels, len(labels)),
        dataset.labels_of is not None,
        _rounded(embedded.vectors),
        embedded.keys,
        embedded.hashes,
        embedded.pictures,
    )
    return every.take(np.ones(len(every), np.bool_))


def targets_of(
    dataset: Dataset, pictures: Targets, class_of_label: Targets, classes: int
) -> NDArray[np.bool_]:
    """Whether each of some ``pictures`` (M,) of a dataset has each class, (M, classes)."""
    targets = np.zeros((len(pictures), classes), np.bool_)
    for row, picture in zip(targets, pictures.tolist(), strict=True):
        row[class_of_label[list(dataset.labels_of_picture(picture))]] = True
    return targets


def add_others(samples: Samples, embedded: Embedded) -> Samples:
    """The samples with pictures of something else; one that has a label keeps it."""
    count = len(embedded.keys)
    new = Samples(
        (),
        np.zeros((count, 0), np.bool_),
        samples.several,
        _rounded(embedded.vectors),
        embedded.keys,
        embedded.hashes,
        np.full(count, -1),
    )
    return merge(new, samples)


def merge(old: Samples, new: Samples) -> Samples:
    """All pictures; one that both have counts as the new one says.

    Raises ``UsageError`` if only one of them has several labels a picture.
    """
    if old.several != new.several:
        kinds = "one label", "several labels"
        raise UsageError(
            f"the model has {kinds[old.several]} for each picture, the new pictures have "
            f"{kinds[new.several]}: train another model"
        )
    old = old.take(~_replaced(old, new))
    classes = tuple(dict.fromkeys(old.classes + new.classes))
    return Samples(
        classes,
        np.concatenate([_spread(one, classes) for one in (old, new)]),
        old.several,
        np.concatenate([old.vectors, new.vectors]),
        old.keys + new.keys,
        np.concatenate([old.hashes, new.hashes]),
        np.concatenate([old.pictures, new.pictures]),
    )


def rename(samples: Samples, names: Mapping[str, str]) -> Samples:
    """The samples with other names of classes; classes that get the same name become one.

    Raises ``UsageError`` for a name that no class has.
    """
    _check_known(samples, names)
    renamed = [names.get(name, name) for name in samples.classes]
    classes = tuple(dict.fromkeys(renamed))
    targets = np.zeros((len(samples), len(classes)), np.bool_)
    for column, name in zip(samples.targets.T, renamed, strict=True):
        targets[:, classes.index(name)] |= column
    return replace(samples, classes=classes, targets=targets)


def remove(samples: Samples, names: Collection[str]) -> Samples:
    """The samples without some classes. Raises ``UsageError`` for a name that no class has."""
    _check_known(samples, names)
    kept = np.array([name not in names for name in samples.classes], np.bool_)
    classes = tuple(name for name in samples.classes if name not in names)
    left = replace(samples, classes=classes, targets=samples.targets[:, kept])
    return left.take(has_label(left.targets) | ~has_label(samples.targets))


def add_corrections(samples: Samples, vectors: Floats, classes: Sequence[Sequence[str]]) -> Samples:
    """The samples with pictures that were corrected: their features (M, D) and their classes.

    The first class of a picture is that of the correction. A picture that was among the samples or
    corrected before has only this one; with ``several``, it has this one too.
    """
    for row, names in zip(_rounded(vectors), classes, strict=True):
        samples = merge(samples, _correction(samples, row[np.newaxis], names))
    return samples


def _correction(samples: Samples, row: Floats, names: Sequence[str]) -> Samples:
    """A picture (1, D) with classes, or if it is among the samples, with what is known of it."""
    same = (samples.vectors @ row[0]) >= SAME
    if not same.any():
        key = CORRECTION + hashlib.sha256(row.tobytes()).hexdigest()
        hashes, absent = np.zeros((1, HASH_BYTES), np.uint8), np.full(1, -1)
        classes = tuple(dict.fromkeys(names))
        has = np.ones((1, len(classes)), np.bool_)
        return Samples(classes, has, samples.several, row, (key,), hashes, absent)
    known, name = samples.take(same), names[0]
    classes = tuple(dict.fromkeys((*known.classes, name) if samples.several else (name,)))
    targets = _spread(known, classes) if samples.several else np.zeros((len(known), 1), np.bool_)
    targets[:, classes.index(name)] = True
    return replace(known, classes=classes, targets=targets)


def _replaced(old: Samples, new: Samples) -> NDArray[np.bool_]:
    """Which pictures the new samples have too, (N,)."""
    keys = set(new.keys)
    replaced = np.array([key in keys for key in old.keys], np.bool_)
    # The file of a picture that was corrected is not known.
    corrected = np.flatnonzero(old.corrected)
    if len(corrected) and len(new):
        likeness = old.vectors[corrected] @ new.vectors.T
        replaced[corrected] |= likeness.max(axis=1) >= SAME
    return replaced


def has_label(targets: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether pictures with ``targets`` (N, C) have a label, (N,)."""
    return np.asarray(targets.any(axis=1))


def _rounded(vectors: Floats) -> Floats:
    return vectors.astype(STORED).astype(np.float32)


def _spread(samples: Samples, classes: Sequence[str]) -> NDArray[np.bool_]:
    """The targets (N, classes) with a column for each of ``classes``."""
    targets = np.zeros((len(samples), len(classes)), np.bool_)
    targets[:, [classes.index(name) for name in samples.classes]] = samples.targets
    return targets


def _check_known(samples: Samples, names: Iterable[str]) -> None:
    for name in names:
        if name not in samples.classes:
            raise UsageError(
                f"the model has no class {name!r}: it has {listed(samples.classes, MAX_SHOWN)}"
            )
