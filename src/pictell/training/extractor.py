"""The part of a model that computes features: read from a backbone, or from a trained model."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from pictell import models, runtimes
from pictell.classifier import Classifier
from pictell.errors import InvalidModelError, UsageError
from pictell.image_model import ImageModel
from pictell.inspection import checksum
from pictell.models.folder import read_weights
from pictell.options import EngineOptions
from pictell.training.backbone import cut, find_taps
from pictell.training.features import feature_graph
from pictell.training.graph import EMBEDDING, features_of
from pictell.types import Label, ModelSpec, Weights

GRAPH = Path("features.onnx")


class Extractor(NamedTuple):
    """The spec of a model, and the graph that computes the features of its pictures."""

    spec: ModelSpec
    graph: bytes


def read_extractor(model: str | os.PathLike[str]) -> Extractor:
    """The extractor of an ONNX model; that of a trained model is the one that it was trained with.

    Raises ``UsageError`` for another format, and ``InvalidModelError`` without an embedding.
    """
    spec = models.find(model)
    if spec.format != "onnx" or spec.external_data:
        raise UsageError(f"{spec.name} is not an ONNX model of one file, which training needs")
    graph = read_weights(spec).graph
    try:
        return Extractor(spec, features_of(graph))
    except InvalidModelError:
        taps = find_taps(graph, spec.output_name, spec.embedding)
    part = cut(graph, filter(None, taps), spec.input_name)
    return Extractor(spec, feature_graph(part, taps, spec.activation, spec.preprocess.layout))


def open_extractor(extractor: Extractor, engine: EngineOptions) -> Classifier:
    """A classifier whose embedding has the features."""
    weights = Weights("onnx", {GRAPH.name: extractor.graph})
    spec = replace(
        extractor.spec,
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
