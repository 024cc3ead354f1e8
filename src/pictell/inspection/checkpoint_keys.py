"""The keys under which a SavedModel's checkpoint stores the values of its variables.

pictell reads them from the operations that restore the model, and runs none of these: RestoreV2
reads a list of keys, and each of its outputs is assigned to a variable. Since TensorFlow 2 a key
is the path to the variable through the model's objects, which also list the variables of each
function.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from pictell.inspection.protobuf import Message
from pictell.inspection.tensorflow_graph import (
    by_name,
    data_inputs,
    function_called,
    functions,
    node_name,
    output_index,
)

ASSIGNMENTS = frozenset({"Assign", "AssignVariableOp"})
# The end of a key, after the path, and the escapes for dots and slashes in names
# (tensorflow/python/trackable/trackable_utils.py).
VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
ESCAPE = re.compile(r"\.[.S]")
UNESCAPED = {"..": ".", ".S": "/"}


def checkpoint_keys(meta_graph: Message) -> dict[str, str]:
    """Names of the variables of a ``MetaGraphDef`` -> their keys in the checkpoint."""
    graph, bound = meta_graph.graph_def, meta_graph.object_graph_def.concrete_functions
    library, object_keys = functions(graph), _object_keys(meta_graph)
    assigned = {name: dict(_assigned(function.nodes)) for name, function in library.items()}
    keys = dict(_assigned(by_name(graph.node)))
    for node in graph.node:
        function = function_called(node, library)
        if function is None:
            continue
        inputs, signature = data_inputs(node), function.definition.signature
        found = assigned[signature.name]
        for argument, variable in zip(signature.input_arg, inputs, strict=False):
            if argument.name in found:
                keys[variable] = found[argument.name]
        if signature.name in bound:
            # The last inputs of a function are its bound variables.
            indices = bound[signature.name].bound_inputs
            for variable, index in zip(inputs[-len(indices) :], indices, strict=False):
                if index in object_keys:
                    keys[variable] = object_keys[index]
    return keys


def _object_keys(meta_graph: Message) -> dict[int, str]:
    """Indices of the objects that are variables -> their keys."""
    objects = meta_graph.object_graph_def.nodes
    children = [{child.local_name: child.node_id for child in node.children} for node in objects]
    found = {}
    for key in _all_keys(meta_graph.graph_def):
        index = _follow(children, key.removesuffix(VALUE)) if key.endswith(VALUE) else None
        if index is not None:
            found[index] = key
    return found


def _follow(children: Sequence[Mapping[str, int]], path: str) -> int | None:
    """The index of the object at the end of a path from the first object, or ``None``."""
    index = 0
    for name in path.split("/"):
        plain = ESCAPE.sub(lambda match: UNESCAPED[match[0]], name)
        if not 0 <= index < len(children) or plain not in children[index]:
            return None
        index = children[index][plain]
    return index


def _all_keys(graph: Message) -> Iterator[str]:
    for nodes in (by_name(graph.node), *(f.nodes for f in functions(graph).values())):
        for name in {_keys_and_slices(node)[0] for node in nodes.values()}:
            yield from (key.decode(errors="replace") for key in _texts(nodes, name))


def _assigned(nodes: Mapping[str, Message]) -> Iterator[tuple[str, str]]:
    """The nodes that get a value from the checkpoint, with the keys of the values."""
    for node in nodes.values():
        inputs = data_inputs(node)
        if node.op in ASSIGNMENTS and len(inputs) == 2:
            key = _restored_key(nodes, node.input[1])
            if key is not None:
                yield inputs[0], key


def _restored_key(nodes: Mapping[str, Message], reference: str) -> str | None:
    """The key of a value that comes whole, not as a slice, from RestoreV2."""
    node = nodes.get(node_name(reference))
    # TensorFlow 2 writes an Identity between RestoreV2 and the assignment.
    if node is not None and node.op == "Identity" and node.input:
        reference = node.input[0]
        node = nodes.get(node_name(reference))
    if node is None:
        return None
    keys, slices = (_texts(nodes, name) for name in _keys_and_slices(node))
    index = output_index(reference)
    if index >= len(keys) or (index < len(slices) and slices[index]):
        return None
    return keys[index].decode(errors="replace")


def _keys_and_slices(node: Message) -> tuple[str, str]:
    """The constants with the keys that a RestoreV2 reads, and the slices ("" for the whole)."""
    inputs = data_inputs(node)
    return (inputs[1], inputs[2]) if node.op == "RestoreV2" and len(inputs) == 3 else ("", "")


def _texts(nodes: Mapping[str, Message], name: str) -> Sequence[bytes]:
    """The texts in a constant."""
    texts: Sequence[bytes] = nodes[name].attr["value"].tensor.string_val if name in nodes else ()
    return texts
