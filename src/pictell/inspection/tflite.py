"""Reads TFLite files (tensorflow/lite/schema/schema.fbs) without LiteRT."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pictell.errors import InvalidModelError
from pictell.inspection.activation import activation, walk_back
from pictell.inspection.flatbuffer import Buffer, Table, damaged
from pictell.inspection.selection import select
from pictell.inspection.tflite_ops import BUILTIN_OPERATORS, CUSTOM
from pictell.types import Inspection, TensorSpec, Weights

IDENTIFIER = b"TFL3"
# numpy's names of TensorType by number.
DTYPES = """
    float32 float16 int32 uint8 int64 object bool int16 complex64 int8 float64 complex128 uint64
    object object uint32 uint16 int4 bfloat16 int2 uint4 float8_e4m3fn float8_e5m2
""".split()


@dataclass(frozen=True, slots=True)
class Operator:
    """One operation of a graph, with the indices of its input (-1: none) and output tensors."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Subgraph:
    """A graph: its tensors, the indices of its inputs and outputs, and its operations in order."""

    tensors: tuple[TensorSpec, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: tuple[Operator, ...]


def check(weights: Weights) -> None:
    """Check that the model has only TFLite's own operations, all of which only compute.

    Raises ``InvalidModelError`` if it needs others, keeps weights in other files or is cut short.
    """
    model = _root(weights.graph)
    custom = sorted({name for builtin, name in _operator_codes(model) if builtin == CUSTOM})
    if custom:
        raise InvalidModelError(f"the model needs the custom operation {', '.join(custom)}")
    for buffer in model.tables(4):
        # In files above 2 GB the bytes are at an offset; 0 and 1 stand for no offset.
        offset, size = buffer.number(1, "Q"), buffer.number(2, "Q")
        if buffer.length(0) == 0 and offset > 1 and offset + size > len(weights.graph):
            raise damaged()
    # ExternalBufferGroup and ExternalBuffer.
    if model.tables(8) or model.tables(9):
        raise InvalidModelError("the model keeps weights in other files, which TFLite cannot read")


def inspect(weights: Weights, outputs: Sequence[str]) -> Inspection:
    """Inputs and outputs of the main graph. Raises ``InvalidModelError``."""
    subgraphs = read_subgraphs(weights.graph)
    main = subgraphs[0]
    found = {main.tensors[index].name: index for index in main.outputs}
    names = select(outputs, found)
    producers = {
        index: (operator.name, operator.inputs)
        for operator in main.operators
        for index in operator.outputs
    }
    return Inspection(
        format="tflite",
        inputs=tuple(main.tensors[index] for index in main.inputs),
        outputs=tuple(main.tensors[found[name]] for name in names),
        activations={name: activation(walk_back(found[name], producers)) for name in names},
        ops=Counter(operator.name for graph in subgraphs for operator in graph.operators),
        metadata={},
    )


def read_subgraphs(content: bytes) -> list[Subgraph]:
    """The model's graphs, the main one first. Raises ``InvalidModelError``."""
    model = _root(content)
    names = [name for _, name in _operator_codes(model)]
    subgraphs = [_subgraph(table, names) for table in model.tables(2)]
    if not subgraphs:
        raise InvalidModelError("the model has no graph")
    return subgraphs


def _root(content: bytes) -> Table:
    if content[4:8] != IDENTIFIER:
        raise InvalidModelError("the file is not a TFLite model")
    return Buffer(content).root()


def _operator_codes(model: Table) -> list[tuple[int, str]]:
    """The number and name of each operation that the model lists."""
    return [_operator_code(table) for table in model.tables(1)]


def _operator_code(table: Table) -> tuple[int, str]:
    # The old field has room for numbers up to 127, which stands for all higher ones.
    number = int(max(table.number(0, "b"), table.number(3, "i")))
    if number == CUSTOM:
        return number, table.text(1)
    if not 0 <= number < len(BUILTIN_OPERATORS):
        raise InvalidModelError(f"the model needs the unknown operation {number}")
    return number, BUILTIN_OPERATORS[number]


def _subgraph(table: Table, names: Sequence[str]) -> Subgraph:
    tensors = tuple(map(_tensor, table.tables(0)))
    operators = tuple(_operator(step, names) for step in table.tables(3))
    return Subgraph(
        tensors, _indices(table, 1, len(tensors)), _indices(table, 2, len(tensors)), operators
    )


def _indices(table: Table, slot: int, count: int) -> tuple[int, ...]:
    indices = _integers(table.numbers(slot, "i"))
    if not all(0 <= index < count for index in indices):
        raise damaged()
    return indices


def _operator(table: Table, names: Sequence[str]) -> Operator:
    index = int(table.number(0, "I"))
    if index >= len(names):
        raise damaged()
    inputs, outputs = (_integers(table.numbers(slot, "i")) for slot in (1, 2))
    return Operator(names[index], inputs, outputs)


def _tensor(table: Table) -> TensorSpec:
    number = int(table.number(1, "b"))
    if not 0 <= number < len(DTYPES):
        raise InvalidModelError(f"the model has a tensor of the unknown type {number}")
    # The shape is that of an example; the signature has -1 for any size.
    sizes = _integers(table.numbers(7, "i") or table.numbers(0, "i"))
    shape = tuple(None if size < 0 else size for size in sizes)
    dtype = DTYPES[number]
    # Some converters leave a meaningless scale on float tensors.
    stored = _quantisation(table.table(4)) if "int" in dtype else None
    return TensorSpec(table.text(3), shape, dtype, stored)


def _quantisation(table: Table | None) -> tuple[float, int] | None:
    """The (scale, zero point) of a tensor if it is the same for all channels."""
    if table is None:
        return None
    scales, zero_points = table.numbers(2, "f") or (), table.numbers(3, "q") or (0,)
    if len(scales) != 1 or len(zero_points) != 1 or not 0 < scales[0] < math.inf:
        return None
    return scales[0], int(zero_points[0])


def _integers(numbers: Sequence[float] | None) -> tuple[int, ...]:
    return tuple(map(int, numbers or ()))
