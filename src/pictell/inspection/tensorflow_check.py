"""Checks that a TensorFlow graph only computes.

TensorFlow has operations that read and write files, open connections and call Python: a graph is a
program (tensorflow/SECURITY.md). So every operation of a graph, used or not, must be on a list.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from graphlib import CycleError, TopologicalSorter

from pictell.errors import InvalidModelError, UnsafeModelError
from pictell.inspection.allowed_ops import ALLOWED, VARIABLES
from pictell.inspection.protobuf import Message
from pictell.inspection.selection import listed
from pictell.inspection.tensorflow_graph import Function, bodies, called, functions, values

# Values of these DataTypes are handles that operations create. In a file they are forged.
RESOURCE = 20
VARIANT = 21


def refuse_unfrozen(graph: Message) -> None:
    """Raise ``InvalidModelError`` if the graph has variables."""
    variables = {node.op for nodes in bodies(graph) for node in nodes} & VARIABLES
    if variables:
        raise InvalidModelError(
            f"the graph has variables without values ({listed(sorted(variables))}): "
            "freeze it first, or give the SavedModel's folder"
        )


def refuse_operations(graph: Message, also: Collection[str] = ()) -> None:
    """Raise ``UnsafeModelError`` for operations that are neither allowed nor in ``also``."""
    library = functions(graph)
    _refuse_recursion(library)
    for function in library.values():
        if any(map(_is_forged, values(function.definition.attr.values()))):
            raise UnsafeModelError("a function has a reference to memory instead of numbers")
    refused = set()
    for nodes in bodies(graph):
        for node in nodes:
            if node.op not in ALLOWED and node.op not in also and node.op not in library:
                refused.add(node.op)
            missing = [name for name in called(node) if name not in library]
            if missing:
                raise UnsafeModelError(f"the graph calls {missing[0]!r}, which it does not contain")
            if any(map(_is_forged, values(node.attr.values()))):
                raise UnsafeModelError(
                    f"{node.name!r} has a reference to memory instead of numbers"
                )
    if refused:
        raise UnsafeModelError(
            f"the graph has operations that may do more than compute: {listed(sorted(refused))}"
        )


def _is_forged(value: Message) -> bool:
    tensors = (*([value.tensor] if value.HasField("tensor") else []), *value.list.tensor)
    return any(tensor.dtype in (RESOURCE, VARIANT) for tensor in tensors)


def _refuse_recursion(library: Mapping[str, Function]) -> None:
    # Engines follow such a call until the stack overflows and the process crashes.
    calls = {
        name: {callee for node in function.nodes.values() for callee in (node.op, *called(node))}
        for name, function in library.items()
    }
    try:
        TopologicalSorter(calls).prepare()
    except CycleError as error:
        raise UnsafeModelError(f"the function {error.args[1][0]!r} calls itself") from error
