"""Random operations in TensorFlow graphs, on the way to the outputs: taken out or refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from math import prod

from pictell.inspection.allowed_ops import RANDOM
from pictell.inspection.noise import (
    Analysis,
    Noise,
    Number,
    refuse_random,
    unknown_number,
    unpack_number,
)
from pictell.inspection.protobuf import Message, inside, new
from pictell.inspection.tensorflow_graph import (
    CALLS,
    Place,
    by_name,
    called,
    functions,
    node_name,
    output_index,
    producers,
)

# Operations outside ``RANDOM`` whose results are random too.
RANDOM_OPS = frozenset(RANDOM.split()) | {
    "FractionalAvgPool",
    "FractionalMaxPool",
    "RngReadAndSkip",
    "RngSkip",
    "SampleDistortedBoundingBox",
    "SampleDistortedBoundingBoxV2",
    "StatelessSampleDistortedBoundingBox",
}
# It fills what lies outside the picture with random numbers, unless its attribute says zeros.
GLIMPSE = "ExtractGlimpse"
# A part of the name of each of these.
WORDS = (b"Random", b"Truncated", b"Multinomial", b"Fractional", b"Rng", b"Distorted", b"Glimpse")
UNIFORM = Noise(0.5, (0.0, 1.0))
NORMAL = Noise(0.0)
DISTRIBUTIONS = {
    "RandomUniform": UNIFORM,
    "StatelessRandomUniform": UNIFORM,
    "StatelessRandomUniformV2": UNIFORM,
    "RandomStandardNormal": NORMAL,
    "StatelessRandomNormal": NORMAL,
    "StatelessRandomNormalV2": NORMAL,
    "TruncatedNormal": NORMAL,
    "StatelessTruncatedNormal": NORMAL,
    "StatelessTruncatedNormalV2": NORMAL,
}
# Calls that return the outputs of one of their functions.
BRANCHES = CALLS | {"Case", "If", "StatelessCase", "StatelessIf"}
# DataType of real numbers -> the layout of one in ``struct``, and the field for single numbers.
REAL = {1: ("f", "float_val"), 2: ("d", "double_val"), 14: ("H", "half_val"), 19: ("e", "half_val")}
WHOLE = {3: ("i", "int_val"), 9: ("q", "int64_val"), 10: ("?", "bool_val")}
BFLOAT16, FLOAT16 = 14, 19
# The outputs of a Switch: for false, and for true.
SWITCH, MERGE = "Switch", "Merge"


def may_be_random(content: bytes) -> bool:
    """Whether the name of a random operation may be in a file."""
    return any(word in content for word in WORDS)


def take_out(
    graph: Message, outputs: Sequence[str], input_name: str | None = None
) -> tuple[str, ...]:
    """Make the random operations of the training the identity; the names of their last nodes.

    ``graph`` is a ``GraphDef``, ``outputs`` refer to its tensors, ``input_name`` to the one that
    is given. What the outputs do not need is left. Raises ``InvalidModelError`` for other random
    operations that they need.
    """
    if not any(map(_is_random, inside(graph, "NodeDef"))):
        return ()
    found = _Graph(graph)
    places = found.needed(outputs, input_name)
    if not any(map(found.random_name, places)):
        return ()
    identities = found.analysis.identities(places)
    taken = [found.replace(place, same) for place, same in identities.items()]
    left = _Graph(graph)
    refuse_random(list(filter(None, map(left.random_name, left.needed(outputs, input_name)))))
    return tuple(dict.fromkeys(taken))


class _Graph:
    """The nodes of a graph and of its functions."""

    def __init__(self, graph: Message) -> None:
        self._nodes = by_name(graph.node)
        self._library = functions(graph)
        self._computes = producers(self._nodes, self._library)
        self.analysis = Analysis(self._producer, self._source)

    def node(self, place: Place) -> Message | None:
        """The node of a value; none for an argument of a function."""
        return self._inside(place.function).get(node_name(place.reference))

    def _producer(self, place: Place) -> tuple[str, list[Place]] | None:
        """As ``producers``, with a name of its own for casts to other than real numbers."""
        node = self.node(place)
        if node is not None and node.op == "Cast" and _attribute(node, "DstT").type not in REAL:
            return "count", [Place(one, place.function) for one in node.input[:1]]
        step = self._computes(place)
        return step and (step[0], list(step[1]))

    def _source(self, place: Place, trial: int) -> Number | Noise | None:
        """The numbers of constants, of placeholders for one, and of random operations."""
        node = self.node(place)
        if node is None:
            return None
        if node.op == "Const":
            number = _number(_attribute(node, "value").tensor)
            return None if number is None else Number(number)
        if node.op == "Placeholder" and not _attribute(node, "shape").shape.dim:
            return unknown_number(node.name, trial)
        if node.op in ("OnesLike", "ZerosLike"):
            return Number(float(node.op == "OnesLike"))
        return DISTRIBUTIONS.get(node.op)

    def needed(self, outputs: Iterable[str], input_name: str | None) -> list[Place]:
        """The values that the outputs need if the input is given, also inside functions."""
        found: dict[tuple[str, int, str | None], Place] = {}
        given = node_name(input_name or "")
        waiting = [Place(reference) for reference in outputs]
        while waiting:
            place = waiting.pop()
            reference, function = place
            key = (node_name(reference), output_index(reference), function)
            node = self.node(place)
            if node is None or key in found or (function is None and node.name == given):
                continue
            found[key] = place
            waiting.extend(Place(one, function) for one in self._live_inputs(node, function))
            waiting.extend(self._returned(node, place))
        return list(found.values())

    def random_name(self, place: Place) -> str | None:
        """'node (operation)' of a random operation."""
        node = self.node(place)
        if node is None or not _is_random(node):
            return None
        return f"{node.name} ({node.op})"

    def replace(self, place: Place, same: Place) -> str:
        """Make a node the identity of another value of the same graph; its name."""
        node = self.node(place)
        if node is None or place.function != same.function:
            return ""
        controls = [one for one in node.input if one.startswith("^")]
        node.op = "Identity"
        node.input[:] = [same.reference, *controls]
        for key in set(node.attr) - {"T", "_output_shapes"}:
            del node.attr[key]
        if place.function is not None:
            _rename_output(self._library[place.function].definition, node.name)
        return str(node.name)

    def _inside(self, function: str | None) -> Mapping[str, Message]:
        return self._nodes if function is None else self._library[function].nodes

    def _live_inputs(self, node: Message, function: str | None) -> Iterator[str]:
        """The inputs of a node without those of branches that never run."""
        for reference in node.input:
            is_dead = function is None and node.op == MERGE and self._is_dead(reference)
            if not reference.startswith("^") and not is_dead:
                yield reference

    def _returned(self, node: Message, place: Place) -> Iterator[Place]:
        """What the functions that a node calls return for one of its outputs."""
        names = [name for name in called(node) if name in self._library]
        if node.op in ("If", "StatelessIf"):
            names = self._branch(node, place.function, names)
        for name in names:
            function = self._library[name]
            if node.op in BRANCHES or node.op == name:
                yield Place(function.returned(output_index(place.reference)), name)
            else:
                yield from (Place(one, name) for one in function.definition.ret.values())

    def _branch(self, node: Message, function: str | None, names: list[str]) -> list[str]:
        """The branch that an If with a known condition takes, or both."""
        condition = self.analysis.number(Place(node.input[0], function))
        if condition is None:
            return names
        taken = "then_branch" if condition else "else_branch"
        return [name for name in names if name == _attribute(node, taken).func.name]

    @cached_property
    def _dead(self) -> set[tuple[str, int | None]]:
        """Nodes that never run, without an index, and outputs of Switches that never come."""
        consumers: dict[str, list[tuple[Message, str]]] = {}
        alive = dict[str, int]()
        for node in self._nodes.values():
            for reference in set(node.input):
                consumers.setdefault(node_name(reference), []).append((node, reference))
            # A Merge runs if one of its inputs comes, another node if all do.
            values = {one for one in node.input if not one.startswith("^")}
            alive[node.name] = len(values) if node.op == MERGE else 1
        waiting = list(self._never_switched())
        dead = set[tuple[str, int | None]]()
        while waiting:
            found = waiting.pop()
            name = found[0]
            if found in dead:
                continue
            dead.add(found)
            for node, reference in consumers.get(name, ()):
                ways = {(name, None), (name, output_index(reference))}
                # Of an output that never comes of a node that never runs, once.
                if found in ways and len(ways & dead) == 1:
                    alive[node.name] -= node.op != MERGE or not reference.startswith("^")
                    if alive[node.name] == 0:
                        waiting.append((node.name, None))
        return dead

    def _never_switched(self) -> Iterator[tuple[str, int | None]]:
        for node in self._nodes.values():
            if node.op == SWITCH and len(node.input) > 1:
                condition = self.analysis.number(Place(node.input[1]))
                if condition is not None:
                    yield node.name, 0 if condition else 1

    def _is_dead(self, reference: str) -> bool:
        name = node_name(reference)
        return not self._dead.isdisjoint({(name, None), (name, output_index(reference))})


def _is_random(node: Message) -> bool:
    if node.op == GLIMPSE:
        return bool(_attribute(node, "noise").s != b"zero")
    return node.op in RANDOM_OPS


def _attribute(node: Message, key: str) -> Message:
    """An attribute of a node, empty if it is missing. ``node.attr[key]`` would add it."""
    return node.attr[key] if key in node.attr else new("tensorflow", "AttrValue")


def _number(tensor: Message) -> float | None:
    """The number of a tensor of one number."""
    if prod(dim.size for dim in tensor.tensor_shape.dim) != 1:
        return None
    kinds = REAL | WHOLE
    if tensor.dtype not in kinds:
        return None
    layout, field = kinds[tensor.dtype]
    content = tensor.tensor_content
    if not content:
        values = getattr(tensor, field)
        if not values:
            return 0.0
        if field != "half_val":
            return float(values[0])
        content = (values[0] & 0xFFFF).to_bytes(2, "little")
    return unpack_number(content, layout, is_bfloat16=tensor.dtype == BFLOAT16)


def _rename_output(function: Message, name: str) -> None:
    """References to the output of a node that is an Identity now."""
    for node in function.node_def:
        for place, reference in enumerate(node.input):
            node.input[place] = _identity_output(reference, name)
    for key, reference in list(function.ret.items()):
        function.ret[key] = _identity_output(reference, name)


def _identity_output(reference: str, name: str) -> str:
    is_value = reference.startswith(f"{name}:")
    return f"{name}:output:0" if is_value else reference
