"""The graph of an ONNX model by the names of its tensors: what computes and what needs a tensor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pictell.inspection.activation import MAX_STEPS
from pictell.inspection.protobuf import Message, inside


class Graph:
    """A ``GraphProto`` by names.

    ``inputs`` are those that are not stored, ``constants`` the tensors that no input changes,
    ``infos`` what the graph states of a tensor's type, ``producers`` the nodes by their outputs.
    """

    def __init__(self, graph: Message) -> None:
        dense = [tensor.name for tensor in graph.initializer]
        stored = {*dense, *(tensor.values.name for tensor in graph.sparse_initializer)}
        self.inputs = [value.name for value in graph.input if value.name not in stored]
        self.outputs = [value.name for value in graph.output]
        self.infos = {v.name: v for v in (*graph.value_info, *graph.input, *graph.output)}
        self.producers = {name: node for node in graph.node for name in node.output if name}
        self.constants = stored
        for node in graph.node:
            if _read_by(node) <= self.constants:
                self.constants.update(node.output)

    def variables(self, node: Message) -> list[str]:
        """The inputs of a node that are not constant."""
        return [name for name in node.input if name and name not in self.constants]

    def path_back(self, name: str) -> Iterator[Message]:
        """The nodes behind a tensor, from the last one, along their first inputs that vary."""
        for _ in range(MAX_STEPS):
            if name not in self.producers:
                return
            node = self.producers[name]
            yield node
            name = next(iter(self.variables(node)), "")

    def needed_for(self, name: str) -> set[str]:
        """All tensors that ``name`` is computed from, and itself."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            name = waiting.pop()
            if name in found:
                continue
            found.add(name)
            if name in self.producers:
                waiting.extend(_read_by(self.producers[name]))
        return found


def rename(graph: Message, names: Mapping[str, str]) -> None:
    """Rename tensors, and nodes of the same names, at any depth. Keys are the old names."""
    if not names:
        return
    for node in inside(graph, "NodeProto"):
        if node.name in names:
            node.name = names[node.name]
        node.output[:] = [names.get(name, name) for name in node.output]
    rename_inputs(graph, names)
    for kind in ("TensorProto", "ValueInfoProto"):
        for item in inside(graph, kind):
            if item.name in names:
                item.name = names[item.name]


def rename_inputs(graph: Message, names: Mapping[str, str]) -> None:
    """Let the nodes read other tensors. Keys are what they read now."""
    for node in inside(graph, "NodeProto"):
        node.input[:] = [names.get(name, name) for name in node.input]


def all_names(graph: Message) -> set[str]:
    """The names of tensors and nodes, at any depth."""
    found = {name for node in inside(graph, "NodeProto") for name in (*_read_by(node), node.name)}
    found.update(name for node in inside(graph, "NodeProto") for name in node.output)
    for kind in ("TensorProto", "ValueInfoProto"):
        found.update(item.name for item in inside(graph, kind))
    return found - {""}


def _read_by(node: Message) -> set[str]:
    """The tensors that a node reads, with those that its subgraphs take from outside."""
    names = set(node.input)
    for inner in inside(node, "NodeProto"):
        names.update(inner.input)
    for inner in inside(node, "GraphProto"):
        names.update(value.name for value in inner.output)
    return names - {""}
