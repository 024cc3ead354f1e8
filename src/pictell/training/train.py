"""Train a model: labelled pictures and a backbone become a model of their classes."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from pictell import models, runtimes
from pictell.classifier import Classifier
from pictell.errors import UsageError
from pictell.evaluation.dataset import Dataset, read_dataset
from pictell.image_model import ImageModel
from pictell.index.embeddings import EmbeddingIndex
from pictell.inspection import checksum
from pictell.models.folder import read_weights
from pictell.options import EngineOptions
from pictell.results import Result
from pictell.training.backbone import cut, find_embedding
from pictell.training.calibrate import calibrate
from pictell.training.data import check_labels, review
from pictell.training.embed import Embedded, embed_dataset
from pictell.training.graph import EMBEDDING, with_head, with_views
from pictell.training.head import cross_validate, fit_head
from pictell.training.measure import (
    Labelled,
    check_validation,
    cross_validated,
    find_suspects,
    measure_accuracy,
    validate,
)
from pictell.training.recipe import FeatureRecipe, Floats
from pictell.training.trained import GRAPH, TrainedModel, to_file
from pictell.types import Label, ModelSpec, Weights

# The embedding itself, with norm 1. A power of it is better on some photos and worse on others.
RECIPE = FeatureRecipe()


class Backbone(NamedTuple):
    """A model whose embedding can be used: its spec, and the part of its graph up to there."""

    spec: ModelSpec
    graph: bytes


def train(
    data: str | os.PathLike[str] | Dataset,
    *,
    validation: str | os.PathLike[str] | Dataset | None = None,
    backbone: str | os.PathLike[str] = "default",
    seed: int = 0,
    watch: Callable[[Result], None] = lambda result: None,
    engine: EngineOptions = EngineOptions(),
) -> TrainedModel:
    """Train a model on a folder of class folders, or on a list, as ``pictell evaluate`` takes them.

    The accuracy is cross-validated or, with ``validation``, measured on other pictures of the same
    classes; those that are copies of trained ones are left out. ``backbone`` is an ONNX model.
    ``watch`` receives a result for each picture that was read. The same pictures, ``seed`` and
    versions give the same file. Needs the extra ``train``. Raises ``UsageError`` for pictures that
    nothing can be learned from, or measured on, and a ``ModelError``.
    """
    dataset, others = _read(data), None if validation is None else _read(validation)
    check_labels(dataset)
    if others is not None:
        check_validation(others, dataset, dataset.labels)
    base = read_backbone(backbone)
    with open_features(base, engine) as classifier, EmbeddingIndex.open() as index:
        embedded = embed_dataset(classifier, dataset, index, watch)
        tests = None if others is None else embed_dataset(classifier, others, index, watch)
        note = index.note
    report = review(dataset, embedded)
    known = np.flatnonzero(report.counts)
    classes = tuple(dataset.labels[label] for label in known)
    targets = np.searchsorted(known, dataset.label_of[embedded.pictures]).astype(np.int64)
    features = _features(embedded)
    held_out = cross_validate(features, targets, len(known), report.group_of, seed)
    head = fit_head(features, targets, len(known), held_out.strength)
    measured = crossed = cross_validated(Labelled(dataset, embedded), targets, held_out)
    fitted = calibrate(held_out, crossed.targets, "the pictures it was trained on")
    if others is not None and tests is not None:
        test_set, trained = Labelled(others, tests), Labelled(dataset, embedded)
        measured = validate(head, _features(tests), test_set, trained, classes)
    accuracy = measure_accuracy(measured)
    spec, content = to_file(
        base.spec,
        with_head(base.graph, head, RECIPE, base.spec.preprocess.layout),
        classes,
        fitted,
        {
            "backbone": base.spec.name,
            "backbone_sha256": base.spec.sha256,
            "pictures": [report.counts[label] for label in known],
            "accuracy": accuracy.value,
            "accuracy_pictures": accuracy.pictures,
            "cross_validated": measured is crossed,
            "strength": held_out.strength,
            "seed": seed,
        },
    )
    suspects = find_suspects(crossed, fitted.calibration, spec.labels)
    return TrainedModel(spec, content, report, accuracy, suspects, measured, note)


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


def _read(data: str | os.PathLike[str] | Dataset) -> Dataset:
    dataset = data if isinstance(data, Dataset) else read_dataset(data)
    if dataset.labels_of is not None:
        raise UsageError(f"{dataset.name}: give each picture one label; several cannot be trained")
    if dataset.weights is not None:
        raise UsageError(f"{dataset.name}: training takes no weights: remove that column")
    return dataset


def _features(embedded: Embedded) -> Floats:
    shape = (len(embedded.pictures), len(RECIPE.views), -1)
    return RECIPE.features(embedded.vectors.reshape(shape))
