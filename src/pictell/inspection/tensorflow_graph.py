"""TensorFlow graphs (tensorflow/core/framework): nodes, functions and their connections.

A node refers to an input as ``node``, ``node:1`` (the second output) or ``^node`` (run it before,
ignore its value); inside a function also as ``node:output:0`` or by the name of an argument.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from pictell.inspection.protobuf import Message
from pictell.types import TensorSpec

# numpy's names of DataType (types.proto) by number; 0 is undefined.
DTYPES = """
    object float32 float64 int32 uint8 int16 int8 object complex64 int64 bool int8 uint8 int32
    bfloat16 int16 uint16 uint16 complex128 float16 object object uint32 uint64
""".split()
# The type of a reference is this plus the type of the value.
REFERENCE = 100
CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
MAX_CALLS = 32
Shape = tuple[int | None, ...]


class Function:
    """A function of a graph's library."""

    def __init__(self, definition: Message) -> None:
        self.definition = definition

    @cached_property
    def nodes(self) -> dict[str, Message]:
        """Its nodes by their names."""
        return by_name(self.definition.node_def)

    def returned(self, index: int) -> str:
        """The reference to its output of that index."""
        outputs = self.definition.signature.output_arg
        return str(self.definition.ret[outputs[index].name]) if index < len(outputs) else ""


def by_name(nodes: Iterable[Message]) -> dict[str, Message]:
    """Nodes by their names, in their order."""
    return {node.name: node for node in nodes}


def functions(graph: Message) -> dict[str, Function]:
    """The functions of a graph's library by their names."""
    return {function.signature.name: Function(function) for function in graph.library.function}


def bodies(graph: Message) -> Iterator[Iterable[Message]]:
    """The nodes of the graph, then those of each of its functions."""
    yield graph.node
    for function in graph.library.function:
        yield function.node_def


def node_name(reference: str) -> str:
    """The node that an input refers to."""
    return reference.removeprefix("^").partition(":")[0]


def data_inputs(node: Message) -> list[str]:
    """The names of the nodes whose values a node consumes."""
    return [node_name(reference) for reference in node.input if not reference.startswith("^")]


def reached(nodes: Mapping[str, Message], starts: Iterable[str]) -> dict[str, Message]:
    """The nodes that the named ones need, themselves included."""
    found: dict[str, Message] = {}
    waiting = list(starts)
    while waiting:
        name = waiting.pop()
        if name in nodes and name not in found:
            found[name] = nodes[name]
            waiting.extend(map(node_name, nodes[name].input))
    return found


def called(node: Message) -> Iterator[str]:
    """The names of the functions that a node's attributes name."""
    for value in values(node.attr.values()):
        yield from (function.name for function in _named(value))


def values(attributes: Iterable[Message]) -> Iterator[Message]:
    """Attributes, and the attributes of the functions that they name."""
    waiting = list(attributes)
    while waiting:
        value = waiting.pop()
        yield value
        for function in _named(value):
            waiting.extend(function.attr.values())


def _named(value: Message) -> list[Message]:
    return [*([value.func] if value.HasField("func") else []), *value.list.func]


def walk_back(
    nodes: Mapping[str, Message], reference: str, library: Mapping[str, Function]
) -> Iterator[Message]:
    """The nodes behind a value, as ``activation.walk_back``, also inside functions."""
    calls = 0
    while (name := node_name(reference)) in nodes:
        node = nodes[name]
        function = library.get(node.attr["f"].func.name) if _is_call(node) else None
        if function is not None and calls < MAX_CALLS:
            calls += 1
            reference = function.returned(output_index(reference))
            nodes = function.nodes
            continue
        yield node
        inputs = [entry for entry in node.input if not entry.startswith("^")]
        if not inputs:
            return
        reference = inputs[0]


def output_index(reference: str) -> int:
    """The index of the output that an input refers to."""
    index = reference.rpartition(":")[2] if ":" in reference else "0"
    return int(index) if index.isascii() and index.isdecimal() else 0


def dtype_name(number: int) -> str:
    """numpy's name of a ``DataType``; ``object`` if numpy has none."""
    number = number - REFERENCE if number > REFERENCE else number
    return DTYPES[number] if 0 <= number < len(DTYPES) else DTYPES[0]


def sizes(shape: Message) -> Shape | None:
    """The shape in a ``TensorShapeProto``, where -1 stands for any size."""
    if shape.unknown_rank:
        return None
    return tuple(dim.size if dim.size >= 0 else None for dim in shape.dim)


def placeholder(node: Message) -> TensorSpec:
    """The tensor of a placeholder. A missing shape and that of a scalar look the same."""
    shape = sizes(node.attr["shape"].shape) if "shape" in node.attr else None
    return TensorSpec(node.name, shape or None, dtype_name(node.attr["dtype"].type))


def _is_call(node: Message) -> bool:
    return node.op in CALLS and "f" in node.attr
