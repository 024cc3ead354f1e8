"""Frozen TensorFlow graphs: one ``GraphDef`` with its weights as constants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from pictell.errors import InvalidModelError
from pictell.graphs import Inspection, Runnable, TensorSpec, Weights
from pictell.inspection.activation import judge_outputs
from pictell.inspection.allowed_ops import VARIABLES
from pictell.inspection.protobuf import Message, inside, parse, with_graph
from pictell.inspection.selection import listed
from pictell.inspection.tensorflow_graph import (
    NO_NUMBERS,
    Place,
    Shape,
    by_name,
    data_inputs,
    dtype_name,
    functions,
    named_place,
    producers,
    reached,
    refuse_operations,
    sizes,
)
from pictell.inspection.tensorflow_noise import may_be_random, take_out

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
CONVOLUTIONS = frozenset({"Conv2D", "DepthwiseConv2dNative"})
# Between pixels and a convolution.
PADDING = frozenset({"Identity", "MirrorPad", "Pad", "PadV2"})
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
    graph = _read(weights.graph)
    variables = VARIABLES & {node.op for node in inside(graph, "NodeDef")}
    if variables:
        raise InvalidModelError(
            f"the graph has variables without values ({listed(sorted(variables))}): "
            "freeze it first, or give the SavedModel's folder"
        )
    refuse_operations(graph)


def inspect(weights: Weights, outputs: Sequence[str]) -> Inspection:
    """The numeric placeholders, and ``outputs``, which can be any node.

    Raises ``InvalidModelError``.
    """
    graph = _read(weights.graph)
    nodes = by_name(graph.node)
    names = [name.removesuffix(":0") for name in outputs] or _sinks(nodes)
    if len(names) > MAX_OUTPUTS:
        raise InvalidModelError(f"the graph ends in {listed(names)}: give --output")
    for name in names:
        if name not in nodes:
            raise InvalidModelError(f"the graph has no node {name!r}: it has {_likely(nodes)}")
    placeholders = (_placeholder(node) for node in graph.node if node.op == "Placeholder")
    producer = producers(nodes, functions(graph))
    judged = judge_outputs({name: Place(name) for name in names}, producer, named_place)
    return Inspection(
        format="frozen-graph",
        inputs=tuple(tensor for tensor in placeholders if tensor.dtype not in NO_NUMBERS),
        outputs=tuple(
            TensorSpec(name, _result_shape(nodes[name]), _result_type(nodes[name]))
            for name in names
        ),
        activations=judged.activations,
        ops=Counter(node.op for node in inside(graph, "NodeDef")),
        metadata={},
        not_scores=judged.not_scores,
    )


def pixel_nodes(weights: Weights) -> list[str]:
    """Nodes that have the pixels of a graph which decodes files of pictures itself.

    They are what the first convolutions behind the placeholders of text take.
    """
    nodes = by_name(_read(weights.graph).node)
    consumers = _consumers(nodes)
    texts = [name for name, node in nodes.items() if _is_text(node)]
    # What is behind a convolution has no pixels.
    ends = {name: [] if nodes[name].op in CONVOLUTIONS else consumers[name] for name in nodes}
    found = [name for name in reached(texts, ends) if nodes[name].op in CONVOLUTIONS]
    return list(
        dict.fromkeys(_before_padding(nodes, data_inputs(nodes[name])[0]) for name in found)
    )


def _is_text(node: Message) -> bool:
    return node.op == "Placeholder" and _placeholder(node).dtype == "string"


def _before_padding(nodes: Mapping[str, Message], name: str) -> str:
    for _ in range(MAX_OUTPUTS):
        node = nodes.get(name)
        if node is None or node.op not in PADDING or not node.input:
            break
        name = data_inputs(node)[0]
    return name


def runnable(weights: Weights, outputs: Sequence[str], input_name: str | None) -> Runnable:
    """The graph without the random operations of the training between input and outputs.

    Raises ``InvalidModelError`` for other random operations there.
    """
    if not may_be_random(weights.graph):
        return Runnable(weights)
    graph = _read(weights.graph)
    taken_out = take_out(graph, outputs, input_name)
    return Runnable(with_graph(weights, graph) if taken_out else weights, taken_out)


def needed_inputs(
    weights: Weights, input_name: str, outputs: Sequence[str]
) -> tuple[TensorSpec, ...]:
    """What must be given for the outputs: the node ``input_name``, and placeholders not behind it.

    Raises ``InvalidModelError`` if the graph has no such node.
    """
    nodes = by_name(_read(weights.graph).node)
    given = input_name.removesuffix(":0")
    if given not in nodes:
        raise InvalidModelError(f"the graph has no node {given!r}: it has {_likely(nodes)}")
    inputs = {name: data_inputs(node) for name, node in nodes.items() if name != given} | {
        given: []
    }
    needed = reached((name.removesuffix(":0") for name in outputs), inputs)
    return tuple(
        TensorSpec(input_name, _result_shape(nodes[given]), _result_type(nodes[given]))
        if name == given
        else _placeholder(nodes[name])
        for name in needed
        if name == given or nodes[name].op == "Placeholder"
    )


def _read(content: bytes) -> Message:
    """The bytes as a ``GraphDef``. Raises ``InvalidModelError``."""
    graph = parse("tensorflow", "GraphDef", content)
    if not graph.node or not all(node.name and node.op for node in graph.node):
        raise InvalidModelError("the file is not a TensorFlow graph, or it is cut short")
    return graph


def _sinks(nodes: Mapping[str, Message]) -> list[str]:
    """Nodes that no node consumes; only those that depend on an input, if there are any."""
    consumers = _consumers(nodes)
    ends = [
        node.name
        for node in nodes.values()
        if node.op not in NOT_SCORES
        and all(nodes[name].op in MONITORS for name in consumers[node.name])
    ]
    placeholders = [node.name for node in nodes.values() if node.op == "Placeholder"]
    fed = set(reached(placeholders, consumers))
    return [name for name in ends if name in fed] or ends


def _consumers(nodes: Mapping[str, Message]) -> dict[str, list[str]]:
    """The nodes that consume each node."""
    consumers: dict[str, list[str]] = {name: [] for name in nodes}
    for node in nodes.values():
        for name in data_inputs(node):
            consumers.setdefault(name, []).append(node.name)
    return consumers


def _likely(nodes: Mapping[str, Message]) -> str:
    scores = [name for name, node in nodes.items() if node.op in SCORES]
    return listed(nodes, [*_sinks(nodes), *reversed(scores)])


def _result_shape(node: Message) -> Shape | None:
    """The shape of a node's first output, if the graph was saved with its shapes."""
    if node.op == "Placeholder":
        return _placeholder(node).shape
    shapes = node.attr["_output_shapes"].list.shape if "_output_shapes" in node.attr else ()
    return sizes(shapes[0]) if shapes else None


def _result_type(node: Message) -> str:
    key = RESULT_TYPES.get(node.op, "T" if "T" in node.attr else "dtype")
    if key in node.attr:
        return dtype_name(node.attr[key].type)
    return DEFAULT_TYPES.get(node.op, "object")


def _placeholder(node: Message) -> TensorSpec:
    """The tensor of a placeholder. A missing shape and that of a scalar look the same."""
    shape = sizes(node.attr["shape"].shape) if "shape" in node.attr else None
    return TensorSpec(node.name, shape or None, dtype_name(node.attr["dtype"].type))
