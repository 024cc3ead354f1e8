"""The shape of a value in a frozen graph, where its last operations and their constants tell.

Enough to count the classes of a classifier: which of its sizes are certain is worth saying,
the others stay ``None``.
"""

from __future__ import annotations

from collections.abc import Mapping

from pictell.inspection.protobuf import Message
from pictell.inspection.tensorflow_graph import Shape, data_inputs, integers, node_name, sizes

# Operations whose result has the shape of their first input.
KEEPING = frozenset(
    """
    BiasAdd Cast CheckNumerics Dequantize FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars Identity
    LogSoftmax QuantizeV2 Relu Relu6 Sigmoid Softmax StopGradient Tanh
    """.split()
)
SUMS = frozenset({"Add", "AddV2", "Sub", "Mul", "RealDiv", "Maximum", "Minimum"})
POOLS = frozenset({"AvgPool", "MaxPool"})
HANDING_ON = frozenset({"Dequantize", "Enter", "Identity", "ReadVariableOp"})
# How far is looked back for a shape, and for a constant: a graph made to take long could go on.
MAX_STEPS = 100
MAX_HANDS = 10


def value_shape(nodes: Mapping[str, Message], name: str) -> Shape | None:
    """The shape of a node's first output, ``None`` where nothing is known of it."""
    chain = _chain(nodes, name)
    shape: Shape | None = None
    for node in reversed(chain):
        shape = _after(nodes, node, shape)
    return shape


def _chain(nodes: Mapping[str, Message], name: str) -> list[Message]:
    """The nodes back from a value to the nearest whose own constants tell a shape."""
    chain: list[Message] = []
    while name in nodes and len(chain) < MAX_STEPS:
        node = nodes[name]
        chain.append(node)
        through = node.op in KEEPING or node.op in SUMS or node.op in POOLS or node.op == "Squeeze"
        if not through or "_output_shapes" in node.attr:
            return chain
        name = _main_input(nodes, node)
    return chain


def _main_input(nodes: Mapping[str, Message], node: Message) -> str:
    inputs = data_inputs(node)
    variable = [name for name in inputs if _constant(nodes, name) is None]
    return (variable or inputs or [""])[0]


def _after(nodes: Mapping[str, Message], node: Message, shape: Shape | None) -> Shape | None:
    """The shape of a node's result; ``shape`` is that of its main input."""
    if "_output_shapes" in node.attr and node.attr["_output_shapes"].list.shape:
        return sizes(node.attr["_output_shapes"].list.shape[0])
    if node.op in KEEPING or node.op in SUMS:
        return _widened(nodes, node, shape)
    if node.op in POOLS:
        return (shape[0], None, None, shape[3]) if shape and len(shape) == 4 else None
    if node.op == "Squeeze":
        return _squeezed(node, shape)
    if node.op in {"MatMul", "Conv2D"}:
        return _product(nodes, node)
    if node.op == "Reshape":
        return _reshaped(nodes, node)
    if node.op == "Placeholder" and node.attr["shape"].shape.dim:
        return sizes(node.attr["shape"].shape)
    return None


def _widened(nodes: Mapping[str, Message], node: Message, shape: Shape | None) -> Shape | None:
    """The shape with its last size from a constant vector that is added to it."""
    if shape is None or (node.op in KEEPING and node.op != "BiasAdd"):
        return shape
    vectors = [_constant(nodes, name) for name in data_inputs(node)]
    widths = [vector[0] for vector in vectors if vector and len(vector) == 1]
    # A vector of one value is added to each.
    return (*shape[:-1], widths[0]) if widths and widths[0] != 1 else shape


def _squeezed(node: Message, shape: Shape | None) -> Shape | None:
    dropped = list(node.attr["squeeze_dims"].list.i)
    if not shape or not dropped:
        return None
    axes = {axis % len(shape) for axis in dropped}
    return tuple(size for axis, size in enumerate(shape) if axis not in axes)


def _product(nodes: Mapping[str, Message], node: Message) -> Shape | None:
    inputs = data_inputs(node)
    weights = _constant(nodes, inputs[1]) if len(inputs) > 1 else None
    if not weights:
        return None
    if node.op == "MatMul":
        return (None, weights[0 if node.attr["transpose_b"].b else -1])
    if node.attr["data_format"].s == b"NCHW":
        return (None, weights[-1], None, None)
    return (None, None, None, weights[-1])


def _reshaped(nodes: Mapping[str, Message], node: Message) -> Shape | None:
    inputs = data_inputs(node)
    wanted = _source(nodes, inputs[1]) if len(inputs) > 1 else None
    if wanted is None:
        return None
    values = integers(wanted.attr["value"].tensor)
    return tuple(size if size >= 0 else None for size in values) or None


def _constant(nodes: Mapping[str, Message], name: str) -> Shape | None:
    """The shape of a constant."""
    node = _source(nodes, name)
    return None if node is None else sizes(node.attr["value"].tensor.tensor_shape)


def _source(nodes: Mapping[str, Message], name: str) -> Message | None:
    """The constant of that name, looked for behind what hands it on unchanged."""
    for _ in range(MAX_HANDS):
        node = nodes.get(node_name(name))
        if node is None or node.op == "Const":
            return node
        if node.op not in HANDING_ON or not node.input:
            return None
        name = node.input[0]
    return None
