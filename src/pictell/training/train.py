"""Train a model: labelled pictures and a backbone become a model of their classes."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np

from pictell.errors import UsageError
from pictell.evaluation.dataset import Dataset, read_dataset
from pictell.evaluation.intervals import wilson
from pictell.index.embeddings import EmbeddingIndex
from pictell.options import EngineOptions
from pictell.results import Result
from pictell.scoring.calibration import Calibration, evidence, to_logits
from pictell.scoring.postprocess import to_probabilities
from pictell.training.calibrate import calibrate
from pictell.training.data import check_labels, review
from pictell.training.embed import embed_dataset
from pictell.training.extractor import open_extractor, read_extractor
from pictell.training.graph import with_head
from pictell.training.head import HeldOut, Targets, cross_validate, fit_head
from pictell.training.trained import Accuracy, Suspect, TrainedModel, to_file
from pictell.types import Label

# A label whose score is less than this share of the best one's may be wrong (benchmarks/train.md).
SUSPECT = 0.1


def train(
    data: str | os.PathLike[str] | Dataset,
    *,
    backbone: str | os.PathLike[str] = "default",
    seed: int = 0,
    watch: Callable[[Result], None] = lambda result: None,
    engine: EngineOptions = EngineOptions(),
) -> TrainedModel:
    """Train a model on a folder of class folders, or on a list, as ``pictell evaluate`` takes them.

    ``backbone`` is an ONNX model. ``watch`` receives a result for each picture that was read. The
    same pictures, ``seed`` and versions give the same file. Needs the extra ``train``. Raises
    ``UsageError`` for pictures that nothing can be learned from, and a ``ModelError``.
    """
    dataset = data if isinstance(data, Dataset) else read_dataset(data)
    if dataset.labels_of is not None:
        raise UsageError(f"{dataset.name}: give each picture one label; several cannot be trained")
    if dataset.weights is not None:
        raise UsageError(f"{dataset.name}: training takes no weights: remove that column")
    check_labels(dataset)
    extractor = read_extractor(backbone)
    with open_extractor(extractor, engine) as classifier, EmbeddingIndex.open() as index:
        embedded = embed_dataset(classifier, dataset, index, watch)
        note = index.note
    report = review(dataset, embedded)
    known = np.flatnonzero(report.counts)
    targets = np.searchsorted(known, dataset.label_of[embedded.pictures]).astype(np.int64)
    held_out = cross_validate(embedded.vectors, targets, len(known), report.group_of, seed)
    head = fit_head(embedded.vectors, targets, len(known), held_out.strength)
    fitted = calibrate(held_out, targets[held_out.pictures], "the pictures it was trained on")
    accuracy = _accuracy(held_out, targets, len(known))
    spec, content = to_file(
        extractor.spec,
        with_head(extractor.graph, head),
        tuple(dataset.labels[label] for label in known),
        fitted,
        {
            "backbone": extractor.spec.name,
            "backbone_sha256": extractor.spec.sha256,
            "pictures": [report.counts[label] for label in known],
            "accuracy": accuracy.value,
            "strength": held_out.strength,
            "seed": seed,
        },
    )
    pictures = embedded.pictures[held_out.pictures]
    files = [dataset.files[picture] for picture in pictures]
    suspects = find_suspects(held_out, targets, fitted.calibration, spec.labels, files)
    return TrainedModel(spec, content, report, accuracy, suspects, note)


def find_suspects(
    held_out: HeldOut,
    targets: Targets,
    calibration: Calibration,
    labels: Sequence[Label],
    files: Sequence[str],
) -> tuple[Suspect, ...]:
    """The pictures whose label may be wrong, the likeliest first.

    ``targets`` are those of all pictures, ``files`` (M) those of the pictures that were held out.
    """
    logits = to_logits(evidence(held_out.logits, "softmax"), calibration)
    probabilities = to_probabilities(logits, "softmax")
    own = targets[held_out.pictures]
    scores, best = probabilities[np.arange(len(own)), own], probabilities.argmax(axis=1)
    suspect = (best != own) & (scores < SUSPECT * probabilities.max(axis=1))
    order = np.argsort(scores, kind="stable")
    return tuple(
        Suspect(files[row], labels[own[row]].name, labels[best[row]].name, float(scores[row]))
        for row in order[suspect[order]].tolist()
    )


def _accuracy(held_out: HeldOut, targets: Targets, classes: int) -> Accuracy:
    of_held_out = targets[held_out.pictures]
    right = held_out.logits.argmax(axis=1) == of_held_out
    share = float(right.mean())
    of_class = [right[of_held_out == one] for one in range(classes)]
    return Accuracy(
        share,
        wilson(share, len(right)),
        len(right),
        tuple(float(one.mean()) if len(one) else None for one in of_class),
    )
