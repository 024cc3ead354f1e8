"""The head in the graph of a trained model: added to the features, read, replaced and removed."""

from __future__ import annotations

from pictell.errors import InvalidModelError, UsageError
from pictell.inspection.protobuf import Message
from pictell.training.graph_names import Graph
from pictell.training.head import Floats, Head
from pictell.training.onnx_parts import (
    OUTPUTS,
    PREFIX,
    Parts,
    keep,
    open_model,
    opset_of,
    to_array,
    to_bytes,
    value_info,
)

LOGITS, EMBEDDING, FAMILIARITY = OUTPUTS
WEIGHTS, BIAS, BANK = "weights", "bias", "bank"
SIMILARITY = "similarity"


def with_head(features: bytes, head: Head) -> bytes:
    """The graph of a trained model from what ``features.feature_graph`` gives.

    The outputs are float32: ``logits`` (N, C), ``embedding`` (N, D) with norm 1, and, with a bank,
    ``familiarity`` (N,). Equal arguments give equal bytes. Raises ``InvalidModelError``.
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
    shape = next(v for v in graph.output if v.name == EMBEDDING).type.tensor_type.shape
    batch = shape.dim[0].dim_value or shape.dim[0].dim_param
    weights, bias = parts.constant(WEIGHTS, head.weights), parts.constant(BIAS, head.bias)
    parts.node("Gemm", [EMBEDDING, weights, bias], LOGITS, transB=1)
    outputs = [value_info(LOGITS, [batch, len(head.bias)]), *graph.output]
    if head.bank is not None:
        bank = parts.constant(BANK, head.bank)
        likeness = parts.node("Gemm", [EMBEDDING, bank], SIMILARITY, transB=1)
        parts.reduce("ReduceMax", likeness, 1, FAMILIARITY, keepdims=False)
        outputs.append(value_info(FAMILIARITY, [batch]))
    del graph.output[:]
    graph.output.extend(outputs)
    graph.node.extend(parts.nodes)
    graph.initializer.extend(parts.constants)


def _remove_head(graph: Message) -> None:
    added = {LOGITS, FAMILIARITY, PREFIX + SIMILARITY}
    keep(graph.node, lambda node: added.isdisjoint(node.output))
    constants = {PREFIX + name for name in (WEIGHTS, BIAS, BANK, f"{FAMILIARITY}_axis")}
    keep(graph.initializer, lambda tensor: tensor.name not in constants)
    keep(graph.output, lambda value: value.name == EMBEDDING)


def _find_head(graph: Message) -> Head:
    arrays = _arrays(graph, WEIGHTS, BIAS, BANK)
    if WEIGHTS not in arrays or BIAS not in arrays or EMBEDDING not in Graph(graph).outputs:
        raise InvalidModelError("the model has no head of pictell: give a model of pictell train")
    try:
        return Head(arrays[WEIGHTS], arrays[BIAS], arrays.get(BANK))
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
