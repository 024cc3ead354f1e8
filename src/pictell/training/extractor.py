"""The part of a model that computes features: read from a backbone, or from a trained model."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from pictell import models, runtimes
from pictell.classifier import Classifier
from pictell.errors import UsageError
from pictell.graphs import Weights
from pictell.image_model import ImageModel
from pictell.inspection import checksum
from pictell.models.folder import read_weights
from pictell.options import EngineOptions
from pictell.training.backbone import cut, find_taps
from pictell.training.familiarity import Floats, origin_of
from pictell.training.features import feature_graph
from pictell.training.graph import EMBEDDING, features_of, is_trained, read_head
from pictell.types import Label, ModelSpec

GRAPH = Path("features.onnx")


class Extractor(NamedTuple):
    """The spec of a model, and the graph that computes the features (N, D) of its pictures.

    ``origin`` (D,) is that of ``Familiarity``, if it is known.
    """

    spec: ModelSpec
    graph: bytes
    origin: Floats | None


def read_extractor(model: str | os.PathLike[str]) -> Extractor:
    """The extractor of an ONNX model; that of a trained model is the one that it was trained with.

    Raises ``UsageError`` for another format, and ``InvalidModelError`` without an embedding.
    """
    spec = models.find(model)
    if spec.format != "onnx" or spec.external_data:
        raise UsageError(f"{spec.name} is not an ONNX model of one file, which training needs")
    graph = runtimes.without_training(spec, read_weights(spec)).graph
    if is_trained(graph):
        return Extractor(spec, features_of(graph), read_head(graph).familiarity.origin)
    taps = find_taps(graph, spec.output_name, spec.embedding)
    part = cut(graph, filter(None, taps), spec.input_name)
    features = feature_graph(part, taps, spec.activation, spec.preprocess.layout)
    return Extractor(spec, features, origin_of(spec.sha256))


def open_extractor(extractor: Extractor, engine: EngineOptions) -> Classifier:
    """A classifier whose embedding has the features."""
    spec = feature_spec(extractor)
    session = runtimes.open_session(spec, _weights(extractor), engine)
    # The graph sees each picture twice (views.py).
    return Classifier(ImageModel(spec, session, batch_size=max(1, engine.batch_size // 2)))


def feature_spec(extractor: Extractor) -> ModelSpec:
    """The spec of the graph that computes the features."""
    return replace(
        extractor.spec,
        weights=GRAPH,
        sha256=checksum(_weights(extractor).files),
        output_name=EMBEDDING,
        embedding=EMBEDDING,
        feature_map=None,
        familiarity=None,
        labels=(Label(""),),
        taxonomy=None,
        calibration=None,
    )


def _weights(extractor: Extractor) -> Weights:
    return Weights("onnx", {GRAPH.name: extractor.graph})
