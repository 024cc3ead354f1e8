"""Reads OpenVINO's own models, a ``.xml`` with the graph and a ``.bin`` with the values.

The form is OpenVINO IR, versions 10 and 11 (docs.openvino.ai, "OpenVINO IR format").
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial

from pictell.errors import InvalidModelError
from pictell.graphs import Inspection, Runnable, TensorSpec, Weights
from pictell.inspection.activation import judge_outputs
from pictell.inspection.noise import refuse_random
from pictell.inspection.openvino_xml import Graph, Layer, Port, Value, read_graph
from pictell.inspection.selection import listed, select

# Those of OpenVINO 2026.4.
OPSET = re.compile(r"opset([1-9]|1[0-7])")
RANDOM = frozenset({"Multinomial", "RandomUniform"})
# Operations whose results depend on what the model was given before.
STATE = frozenset({"Assign", "ReadValue"})
# Operations that other programs name otherwise; ``judge_outputs`` knows those names.
RENAMED = {
    "Convert": "Cast",
    "Convolution": "Conv",
    "Divide": "Div",
    "FakeQuantize": "QuantizeLinear",
    "GroupConvolution": "Conv",
    "MatrixNms": "NonMaxSuppression",
    "MulticlassNms": "NonMaxSuppression",
    "Multiply": "Mul",
    "StridedSlice": "Slice",
    "Subtract": "Sub",
    "VariadicSplit": "Split",
}
# numpy's names of element types, as ``Parameter`` has them; ports write them as ``FP32`` or ``U8``.
DTYPES = {
    "f16": "float16", "f32": "float32", "f64": "float64", "bf16": "bfloat16", "boolean": "bool",
    "string": "string",
    **{f"{kind}{size}": f"{name}{size}" for size in (8, 16, 32, 64)
       for kind, name in (("i", "int"), ("u", "uint"))},
}  # fmt: skip
PRECISIONS = {"fp16": "f16", "fp32": "f32", "fp64": "f64", "bool": "boolean"}


def check(weights: Weights) -> None:
    """Check that the graph has only OpenVINO's own operations and lies within its two files.

    All of them only compute. Raises ``InvalidModelError``.
    """
    graph = read_graph(weights.graph)
    others = {f"{opset}.{op}" for op, opset in graph.ops if not OPSET.fullmatch(opset)}
    if others:
        raise InvalidModelError(f"the model needs the custom operation {listed(sorted(others))}")
    state = STATE & {op for op, _ in graph.ops}
    if state:
        raise InvalidModelError(
            f"the model remembers what it was given before ({listed(sorted(state))}): export it "
            "without a state"
        )
    n_bytes = sum(map(len, list(weights.files.values())[1:]))
    for start, end in graph.values:
        if not 0 <= start <= end <= n_bytes:
            raise InvalidModelError("the model is damaged: values lie outside its .bin file")


def inspect(weights: Weights, outputs: Sequence[str]) -> Inspection:
    """The graph's inputs and outputs. Raises ``InvalidModelError``."""
    graph = read_graph(weights.graph)
    inputs = [layer for layer in graph.layers.values() if layer.op == "Parameter"]
    found = _outputs(graph)
    names = select(outputs, found)
    judged = judge_outputs(
        {name: found[name] for name in names},
        partial(_producer, graph),
        lambda value: _name(graph, value),
    )
    return Inspection(
        format="openvino",
        inputs=tuple(map(_input, inputs)),
        outputs=tuple(_output(name, graph.port(found[name])) for name in names),
        activations=judged.activations,
        ops=Counter(op for op, _ in graph.ops),
        metadata=graph.metadata,
        not_scores=judged.not_scores,
    )


def runnable(weights: Weights, outputs: Sequence[str], _input_name: str | None) -> Runnable:
    """The model as it is. Raises ``InvalidModelError`` if an output that is wanted is random."""
    graph = read_graph(weights.graph)
    found = _outputs(graph)
    needed = set[str]()
    waiting = [found[name][0] for name in outputs if name in found]
    while waiting:
        key = waiting.pop()
        if key in graph.layers and key not in needed:
            needed.add(key)
            waiting.extend(value[0] for value in graph.inputs(key))
    layers = [graph.layers[key] for key in sorted(needed)]
    random = [f"{one.name} ({op})" for one in layers for op in sorted(RANDOM & one.ops_inside)]
    refuse_random(random)
    return Runnable(weights)


def _outputs(graph: Graph) -> dict[str, Value]:
    """The values that results take, by their names."""
    found = {}
    for key, layer in graph.layers.items():
        if layer.op != "Result":
            continue
        for value in graph.inputs(key):
            port = graph.port(value)
            found[_first(port.names if port else (), layer.name)] = value
    if not found:
        raise InvalidModelError("the file is not a model of OpenVINO, or it is cut short")
    return found


def _producer(graph: Graph, value: Value) -> tuple[str, list[Value]] | None:
    layer = graph.layers.get(value[0])
    if layer is None or layer.op == "Parameter":
        return None
    return RENAMED.get(layer.op, layer.op), graph.inputs(value[0])


def _name(graph: Graph, value: Value) -> str | None:
    port = graph.port(value)
    return _first(port.names, "") or None if port else None


def _first(names: Iterable[str], otherwise: str) -> str:
    """The name that the runtime shows for a tensor of several names."""
    return min((name.removesuffix(":0") for name in names), default=otherwise)


def _input(layer: Layer) -> TensorSpec:
    port = next(iter(layer.outputs.values()), None)
    name = _first(port.names if port else (), layer.name)
    dtype = DTYPES.get(layer.data.get("element_type", ""), "object")
    text = layer.data.get("shape", "...")
    if "..." in text:
        return TensorSpec(name, None, dtype)
    sizes = (size.strip() for size in text.split(",") if size.strip())
    return TensorSpec(name, tuple(map(_size, sizes)), dtype)


def _output(name: str, port: Port | None) -> TensorSpec:
    if port is None:
        return TensorSpec(name, None, "object")
    precision = port.precision.lower()
    dtype = DTYPES.get(PRECISIONS.get(precision, precision), "object")
    return TensorSpec(name, tuple(map(_size, port.sizes)), dtype)


def _size(text: str) -> int | None:
    """A size; ``None`` for ``?``, -1 and ranges such as ``1..8``."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
