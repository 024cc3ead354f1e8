"""Train a model: labelled pictures and a backbone become a model of their classes."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from pictell.errors import UsageError
from pictell.evaluation.dataset import Dataset, read_dataset, read_unlabelled
from pictell.index.copies import find_groups
from pictell.index.embeddings import EmbeddingIndex
from pictell.index.keys import extractor_key
from pictell.models.calibration_file import FittedCalibration
from pictell.options import EngineOptions
from pictell.results import Result
from pictell.training.calibrate import calibrate
from pictell.training.data import check_labels, review
from pictell.training.embed import Labelled, embed_dataset
from pictell.training.extractor import Extractor, feature_spec, open_extractor, read_extractor
from pictell.training.familiarity import Floats
from pictell.training.graph import with_head
from pictell.training.head import FOLDS, Examples, Head, HeldOut, cross_validate, fit_head
from pictell.training.kept import KEPT_KEY, PLACES, Kept, Place
from pictell.training.measure import (
    Accuracy,
    Measured,
    Suspect,
    check_validation,
    cross_validated,
    find_suspects,
    measure_accuracy,
    validate,
)
from pictell.training.samples import Samples, add_others, samples_of
from pictell.training.trained import (
    BACKBONE_FACTS,
    CORRECTIONS_KEY,
    SAMPLES_FACT,
    TRAINING_KEY,
    TrainedModel,
    to_file,
)
from pictell.training.update import combine, read_previous
from pictell.types import Label

Folder = str | os.PathLike[str]
Watch = Callable[[Result], None]


class Pictures(NamedTuple):
    """The pictures of a training that were read, and why the index was not used, if so."""

    data: Labelled | None
    validation: Labelled | None
    other: Labelled | None
    index_note: str | None


def train(
    data: Folder | Dataset | None = None,
    *,
    validation: Folder | Dataset | None = None,
    other: Folder | Dataset | None = None,
    update: Folder | None = None,
    rename: Mapping[str, str] = {},
    remove: Collection[str] = (),
    keep: Place | None = None,
    backbone: Folder | None = None,
    seed: int = 0,
    watch: Watch = lambda result: None,
    engine: EngineOptions = EngineOptions(),
) -> TrainedModel:
    """Train a model on a folder of class folders, or on a list, as ``pictell evaluate`` takes them.

    The accuracy is cross-validated or, with ``validation``, measured on other pictures of the same
    classes; those that are copies of trained ones are left out. ``other`` is a folder of pictures
    of something else. ``update`` is a trained model: its pictures count too, after some of its
    classes get other names (``rename``, old to new; two may become one) or are left out
    (``remove``). ``keep`` says where the samples for an update are kept: in a file ``beside`` the
    model (default), ``inside`` it or ``nowhere``; an update keeps the place. ``backbone`` is an
    ONNX model, by default the default model or that of the update. ``watch`` receives a result for
    each picture that was read. The same pictures, ``seed`` and versions give the same file. Needs
    the extra ``train``. Raises ``UsageError`` for pictures that nothing can be learned from, or
    measured on, and a ``ModelError``.
    """
    datasets = (
        None if data is None else _labelled(data),
        None if validation is None else _labelled(validation),
        other if other is None or isinstance(other, Dataset) else read_unlabelled(other),
    )
    if seed < 0:
        raise UsageError(f"the seed must be 0 or more, not {seed}")
    if keep is not None and keep not in PLACES:
        raise UsageError(f"keep must be one of {', '.join(PLACES)}, not {keep!r}")
    old: Samples | None = None
    replaces = ""
    if update is None:
        _check_alone(*datasets)
        extractor = read_extractor(backbone or "default")
    elif backbone is None:
        extractor, old, replaces, place = read_previous(update)
        keep = keep or place
    else:
        raise UsageError("the backbone of a model that is updated cannot change: leave it out")
    pictures = _embed(extractor, datasets, watch, engine)
    new = None if pictures.data is None else samples_of(*pictures.data)
    samples = combine(old, new, rename, remove)
    if pictures.other is not None:
        samples = add_others(samples, pictures.other.embedded)
        _check_others(samples, pictures.other.dataset.name)
    kept = Kept(samples, extractor_key(feature_spec(extractor)), replaces)
    return _fit(extractor, kept, keep or "beside", pictures, seed)


def _labelled(data: Folder | Dataset) -> Dataset:
    dataset = data if isinstance(data, Dataset) else read_dataset(data)
    if dataset.weights is not None:
        raise UsageError(f"{dataset.name}: training takes no weights: remove that column")
    return dataset


def _check_alone(data: Dataset | None, validation: Dataset | None, other: Dataset | None) -> None:
    """Raise ``UsageError`` for what would fail only after all pictures are read."""
    if data is None:
        raise UsageError("give the pictures to train on")
    check_labels(data.labels, data.name)
    if validation is not None:
        check_validation(validation, data.labels, several=data.labels_of is not None)
    if other is not None and len(other) < FOLDS:
        raise UsageError(f"{other.name}: give {FOLDS} or more pictures of something else")


def _check_others(samples: Samples, name: str) -> None:
    """Raise ``UsageError`` if too few are left, because others are broken or have a label."""
    count = len(samples.others)
    if count < FOLDS:
        raise UsageError(
            f"{name}: {count} pictures can be read and have no label: "
            f"give {FOLDS} or more pictures of something else"
        )


def _embed(
    extractor: Extractor,
    datasets: tuple[Dataset | None, Dataset | None, Dataset | None],
    watch: Watch,
    engine: EngineOptions,
) -> Pictures:
    if not any(datasets):
        return Pictures(None, None, None, None)
    with open_extractor(extractor, engine) as classifier, EmbeddingIndex.open() as index:
        data, validation, other = (
            None if one is None else Labelled(one, embed_dataset(classifier, one, index, watch))
            for one in datasets
        )
        return Pictures(data, validation, other, index.note)


def _fit(
    extractor: Extractor, kept: Kept, keep: Place, pictures: Pictures, seed: int
) -> TrainedModel:
    # It belongs to scikit-learn, the extra train.
    from threadpoolctl import threadpool_limits

    spec, samples = extractor.spec, kept.samples.labelled
    check_labels(samples.classes, pictures.data.dataset.name if pictures.data else "the model")
    examples = _to_examples(samples, kept.samples.others, extractor.origin)
    # With more threads, small matrices take ten times as long, and the result would depend on them.
    with threadpool_limits(1):
        held_out = cross_validate(examples, seed)
        head = fit_head(examples, held_out.strength)
    fitted = _calibrate(held_out, samples)
    measured, accuracy = _measure(held_out, head, samples, pictures)
    facts = {
        **dict(zip(BACKBONE_FACTS, (spec.name, spec.sha256, spec.source), strict=True)),
        "pictures": samples.counts,
        "others": len(examples.others),
        "accuracy": accuracy.value,
        "accuracy_pictures": accuracy.pictures,
        "cross_validated": pictures.validation is None,
        "strength": held_out.strength,
        "seed": seed,
        SAMPLES_FACT: None if keep == "nowhere" else kept.sha256,
    }
    inside = base64.b64encode(kept.content).decode() if keep == "inside" else None
    spec, content = to_file(
        spec,
        with_head(extractor.graph, head),
        samples.classes,
        examples.activation,
        fitted,
        # A model that is updated may have corrections, which are among the samples now.
        {TRAINING_KEY: json.dumps(facts, sort_keys=True), CORRECTIONS_KEY: None, KEPT_KEY: inside},
    )
    return TrainedModel(
        spec=spec,
        content=content,
        pictures=len(samples),
        others=len(examples.others),
        counts=samples.counts,
        accuracy=accuracy,
        data=None if pictures.data is None else review(*pictures.data),
        measured=measured,
        suspects=_suspects(held_out, samples, pictures.data, spec.labels),
        kept=kept if keep == "beside" else None,
        index_note=pictures.index_note,
    )


def _calibrate(held_out: HeldOut, samples: Samples) -> FittedCalibration:
    targets = samples.targets[held_out.pictures]
    return calibrate(held_out, targets, samples.several, "the pictures it was trained on")


def _measure(
    held_out: HeldOut, head: Head, samples: Samples, pictures: Pictures
) -> tuple[Measured | None, Accuracy]:
    """What is known of the pictures of this training, and the accuracy.

    That of cross-validation is about all samples, also those of an older training.
    """
    data, several = pictures.data, samples.several
    if pictures.validation is not None:
        files = () if data is None else data.dataset.files
        measured = validate(head, pictures.validation, samples, files)
        return measured, measure_accuracy(measured.logits, measured.targets, several)
    accuracy = measure_accuracy(held_out.logits, samples.targets[held_out.pictures], several)
    return None if data is None else cross_validated(data, samples, held_out), accuracy


def _suspects(
    held_out: HeldOut, samples: Samples, data: Labelled | None, labels: Sequence[Label]
) -> tuple[Suspect, ...]:
    if data is None:
        return ()
    cautious = held_out._replace(logits=held_out.cautious)
    calibration = _calibrate(cautious, samples).calibration
    return find_suspects(cross_validated(data, samples, cautious), calibration, labels)


def _to_examples(labelled: Samples, others: Floats, origin: Floats | None) -> Examples:
    """What a head is fitted to. Copies of a picture are one group."""
    size = labelled.vectors.shape[1]
    return Examples(
        labelled.vectors,
        labelled.targets,
        labelled.several,
        find_groups(labelled.digests, labelled.hashes),
        others,
        np.zeros(size, np.float32) if origin is None else origin,
        labelled.corrected,
    )
