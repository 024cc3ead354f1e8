"""TensorFlow graphs (tensorflow/core/framework): their connections, and whether they only compute.

A node refers to an input as ``node``, ``node:1`` (the second output) or ``^node`` (run it before,
ignore its value); inside a function also as ``node:output:0`` or by the name of an argument.

TensorFlow has operations that read and write files, open connections and call Python: a graph is a
program (tensorflow/SECURITY.md). So every operation of a graph, used or not, must be on a list.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from pictell.errors import UnsafeModelError
from pictell.inspection.activation import Producer
from pictell.inspection.allowed_ops import ALLOWED
from pictell.inspection.expansion import refuse_growth, refuse_size
from pictell.inspection.protobuf import Message, inside
from pictell.inspection.selection import listed

# numpy's names of DataType (types.proto) by number; 0 is undefined.
DTYPES = """
    object float32 float64 int32 uint8 int16 int8 string complex64 int64 bool int8 uint8 int32
    bfloat16 int16 uint16 uint16 complex128 float16 object object uint32 uint64
""".split()
NO_NUMBERS = ("object", "string")
# Values of these types are handles that operations create. In a file they are forged.
RESOURCE = 20
VARIANT = 21
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

    @cached_property
    def callees(self) -> set[str]:
        """The names that its nodes call."""
        return {name for node in self.definition.node_def for name in called(node)}

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


def function_called(node: Message, library: Mapping[str, Function]) -> Function | None:
    """The function that a node calls and returns the outputs of."""
    return library.get(node.attr["f"].func.name) if node.op in CALLS else None


def called(node: Message) -> list[str]:
    """What a node may call: its operation, and the functions that its attributes name."""
    return [node.op, *(function.name for function in inside(node, "NameAttrList"))]


def node_name(reference: str) -> str:
    """The node that an input refers to."""
    return reference.removeprefix("^").partition(":")[0]


def data_inputs(node: Message) -> list[str]:
    """The names of the nodes whose values a node consumes."""
    return [node_name(reference) for reference in node.input if not reference.startswith("^")]


def reached(starts: Iterable[str], following: Mapping[str, Iterable[str]]) -> list[str]:
    """The names that can be reached from ``starts``, themselves included."""
    found: dict[str, None] = {}
    waiting = list(starts)
    while waiting:
        name = waiting.pop()
        if name in following and name not in found:
            found[name] = None
            waiting.extend(following[name])
    return list(found)


class Place(NamedTuple):
    """A value in a graph: a reference to it in a function, or in the graph itself."""

    reference: str
    function: str | None = None


def producers(nodes: Mapping[str, Message], library: Mapping[str, Function]) -> Producer[Place]:
    """What computes a value of a graph, also inside the functions that it calls."""

    def find(place: Place) -> tuple[str, Sequence[Place]] | None:
        for _ in range(MAX_CALLS):
            reference, name = place
            inside = nodes if name is None else library[name].nodes
            node = inside.get(node_name(reference))
            if node is None:
                return None
            function = function_called(node, library)
            if function is None:
                inputs = [entry for entry in node.input if not entry.startswith("^")]
                return node.op, [Place(entry, name) for entry in inputs]
            returned = function.returned(output_index(reference))
            place = Place(returned, function.definition.signature.name)
        return None

    return find


def named_place(place: Place) -> str | None:
    """The name of a value of the graph itself as ``--output`` takes it; inside functions none."""
    name, _, index = place.reference.partition(":")
    return name if place.function is None and index in ("", "0") else None


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


def refuse_operations(graph: Message, also: Collection[str] = ()) -> None:
    """Check that a graph and its functions only compute, apart from the operations in ``also``.

    Raises ``UnsafeModelError``.
    """
    library = functions(graph)
    _refuse_growth(graph, library)
    if any(tensor.dtype in (RESOURCE, VARIANT) for tensor in inside(graph, "TensorProto")):
        raise UnsafeModelError("the graph has a reference to memory instead of numbers")
    refused = set()
    for node in inside(graph, "NodeDef"):
        op, *names = called(node)
        missing = [name for name in names if name not in library]
        if missing:
            raise UnsafeModelError(f"the graph calls {missing[0]!r}, which it does not contain")
        if op not in ALLOWED and op not in also and op not in library:
            refused.add(op)
    if refused:
        raise UnsafeModelError(
            f"the graph has operations that may do more than compute: {listed(sorted(refused))}"
        )


def _refuse_growth(graph: Message, library: Mapping[str, Function]) -> None:
    # Runtimes follow a function that calls itself until the stack overflows and the process
    # crashes.
    def measure(name: str, sizes: Mapping[str, int]) -> int:
        return _size(library[name].definition.node_def, sizes)

    sizes = refuse_growth({name: library[name].callees for name in library}, measure)
    refuse_size(_size(graph.node, sizes), len(graph.node))


def _size(nodes: Iterable[Message], sizes: Mapping[str, int]) -> int:
    """The number of nodes, with those of the functions that they call."""
    return sum(1 + sum(sizes.get(name, 0) for name in called(node)) for node in nodes)
