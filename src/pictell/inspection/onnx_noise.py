"""Random operations in ONNX graphs, on the way to the outputs: taken out or refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from math import prod
from typing import NamedTuple

from pictell.inspection.noise import Analysis, Noise, Number, refuse_random, unpack_number
from pictell.inspection.onnx_classifiers import makers_of
from pictell.inspection.protobuf import Message

RANDOM_OPS = frozenset(
    """
    Bernoulli Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike
    """.split()
)
DROPOUT = "Dropout"
# A part of the name of each of these.
WORDS = (b"Random", b"Bernoulli", b"Multinomial", DROPOUT.encode())
STANDARD = ("", "ai.onnx")
# Below this version Dropout trains unless its attribute ``is_test`` is set, from the next one on
# if its third input is true; between them it is the identity (onnx/docs/Changelog.md).
IS_TEST_UNTIL, TRAINS_FROM = 7, 12
# TensorProto.DataType of real numbers -> the layout of one in ``struct``, and where single numbers
# are.
REAL = {
    1: ("f", "float_data"),
    10: ("e", "int32_data"),
    11: ("d", "double_data"),
    16: ("H", "int32_data"),
}
WHOLE = {6: ("i", "int32_data"), 7: ("q", "int64_data"), 9: ("?", "int32_data")}
BFLOAT16 = 16
HALVES = (10, BFLOAT16)


class Value(NamedTuple):
    """A value by its name in a graph or function."""

    scope: _Scope
    name: str


class _Scope:
    """The values that a graph or a function makes, and those of the graph around it."""

    def __init__(self, body: Message, initializers: Iterable[Message], parent: _Scope | None):
        self.parent = parent
        self.outputs = [getattr(one, "name", one) for one in body.output]
        self.makers = makers_of(body)
        self.constants = {tensor.name: tensor for tensor in initializers}
        self._inside = {
            node.output[0]: _graphs(node, self)
            for node in body.node
            if node.attribute and node.output
        }

    def find(self, name: str) -> Value:
        """The value of that name, here or in the graphs around."""
        scope: _Scope | None = self
        while scope is not None:
            if name in scope.makers or name in scope.constants:
                return Value(scope, name)
            scope = scope.parent
        return Value(self, name)

    def graphs(self, node: Message) -> Mapping[str, _Scope]:
        """The graphs in a node's attributes, by the names of these."""
        return self._inside.get(node.output[0], {})


def may_be_random(content: bytes) -> bool:
    """Whether the name of a random operation may be in a file."""
    return any(word in content for word in WORDS)


def take_out(model: Message, outputs: Sequence[str]) -> tuple[str, ...]:
    """Make the random operations of the training the identity; the names of their last nodes.

    What the outputs do not need is left. Raises ``InvalidModelError`` for other random operations
    that they need.
    """
    found = _Model(model)
    values = found.needed(outputs)
    used = set(values)
    taken = [name for value in values if (name := found.end_training(value, used))]
    if any(map(found.random_name, values)):
        identities = found.analysis.identities(values)
        taken += [found.replace(value, same) for value, same in identities.items()]
    left = _Model(model)
    refuse_random(list(filter(None, map(left.random_name, left.needed(outputs)))))
    return tuple(dict.fromkeys(taken))


class _Model:
    """The values of a model's graph, of the graphs inside it, and of its functions."""

    def __init__(self, model: Message) -> None:
        self._main = _Scope(model.graph, model.graph.initializer, None)
        self._functions: dict[tuple[str, str], list[_Scope]] = {}
        for one in model.functions:
            self._functions.setdefault((one.domain, one.name), []).append(_Scope(one, (), None))
        versions = [one.version for one in model.opset_import if one.domain in STANDARD]
        self._version = max(versions, default=1)
        self.analysis = Analysis(self._producer, self._source)

    def needed(self, outputs: Iterable[str]) -> list[Value]:
        """The values that operations make and the outputs need."""
        found: dict[Value, None] = {}
        waiting = [self._main.find(name) for name in outputs]
        while waiting:
            value = waiting.pop()
            scope, name = value
            node = scope.makers.get(name)
            if node is None or value in found:
                continue
            found[value] = None
            waiting.extend(scope.find(one) for one in node.input if one)
            waiting.extend(self._inner(scope, node))
        return list(found)

    def random_name(self, value: Value) -> str | None:
        """'node (operation)' of a random operation."""
        node = value.scope.makers[value.name]
        is_random = node.domain in STANDARD and not self._called(node)
        if is_random and (node.op_type in RANDOM_OPS or self._trains(value)):
            return f"{node.name or value.name} ({node.op_type})"
        return None

    def end_training(self, value: Value, needed: Set[Value]) -> str | None:
        """Make a Dropout of the training one of the inference; its name."""
        node = value.scope.makers[value.name]
        # The mask of a dropout is used for something else.
        uses_mask = any(Value(value.scope, name) in needed for name in node.output[1:])
        if not self._trains(value) or uses_mask:
            return None
        del node.input[1:]
        if self._version < IS_TEST_UNTIL:
            _make_identity(node, node.input[0])
        return str(node.name or value.name)

    def replace(self, value: Value, same: Value) -> str:
        """Make a node the identity of another value that it sees; its name."""
        node = value.scope.makers[value.name]
        if value.scope.find(same.name) == same:
            _make_identity(node, same.name)
        return str(node.name or value.name)

    def _called(self, node: Message) -> list[_Scope]:
        return self._functions.get((node.domain, node.op_type), [])

    def _inner(self, scope: _Scope, node: Message) -> Iterator[Value]:
        """The outputs of the graphs and functions that a node runs."""
        graphs = scope.graphs(node)
        if node.op_type == "If" and node.domain in STANDARD and node.input:
            condition = self.analysis.number(scope.find(node.input[0]))
            if condition is not None:
                branch = "then_branch" if condition else "else_branch"
                graphs = {key: one for key, one in graphs.items() if key == branch}
        for one in [*graphs.values(), *self._called(node)]:
            yield from map(one.find, one.outputs)

    def _trains(self, value: Value) -> bool:
        node = value.scope.makers[value.name]
        if node.op_type != DROPOUT or node.domain not in STANDARD or self._called(node):
            return False
        if self._version < IS_TEST_UNTIL:
            return not any(one.name == "is_test" and one.i for one in node.attribute)
        if self._version < TRAINS_FROM or len(node.input) < 3 or not node.input[2]:
            return False
        return self.analysis.number(value.scope.find(node.input[2])) != 0

    def _producer(self, value: Value) -> tuple[str, list[Value]] | None:
        node = value.scope.makers.get(value.name)
        if node is None or node.domain not in STANDARD or self._called(node):
            return None
        op = node.op_type
        if op == "Cast" and _attribute(node, "to", "i", 0) not in REAL:
            op = "count"
        return op, [value.scope.find(name) for name in node.input]

    def _source(self, value: Value, _trial: int) -> Number | Noise | None:
        """The numbers of constants and of random operations."""
        scope, name = value
        node = scope.makers.get(name)
        if node is None:
            tensor = scope.constants.get(name)
            number = None if tensor is None else _number(tensor)
            return None if number is None else Number(number)
        return None if node.domain not in STANDARD else _made_from_nothing(node)


def _graphs(node: Message, scope: _Scope) -> dict[str, _Scope]:
    return {
        one.name: _Scope(one.g, one.g.initializer, scope)
        for one in node.attribute
        if one.HasField("g")
    }


def _make_identity(node: Message, name: str) -> None:
    node.op_type, node.domain = "Identity", ""
    node.input[:] = [name]
    del node.output[1:]
    del node.attribute[:]


def _made_from_nothing(node: Message) -> Number | Noise | None:
    """What an operation gives whose inputs have only a shape for it."""
    match node.op_type:
        case "Constant":
            return _constant(node)
        case "ConstantOfShape":
            tensors = [one.t for one in node.attribute if one.name == "value"]
            number = _number(tensors[0]) if tensors else 0.0
            return None if number is None else Number(number)
        case "RandomUniform" | "RandomUniformLike":
            low, high = _attribute(node, "low", "f", 0.0), _attribute(node, "high", "f", 1.0)
            if low is not None and high is not None:
                return Noise((low + high) / 2, (low, high))
        case "RandomNormal" | "RandomNormalLike":
            mean = _attribute(node, "mean", "f", 0.0)
            return None if mean is None else Noise(mean)
    return None


def _constant(node: Message) -> Number | None:
    for one in node.attribute:
        if one.ref_attr_name:
            return None
        if one.name == "value":
            number = _number(one.t)
            return None if number is None else Number(number)
        if one.name == "value_float":
            return Number(one.f)
        if one.name == "value_int":
            return Number(float(one.i))
    return None


def _attribute(node: Message, name: str, field: str, default: float) -> float | None:
    """A number among a node's attributes, ``None`` if it is an argument of the function."""
    for one in node.attribute:
        if one.name == name:
            return None if one.ref_attr_name else float(getattr(one, field))
    return default


def _number(tensor: Message) -> float | None:
    """The number of a tensor of one number in the file itself."""
    kinds = REAL | WHOLE
    if prod(tensor.dims) != 1 or tensor.data_type not in kinds or tensor.external_data:
        return None
    layout, field = kinds[tensor.data_type]
    content, values = tensor.raw_data, getattr(tensor, field)
    if not content:
        if len(values) != 1:
            return None
        if tensor.data_type not in HALVES:
            return float(values[0])
        content = (values[0] & 0xFFFF).to_bytes(2, "little")
    return unpack_number(content, layout, is_bfloat16=tensor.data_type == BFLOAT16)
