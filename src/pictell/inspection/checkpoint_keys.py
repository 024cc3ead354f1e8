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
    CALLS,
    bodies,
    by_name,
    data_inputs,
    functions,
    node_name,
    output_index,
)

ASSIGNMENTS = frozenset({"Assign", "AssignVariableOp"})
# Between RestoreV2 and the assignment there is at most one Identity.
MAX_STEPS = 10
# The end of a key, after the path, and the escapes for dots and slashes in names
# (tensorflow/python/trackable/trackable_utils.py).
VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
ESCAPE = re.compile(r"\.[.S]")
UNESCAPED = {"..": ".", ".S": "/"}


def checkpoint_keys(meta_graph: Message) -> dict[str, str]:
    """Names of the variables of a ``MetaGraphDef`` -> their keys in the checkpoint."""
    graph = meta_graph.graph_def
    keys = dict(_assigned(by_name(graph.node)))
    library = functions(graph)
    for node in graph.node:
        function = library.get(node.attr["f"].func.name) if node.op in CALLS else None
        if function is not None:
            arguments = [argument.name for argument in function.definition.signature.input_arg]
            given = dict(zip(arguments, data_inputs(node), strict=False))
            for argument, key in _assigned(function.nodes):
                if argument in given:
                    keys[given[argument]] = key
    return keys | _bound(meta_graph)


def _bound(meta_graph: Message) -> dict[str, str]:
    """The same from the model's objects: the last inputs of a function are its bound variables."""
    objects = meta_graph.object_graph_def
    keys = _object_keys(meta_graph)
    found: dict[str, str] = {}
    for node in meta_graph.graph_def.node:
        name = node.attr["f"].func.name if node.op in CALLS else ""
        if name in objects.concrete_functions:
            bound = list(objects.concrete_functions[name].bound_inputs)
            inputs = data_inputs(node)
            given = zip(inputs[len(inputs) - len(bound) :], bound, strict=False)
            found.update((variable, keys[number]) for variable, number in given if number in keys)
    return found


def _object_keys(meta_graph: Message) -> dict[int, str]:
    """Indices of the objects that are variables -> their keys."""
    objects = meta_graph.object_graph_def.nodes
    children = [{child.local_name: child.node_id for child in node.children} for node in objects]
    found = {}
    for key in _all_keys(meta_graph.graph_def):
        number = _follow(children, key.removesuffix(VALUE)) if key.endswith(VALUE) else None
        if number is not None:
            found[number] = key
    return found


def _follow(children: Sequence[Mapping[str, int]], path: str) -> int | None:
    """The index of the object at the end of a path from the first object, or ``None``."""
    number = 0
    for name in path.split("/"):
        plain = ESCAPE.sub(lambda match: UNESCAPED[match[0]], name)
        if not 0 <= number < len(children) or plain not in children[number]:
            return None
        number = children[number][plain]
    return number


def _all_keys(graph: Message) -> Iterator[str]:
    for body in bodies(graph):
        nodes = by_name(body)
        for node in nodes.values():
            inputs = data_inputs(node)
            if node.op == "RestoreV2" and len(inputs) == 3:
                yield from (key.decode(errors="replace") for key in _texts(nodes.get(inputs[1])))


def _assigned(nodes: Mapping[str, Message]) -> Iterator[tuple[str, str]]:
    """The nodes that get a value from the checkpoint, with the keys of the values."""
    for node in nodes.values():
        inputs = data_inputs(node)
        if node.op in ASSIGNMENTS and len(inputs) == 2:
            key = _restored_key(nodes, node.input[1])
            if key is not None:
                yield inputs[0], key


def _restored_key(nodes: Mapping[str, Message], reference: str) -> str | None:
    """The key of a value that comes whole, not as a slice, and directly from RestoreV2."""
    for _ in range(MAX_STEPS):
        node = nodes.get(node_name(reference))
        if node is None:
            return None
        if node.op == "RestoreV2":
            return _key(nodes, node, output_index(reference))
        if node.op != "Identity" or not node.input:
            return None
        reference = node.input[0]
    return None


def _key(nodes: Mapping[str, Message], restore: Message, index: int) -> str | None:
    inputs = data_inputs(restore)
    if len(inputs) != 3:
        return None
    keys, slices = (_texts(nodes.get(name)) for name in inputs[1:])
    if index >= len(keys) or (index < len(slices) and slices[index]):
        return None
    return keys[index].decode(errors="replace")


def _texts(node: Message | None) -> list[bytes]:
    return [] if node is None else list(node.attr["value"].tensor.string_val)
