"""The head in the graph of a trained model: added to the features, read, replaced and removed."""

from __future__ import annotations

import numpy as np

from pictell.errors import InvalidModelError, UsageError
from pictell.inspection.protobuf import Message
from pictell.training.familiarity import Familiarity, Floats
from pictell.training.graph_names import Graph
from pictell.training.head import Head
from pictell.training.onnx_parts import (
    FEATURES,
    OUTPUTS,
    PREFIX,
    Parts,
    keep,
    normalise,
    open_model,
    opset_of,
    to_array,
    to_bytes,
    value_info,
)

LOGITS, EMBEDDING, FAMILIARITY = OUTPUTS
WEIGHTS, BIAS, BANK, ORIGIN = "weights", "bias", "bank", "origin"
GATE, GATE_BIAS = "gate", "gate_bias"


def with_head(features: bytes, head: Head) -> bytes:
    """The graph of a trained model from what ``features.feature_graph`` gives.

    The outputs are float32: ``logits`` (N, C), ``embedding`` (N, D) with norm 1, and
    ``familiarity`` (N,), 0..1. Equal arguments give equal bytes. Raises ``InvalidModelError``.
    """
    model = open_model(features)
    if EMBEDDING not in Graph(model.graph).outputs:
        raise InvalidModelError("the graph has no features that a head can be added to")
    _add_head(model, head)
    return to_bytes(model)


def features_of(model: bytes) -> bytes:
    """What a model of ``with_head`` was made of: the graph without head and metadata.

    Raises ``InvalidModelError`` for another model.
    """
    opened = open_model(model)
    _find_head(opened.graph)
    _remove_head(opened.graph)
    del opened.metadata_props[:]
    return to_bytes(opened)


def is_trained(model: bytes) -> bool:
    """Whether a model has a head of pictell. Raises ``InvalidModelError`` for damaged bytes."""
    names = {tensor.name for tensor in open_model(model).graph.initializer}
    return PREFIX + WEIGHTS in names


def replace_head(model: bytes, head: Head) -> bytes:
    """A model of ``with_head`` with another head, which may have other classes; the rest stays.

    The labels and the calibration in its metadata are those of the old head.

    Raises ``InvalidModelError`` for another model, ``UsageError`` for a head for embeddings of
    another length.
    """
    opened = open_model(model)
    size = _find_head(opened.graph).size
    if head.size != size:
        raise UsageError(f"the head is for {head.size} numbers, the model's embedding has {size}")
    _remove_head(opened.graph)
    _add_head(opened, head)
    return to_bytes(opened)


def read_head(model: bytes) -> Head:
    """The head of a model of ``with_head``. Raises ``InvalidModelError`` for another model."""
    return _find_head(open_model(model).graph)


def _add_head(model: Message, head: Head) -> None:
    """Add nodes, constants and outputs of a head, after all others."""
    graph, parts = model.graph, Parts(opset_of(model))
    batch = _batch(graph)
    weights, bias = parts.constant(WEIGHTS, head.weights), parts.constant(BIAS, head.bias)
    parts.node("Gemm", [EMBEDDING, weights, bias], LOGITS, transB=1)
    _add_familiarity(parts, head.familiarity)
    outputs = [
        value_info(LOGITS, [batch, len(head.bias)]),
        value_info(EMBEDDING, [batch, head.size]),
        value_info(FAMILIARITY, [batch]),
    ]
    del graph.output[:]
    graph.output.extend(outputs)
    graph.node.extend(parts.nodes)
    has = {tensor.name for tensor in graph.initializer}
    graph.initializer.extend(tensor for tensor in parts.constants if tensor.name not in has)


def _add_familiarity(parts: Parts, known: Familiarity) -> None:
    value = parts.node("Sub", [EMBEDDING, parts.constant(ORIGIN, known.origin)], "centred")
    value = normalise(parts, value, "direction")
    bank = parts.constant(BANK, known.bank)
    value = parts.node("Gemm", [value, bank], "similarity", transB=1)
    value = parts.reduce("ReduceMax", value, 1, "nearest", keepdims=False)
    zero = parts.constant("zero", np.array(0, np.float32))
    gated = known.gate is not None and known.gate_bias is not None
    value = parts.node("Max", [value, zero], "resemblance" if gated else FAMILIARITY)
    if known.gate is not None and known.gate_bias is not None:
        gate = parts.constant(GATE, known.gate)
        bias = parts.constant(GATE_BIAS, known.gate_bias)
        # Multiplied by a vector (D,), features (N, D) give a vector (N,).
        product = parts.node("MatMul", [EMBEDDING, gate], "gate_product")
        opened = parts.node("Sigmoid", [parts.node("Add", [product, bias], "gate_sum")], "opened")
        parts.node("Mul", [value, opened], FAMILIARITY)


def _remove_head(graph: Message) -> None:
    """Remove all nodes behind the embedding, what only they read, and their outputs."""
    found = Graph(graph)
    needed = found.needed_for(EMBEDDING)
    keep(graph.node, lambda node: bool(needed.intersection(node.output)))
    keep(graph.initializer, lambda tensor: tensor.name in needed)
    # Without a head, the graph does not say how many features there are.
    features = value_info(EMBEDDING, [_batch(graph), FEATURES])
    del graph.output[:]
    graph.output.append(features)


def _batch(graph: Message) -> int | str:
    """The size of the batch, or its name."""
    (info,) = (value for value in graph.output if value.name == EMBEDDING)
    dim = info.type.tensor_type.shape.dim[0]
    return int(dim.dim_value) or str(dim.dim_param)


def _find_head(graph: Message) -> Head:
    arrays = _arrays(graph, WEIGHTS, BIAS, BANK, ORIGIN, GATE, GATE_BIAS)
    found = {WEIGHTS, BIAS, BANK, ORIGIN} <= set(arrays)
    if not found or EMBEDDING not in Graph(graph).outputs:
        raise InvalidModelError("the model has no head of pictell: give a model of pictell train")
    try:
        known = Familiarity(arrays[BANK], arrays[ORIGIN], arrays.get(GATE), arrays.get(GATE_BIAS))
        return Head(arrays[WEIGHTS], arrays[BIAS], known)
    except UsageError as error:
        raise InvalidModelError(f"the model's head is damaged: {error}") from error


def _arrays(graph: Message, *names: str) -> dict[str, Floats]:
    """Those of the constants that the graph has."""
    wanted = {PREFIX + name: name for name in names}
    return {
        wanted[tensor.name]: to_array(tensor)
        for tensor in graph.initializer
        if tensor.name in wanted
    }
