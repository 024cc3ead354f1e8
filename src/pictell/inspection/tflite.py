"""Reads TFLite files (tensorflow/lite/schema/schema.fbs) without LiteRT."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from pictell.errors import InvalidModelError
from pictell.graphs import Inspection, Runnable, TensorSpec, Weights
from pictell.inspection.activation import judge_outputs
from pictell.inspection.flatbuffer import Buffer, Table, damaged
from pictell.inspection.noise import refuse_random
from pictell.inspection.selection import listed, select
from pictell.inspection.tflite_ops import BUILTIN_OPERATORS, CUSTOM

IDENTIFIER = b"TFL3"
# The operation at the end of detectors, which chooses among boxes.
DETECTION = "TFLite_Detection_PostProcess"
Indices = tuple[int, ...]
RANDOM = frozenset(
    {"MULTINOMIAL", "RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM", "STABLEHLO_RNG_BIT_GENERATOR"}
)
# Operations that run other graphs of the model.
CALLS = frozenset(
    """
    CALL CALL_ONCE IF STABLEHLO_CASE STABLEHLO_COMPOSITE STABLEHLO_REDUCE STABLEHLO_REDUCE_WINDOW
    STABLEHLO_SCATTER STABLEHLO_SORT STABLEHLO_WHILE WHILE
    """.split()
)
# numpy's names of TensorType by number.
DTYPES = """
    float32 float16 int32 uint8 int64 string bool int16 complex64 int8 float64 complex128 uint64
    object object uint32 uint16 int4 bfloat16 int2 uint4 float8_e4m3fn float8_e5m2
""".split()


def check(weights: Weights) -> None:
    """Check that the model has only TFLite's own operations, all of which only compute.

    Raises ``InvalidModelError`` if it needs others, keeps weights in other files or is cut short.
    """
    model = read_root(weights.graph)
    custom = sorted({name for builtin, name in _operator_codes(model) if builtin == CUSTOM})
    if DETECTION in custom:
        raise InvalidModelError(
            f"a detector, which ends in {DETECTION}: pictell reads models that classify"
        )
    if custom:
        raise InvalidModelError(f"the model needs the custom operation {listed(custom)}")
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
    model = read_root(weights.graph)
    ops = [name for _, name in _operator_codes(model)]
    graphs = model.tables(2)
    if not graphs:
        raise InvalidModelError("the model has no graph")
    operators = [_operators(graph, ops) for graph in graphs]
    # The first graph is the main one.
    tensors = list(map(_tensor, graphs[0].tables(0)))
    found = {tensors[index].name: index for index in _indices(graphs[0], 2, len(tensors))}
    names = select(outputs, found)
    producers = {index: (op, inputs) for op, inputs, made in operators[0] for index in made}
    judged = judge_outputs(
        {name: found[name] for name in names}, producers.get, lambda index: tensors[index].name
    )
    return Inspection(
        format="tflite",
        inputs=tuple(tensors[index] for index in _indices(graphs[0], 1, len(tensors))),
        outputs=tuple(tensors[found[name]] for name in names),
        activations=judged.activations,
        ops=Counter(op for graph in operators for op, _, _ in graph),
        metadata={},
        not_scores=judged.not_scores,
    )


def tensor_names(content: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the inputs and of the outputs, in order. Raises ``InvalidModelError``."""
    graphs = read_root(content).tables(2)
    if not graphs:
        raise damaged()
    tensors = graphs[0].tables(0)
    inputs, outputs = (
        tuple(tensors[index].text(3) for index in _indices(graphs[0], slot, len(tensors)))
        for slot in (1, 2)
    )
    return inputs, outputs


def runnable(weights: Weights, outputs: Sequence[str], _input_name: str | None) -> Runnable:
    """The model as it is. Raises ``InvalidModelError`` if an output that is wanted is random."""
    model = read_root(weights.graph)
    ops = [name for _, name in _operator_codes(model)]
    graphs = model.tables(2)
    if not RANDOM.intersection(ops) or not graphs:
        return Runnable(weights)
    main, *others = [_operators(graph, ops) for graph in graphs]
    makers = {index: (op, inputs) for op, inputs, made in main for index in made}
    names = {index: _tensor(table).name for index, table in enumerate(graphs[0].tables(0))}
    needed, waiting = dict[int, str](), [index for index in names if names[index] in outputs]
    while waiting:
        index = waiting.pop()
        if index in makers and index not in needed:
            needed[index], inputs = makers[index]
            waiting.extend(inputs)
    found = [f"{names.get(at, at)} ({op})" for at, op in needed.items() if op in RANDOM]
    if CALLS.intersection(needed.values()):
        found += [op for graph in others for op, _, _ in graph if op in RANDOM]
    refuse_random(found)
    return Runnable(weights)


def read_root(content: bytes) -> Table:
    """The table ``Model`` of a TFLite file. Raises ``InvalidModelError``."""
    if content[4:8] != IDENTIFIER:
        raise InvalidModelError("the file is not a TFLite model")
    return Buffer(content).table(0)


def _operator_codes(model: Table) -> list[tuple[int, str]]:
    """The number and name of each operation that the model lists."""
    return [_operator_code(table) for table in model.tables(1)]


def _operator_code(table: Table) -> tuple[int, str]:
    # The old field has room for numbers up to 127, which stands for all higher ones.
    number = max(table.number(0, "b"), table.number(3, "i"))
    if number == CUSTOM:
        return number, table.text(1)
    if not 0 <= number < len(BUILTIN_OPERATORS):
        raise InvalidModelError(f"the model needs the unknown operation {number}")
    return number, BUILTIN_OPERATORS[number]


def _operators(graph: Table, ops: Sequence[str]) -> list[tuple[str, Indices, Indices]]:
    """The operations of a graph with their input (-1: none) and output tensors."""
    found = []
    for table in graph.tables(3):
        index = table.number(0, "I")
        if index >= len(ops):
            raise damaged()
        found.append((ops[index], table.numbers(1, "i"), table.numbers(2, "i")))
    return found


def _indices(graph: Table, slot: int, count: int) -> Indices:
    indices = graph.numbers(slot, "i")
    if not all(0 <= index < count for index in indices):
        raise damaged()
    return indices


def _tensor(table: Table) -> TensorSpec:
    number = table.number(1, "b")
    if not 0 <= number < len(DTYPES):
        raise InvalidModelError(f"the model has a tensor of the unknown type {number}")
    # The shape is that of an example; the signature has -1 for any size.
    sizes = table.numbers(7, "i") or table.numbers(0, "i")
    shape = tuple(None if size < 0 else size for size in sizes)
    dtype = DTYPES[number]
    # Some converters leave a meaningless scale on float tensors.
    quantisation = _quantisation(table.table(4)) if "int" in dtype else None
    return TensorSpec(table.text(3), shape, dtype, quantisation)


def _quantisation(table: Table | None) -> tuple[float, int] | None:
    """The (scale, zero point) of a tensor if it is the same for all channels."""
    if table is None:
        return None
    scales, zero_points = table.numbers(2, "f"), table.numbers(3, "q") or (0,)
    if len(scales) != 1 or len(zero_points) != 1 or not 0 < scales[0] < math.inf:
        return None
    return scales[0], zero_points[0]
