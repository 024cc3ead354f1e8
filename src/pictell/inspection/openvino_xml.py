"""The graph in the ``.xml`` of an OpenVINO model, read without building a tree of elements."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, TypeAlias
from xml.parsers import expat

from pictell.errors import InvalidModelError

# The id of a layer and of its port.
Value: TypeAlias = tuple[str, str]
LAYER = ["net", "layers", "layer"]
# Far more than the largest published classifiers have.
MAX_ELEMENTS, MAX_DEPTH = 5_000_000, 200
ID = re.compile(r"0|[1-9][0-9]{0,17}")


class Port(NamedTuple):
    """An output of a layer: its names, its type, its sizes as text."""

    names: tuple[str, ...]
    precision: str
    sizes: list[str]


@dataclass(slots=True)
class Layer:
    """An operation of the main graph. ``inputs`` are the ids of its ports, in order.

    ``ops_inside`` are the operations in it, its own included: a loop has a graph of its own.
    """

    name: str
    op: str
    data: dict[str, str] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    outputs: dict[str, Port] = field(default_factory=dict)
    ops_inside: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Graph:
    """The layers of the main graph by id, and what is in all graphs.

    ``edges`` lead from an input to the value that it takes. ``ops`` are the operations, inner ones
    too, with their opsets. ``values`` are where the constants start and end in the ``.bin``.
    """

    layers: dict[str, Layer] = field(default_factory=dict)
    edges: dict[Value, Value] = field(default_factory=dict)
    ops: list[tuple[str, str]] = field(default_factory=list)
    values: list[tuple[int, int]] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)

    def inputs(self, key: str) -> list[Value]:
        """The values that a layer takes, in order."""
        wanted = ((key, port) for port in self.layers[key].inputs)
        return [self.edges[one] for one in wanted if one in self.edges]

    def port(self, value: Value) -> Port | None:
        """The output of a layer that has a value."""
        layer = self.layers.get(value[0])
        return layer.outputs.get(value[1]) if layer else None


def read_root(head: bytes) -> tuple[str, Mapping[str, str]] | None:
    """The first element in the first bytes of a document, and its attributes; ``None`` without one.

    Raises ``InvalidModelError`` for a document type of OpenVINO's element.
    """
    found: list[tuple[str, Mapping[str, str]]] = []

    def start(tag: str, values: dict[str, str]) -> None:
        found.append((tag, values))
        raise _FoundError

    def refuse(name: str, *_: object) -> None:
        if name == LAYER[0]:
            _refuse_doctype()
        raise _FoundError

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.StartDoctypeDeclHandler = start, refuse
    with suppress(expat.ExpatError, ValueError, _FoundError):
        parser.Parse(head, False)
    return found[0] if found else None


# The checks before a model runs all need its graph, and a large one takes long.
@lru_cache(maxsize=1)
def read_graph(content: bytes) -> Graph:
    """The graph in a ``.xml``, not to be changed. Raises ``InvalidModelError``.

    Also for a document type, which can define entities that grow without end, and name other files.
    """
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = reader.start
    parser.CharacterDataHandler = reader.text
    parser.EndElementHandler = reader.end
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise InvalidModelError(f"the model is damaged or cut short: {reason}") from error
    return reader.graph


def _refuse_doctype(*_: object) -> None:
    raise InvalidModelError("the model has a document type, which no program writes: remove it")


def _number(text: str) -> str:
    """An id as OpenVINO writes it. Others are refused: OpenVINO takes 1 and 01 for one id."""
    if not ID.fullmatch(text):
        raise InvalidModelError(f"the model is damaged: {text!r:.50} is no id")
    return text


class _FoundError(Exception):
    """Ends the reading of a document at its first element."""


class _Reader:
    def __init__(self) -> None:
        self.graph = Graph()
        self._path: list[str] = []
        self._elements = 0
        self._layer = Layer("", "")
        self._port: Port | None = None

    def start(self, tag: str, values: dict[str, str]) -> None:
        self._path.append(tag)
        self._elements += 1
        if self._elements > MAX_ELEMENTS or len(self._path) > MAX_DEPTH:
            raise InvalidModelError("the model has too many elements, or they are nested too deep")
        if tag == "layer":
            self._start_layer(values)
        elif tag == "data" and "offset" in values:
            start = int(values["offset"])
            self.graph.values.append((start, start + int(values.get("size", "-1"))))
        if self._path[:3] == LAYER:
            self._in_layer(tag, values)
        elif self._path == ["net", "edges", "edge"]:
            source, place = (
                (_number(values.get(f"{side}-layer", "")), _number(values.get(f"{side}-port", "")))
                for side in ("from", "to")
            )
            if place in self.graph.edges:
                raise InvalidModelError("the model is damaged: two edges lead to one input")
            self.graph.edges[place] = source
        elif self._path[:2] == ["net", "rt_info"] and "value" in values:
            names = [*self._path[2:-1], values.get("name", tag)]
            self.graph.metadata[".".join(names)] = values["value"]

    def text(self, text: str) -> None:
        if self._port is not None and self._path[-1] == "dim" and text.strip():
            self._port.sizes.append(text.strip())

    def end(self, tag: str) -> None:
        self._path.pop()
        if tag == "port":
            self._port = None

    def _start_layer(self, values: dict[str, str]) -> None:
        op = values.get("type", "")
        self.graph.ops.append((op, values.get("version", "")))
        if self._path == LAYER:
            self._layer = Layer(values.get("name", ""), op)
            key = _number(values.get("id", ""))
            if key in self.graph.layers:
                raise InvalidModelError(f"the model is damaged: two layers have the id {key}")
            self.graph.layers[key] = self._layer
        self._layer.ops_inside.add(op)

    def _in_layer(self, tag: str, values: dict[str, str]) -> None:
        inside = self._path[3:]
        if inside == ["data"]:
            self._layer.data = values
        elif inside == ["input", "port"]:
            self._layer.inputs.append(_number(values.get("id", "")))
        elif inside == ["output", "port"]:
            names = tuple(filter(None, values.get("names", "").split(",")))
            self._port = Port(names, values.get("precision", ""), [])
            self._layer.outputs[_number(values.get("id", ""))] = self._port
