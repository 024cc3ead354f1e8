"""Train a model: labelled pictures and a backbone become a model of their classes."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from pictell import models, runtimes
from pictell.classifier import Classifier
from pictell.errors import UsageError
from pictell.evaluation.dataset import Dataset, read_dataset
from pictell.evaluation.intervals import wilson
from pictell.image_model import ImageModel
from pictell.index.embeddings import EmbeddingIndex
from pictell.inspection import checksum
from pictell.models.folder import read_weights
from pictell.options import EngineOptions
from pictell.results import Result
from pictell.scoring.calibration import Calibration, evidence, to_logits
from pictell.scoring.postprocess import to_probabilities
from pictell.training.backbone import cut, find_embedding
from pictell.training.calibrate import calibrate
from pictell.training.data import check_labels, review
from pictell.training.embed import embed_dataset
from pictell.training.graph import EMBEDDING, with_head, with_views
from pictell.training.head import HeldOut, Targets, cross_validate, fit_head
from pictell.training.recipe import FeatureRecipe
from pictell.training.trained import GRAPH, Accuracy, Suspect, TrainedModel, to_file
from pictell.types import Label, ModelSpec, Weights

# The embedding itself, with norm 1. A power of it is better on some photos and worse on others.
RECIPE = FeatureRecipe()
# A label whose score is less than this share of the best one's may be wrong (benchmarks/train.md).
SUSPECT = 0.1


class Backbone(NamedTuple):
    """A model whose embedding can be used: its spec, and the part of its graph up to there."""

    spec: ModelSpec
    graph: bytes


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
    base = read_backbone(backbone)
    with open_features(base, engine) as classifier, EmbeddingIndex.open() as index:
        embedded = embed_dataset(classifier, dataset, index, watch)
        note = index.note
    report = review(dataset, embedded)
    known = np.flatnonzero(report.counts)
    targets = np.searchsorted(known, dataset.label_of[embedded.pictures]).astype(np.int64)
    shape = (len(targets), len(RECIPE.views), -1)
    features = RECIPE.features(embedded.vectors.reshape(shape))
    held_out = cross_validate(features, targets, len(known), report.group_of, seed)
    head = fit_head(features, targets, len(known), held_out.strength)
    fitted = calibrate(held_out, targets[held_out.pictures], "the pictures it was trained on")
    accuracy = _accuracy(held_out, targets, len(known))
    spec, content = to_file(
        base.spec,
        with_head(base.graph, head, RECIPE, base.spec.preprocess.layout),
        tuple(dataset.labels[label] for label in known),
        fitted,
        {
            "backbone": base.spec.name,
            "backbone_sha256": base.spec.sha256,
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


def read_backbone(model: str | os.PathLike[str]) -> Backbone:
    """The part of an ONNX model that computes its embedding.

    Raises ``UsageError`` for another format, and ``InvalidModelError`` if it has no embedding.
    """
    spec = models.find(model)
    if spec.format != "onnx" or spec.external_data:
        raise UsageError(f"{spec.name} is not an ONNX model of one file, which training needs")
    graph = read_weights(spec).graph
    embedding = find_embedding(graph, spec.output_name, spec.embedding)
    return Backbone(spec, cut(graph, embedding, spec.input_name))


def open_features(base: Backbone, engine: EngineOptions) -> Classifier:
    """A classifier whose embedding has, one after the other, those of all views."""
    layout = base.spec.preprocess.layout
    weights = Weights("onnx", {GRAPH.name: with_views(base.graph, RECIPE.views, layout)})
    spec = replace(
        base.spec,
        weights=GRAPH,
        sha256=checksum(weights.files),
        output_name=EMBEDDING,
        embedding=EMBEDDING,
        feature_map=None,
        familiarity=None,
        labels=(Label(""),),
        taxonomy=None,
        calibration=None,
    )
    session = runtimes.open_session(spec, weights, engine)
    return Classifier(ImageModel(spec, session, batch_size=engine.batch_size))


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
