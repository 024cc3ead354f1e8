"""Frozen TensorFlow graphs: one ``GraphDef`` with its weights as constants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from pictell.errors import InvalidModelError
from pictell.inspection.activation import activation
from pictell.inspection.protobuf import Message, parse
from pictell.inspection.selection import listed
from pictell.inspection.tensorflow_check import refuse_operations, refuse_unfrozen
from pictell.inspection.tensorflow_graph import (
    Shape,
    bodies,
    by_name,
    data_inputs,
    dtype_name,
    functions,
    placeholder,
    sizes,
    walk_back,
)
from pictell.types import Inspection, TensorSpec, Weights

# Operations that only monitor others.
MONITORS = frozenset(
    """
    Assert HistogramSummary ImageSummary MergeSummary ScalarSummary TensorSummary TensorSummaryV2
    """.split()
)
# Operations whose results are never scores.
NOT_SCORES = MONITORS | {"Const", "NoOp", "Placeholder", "PlaceholderWithDefault"}
# A graph with more ends than this needs --output.
MAX_OUTPUTS = 100
SCORES = frozenset({"BiasAdd", "LogSoftmax", "MatMul", "Sigmoid", "Softmax"})
# Operations whose result has another type than their inputs, and the attribute that names it.
RESULT_TYPES = {
    "ArgMax": "output_type",
    "ArgMin": "output_type",
    "Cast": "DstT",
    "Dequantize": "dtype",
}
# The types if the attribute is missing.
DEFAULT_TYPES = {"ArgMax": "int64", "ArgMin": "int64", "Dequantize": "float32"}


def check(weights: Weights) -> None:
    """Check that the graph and its functions only compute, whether they are used or not.

    Raises ``UnsafeModelError`` if not, ``InvalidModelError`` if the graph has variables.
    """
    graph = read(weights.graph)
    refuse_unfrozen(graph)
    refuse_operations(graph)


def inspect(weights: Weights, outputs: Sequence[str]) -> Inspection:
    """The numeric placeholders, and ``outputs``, which can be any node.

    Raises ``InvalidModelError``.
    """
    graph = read(weights.graph)
    nodes, library = by_name(graph.node), functions(graph)
    names = [name.removesuffix(":0") for name in outputs] or _sinks(nodes)
    if len(names) > MAX_OUTPUTS:
        raise InvalidModelError(f"the graph ends in {listed(names)}: give --output")
    for name in names:
        if name not in nodes:
            raise InvalidModelError(f"the graph has no node {name!r}: it has {_likely(nodes)}")
    placeholders = (placeholder(node) for node in graph.node if node.op == "Placeholder")
    return Inspection(
        format="frozen-graph",
        inputs=tuple(tensor for tensor in placeholders if tensor.dtype != "object"),
        outputs=tuple(
            TensorSpec(name, _result_shape(nodes[name]), _result_type(nodes[name]))
            for name in names
        ),
        activations={
            name: activation(node.op for node in walk_back(nodes, name, library)) for name in names
        },
        ops=Counter(node.op for nodes_ in bodies(graph) for node in nodes_),
        metadata={},
    )


def read(content: bytes) -> Message:
    """The bytes as a ``GraphDef``. Raises ``InvalidModelError``."""
    graph = parse("tensorflow", "GraphDef", content)
    if not graph.node or not all(node.name and node.op for node in graph.node):
        raise InvalidModelError("the file is not a TensorFlow graph, or it is cut short")
    return graph


def _sinks(nodes: Mapping[str, Message]) -> list[str]:
    """Nodes that no node consumes; only those that depend on an input, if there are any."""
    takers = (node for node in nodes.values() if node.op not in MONITORS)
    taken = {name for node in takers for name in data_inputs(node)}
    ends = [node.name for node in nodes.values() if node.name not in taken]
    ends = [name for name in ends if nodes[name].op not in NOT_SCORES]
    fed = _fed(nodes)
    return [name for name in ends if name in fed] or ends


def _fed(nodes: Mapping[str, Message]) -> set[str]:
    """The nodes that depend on a placeholder."""
    takers: dict[str, list[str]] = {}
    for node in nodes.values():
        for name in data_inputs(node):
            takers.setdefault(name, []).append(node.name)
    waiting = [node.name for node in nodes.values() if node.op == "Placeholder"]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(takers.get(name, ()))
    return found


def _likely(nodes: Mapping[str, Message]) -> str:
    scores = [name for name, node in nodes.items() if node.op in SCORES]
    return listed(nodes, [*_sinks(nodes), *reversed(scores)])


def _result_shape(node: Message) -> Shape | None:
    """The shape of a node's first output, if the graph was saved with its shapes."""
    if node.op == "Placeholder":
        return placeholder(node).shape
    shapes = node.attr["_output_shapes"].list.shape if "_output_shapes" in node.attr else ()
    return sizes(shapes[0]) if shapes else None


def _result_type(node: Message) -> str:
    key = RESULT_TYPES.get(node.op, "T" if "T" in node.attr else "dtype")
    if key in node.attr:
        return dtype_name(node.attr[key].type)
    return DEFAULT_TYPES.get(node.op, "object")
