"""Finds the tensors in the graph of a classifier that features are made of, and cuts it there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pictell.errors import InvalidModelError
from pictell.inspection.activation import MAX_STEPS
from pictell.inspection.onnx import DTYPES
from pictell.inspection.protobuf import Message, new
from pictell.inspection.selection import listed
from pictell.training.graph_names import Graph
from pictell.training.onnx_parts import keep, open_model, to_bytes

# Operations of a classifier layer, and which input has its weights; input 0 has the data.
WEIGHTS_INPUT = {
    "Conv": 1,
    "ConvInteger": 1,
    "DynamicQuantizeMatMul": 1,
    "FusedGemm": 1,
    "FusedMatMul": 1,
    "Gemm": 1,
    "MatMul": 1,
    "MatMulInteger": 1,
    "MatMulIntegerToFloat": 1,
    "MatMulNBits": 1,
    "QGemm": 3,
    "QLinearConv": 3,
    "QLinearMatMul": 3,
}
# These change the shape or the type of a tensor, not what it means.
RESHAPES = frozenset("Flatten Identity Reshape Squeeze Transpose Unsqueeze".split())
QUANTISERS = frozenset({"DynamicQuantizeLinear", "QuantizeLinear"})
AFTER_LOGITS = (
    RESHAPES
    | QUANTISERS
    | frozenset(
        """
        Add Cast DequantizeLinear Div Dropout LogSoftmax Mul QLinearAdd QLinearSigmoid
        QLinearSoftmax Sigmoid Softmax Sub
        """.split()
    )
)
ELEMENTWISE = (
    RESHAPES
    | QUANTISERS
    | frozenset(
        """
        Add Cast Clip DequantizeLinear Dropout HardSigmoid HardSwish Mul Relu Sigmoid Tanh
        """.split()
    )
)
POOLS = frozenset(
    """
    AveragePool GlobalAveragePool GlobalMaxPool QLinearAveragePool QLinearGlobalAveragePool
    QLinearReduceMean ReduceMax ReduceMean
    """.split()
)
INTEGER_OPS = QUANTISERS | {"ConvInteger", "MatMulInteger", "QGemm"}
FLOATS = frozenset({"float16", "float32", "float64", "bfloat16"})


class Taps(NamedTuple):
    """The names of the tensors that features are made of: float, with the batch first.

    ``embedding`` (N, D, …) is what the classifier layer reads, ``texture`` (N, D, H, W) what
    ``find_texture`` gives, ``output`` (N, C) the logits or probabilities.
    """

    embedding: str
    texture: str | None = None
    output: str | None = None


def find_taps(graph: bytes, output: str, declared: str | None = None) -> Taps:
    """The tensors of a classifier that it has; the arguments and errors of ``find_embedding``."""
    embedding = find_embedding(graph, output, declared)
    found = Graph(open_model(graph).graph)
    is_output = output in found.outputs and output != embedding and _is_float(found, output)
    return Taps(embedding, find_texture(graph, embedding), output if is_output else None)


def find_texture(graph: bytes, embedding: str) -> str | None:
    """The name of the feature map (N, D, H, W) of the last depthwise convolution, if there is one.

    That is the float tensor which the convolution after it reads, behind the activation of its
    block. A grouped convolution counts too.
    """
    found = Graph(open_model(graph).graph)
    read_next = None
    for node in found.path_back(embedding):
        if node.op_type != "Conv":
            continue
        if read_next and any(entry.name == "group" and entry.i > 1 for entry in node.attribute):
            return read_next if _is_float(found, read_next) else None
        read_next = str(node.input[0])
    return None


def find_embedding(graph: bytes, output: str, declared: str | None = None) -> str:
    """The name of the float tensor (N, D, …) that the classifier layer reads.

    ``output`` names the graph's output with logits or probabilities. ``declared`` is the name that
    the model's spec gives, if it gives one. Raises ``InvalidModelError``.
    """
    found = Graph(open_model(graph).graph)
    if declared is None:
        return _float_before(found, _classifier_input(found, output))
    if declared not in found.producers:
        raise InvalidModelError(f"no operation of the model computes the embedding {declared!r}")
    if not _is_float(found, declared):
        raise InvalidModelError(f"the embedding {declared!r} is not a float tensor: name another")
    return declared


def cut(graph: bytes, outputs: Iterable[str], input_name: str) -> bytes:
    """The part of the graph that computes ``outputs`` from ``input_name``, its only input.

    Raises ``InvalidModelError`` if an output needs other inputs, or does not need this one.
    """
    model = open_model(graph)
    content, found = model.graph, Graph(model.graph)
    needed, infos = set[str](), []
    for output in outputs:
        if output not in found.producers:
            raise InvalidModelError(f"no operation of the model computes {output!r}")
        needed_here = found.needed_for(output)
        _check_inputs(found, needed_here, output, input_name)
        needed |= needed_here
        infos.append(found.infos.get(output) or new("onnx", "ValueInfoProto", name=output))
    keep(content.node, lambda node: bool(needed.intersection(node.output)))
    keep(content.initializer, lambda tensor: tensor.name in needed)
    keep(content.sparse_initializer, lambda tensor: tensor.values.name in needed)
    keep(content.input, lambda value: value.name in needed)
    del content.output[:]
    content.output.extend(infos)
    # The batch inside may become a multiple of the input's, so that sizes stated here mislead.
    del content.value_info[:]
    return to_bytes(model)


def _check_inputs(found: Graph, needed: set[str], embedding: str, input_name: str) -> None:
    if input_name not in found.inputs:
        raise InvalidModelError(
            f"the model has no input {input_name!r}: it has {listed(found.inputs)}"
        )
    others = needed.intersection(found.inputs) - {input_name}
    if others or input_name not in needed:
        raise InvalidModelError(
            f"{embedding!r} must depend on the input {input_name!r} and no other, "
            f"it depends on {listed(sorted(needed.intersection(found.inputs)))}"
        )


def _classifier_input(found: Graph, output: str) -> str:
    """The data input of the last layer before an output."""
    if output not in found.outputs:
        raise InvalidModelError(
            f"the model has no output {output!r}: it has {listed(found.outputs)}"
        )
    op = "an input"
    for node in found.path_back(output):
        op = node.op_type
        if op in WEIGHTS_INPUT and _is_classifier(found, node):
            return str(node.input[0])
        if op not in AFTER_LOGITS or (len(found.variables(node)) > 1 and op not in RESHAPES):
            break
    raise InvalidModelError(
        f"no classifier layer found behind the output {output!r}, only {op}: "
        "state the embedding, the name of a float tensor (N, D)"
    )


def _is_classifier(found: Graph, node: Message) -> bool:
    """Whether a layer has constant weights and, as a convolution, sees one position only."""
    index = WEIGHTS_INPUT[node.op_type]
    if len(node.input) <= index or node.input[index] not in found.constants:
        return False
    return "Conv" not in node.op_type or _is_pooled(found, node.input[0])


def _is_pooled(found: Graph, name: str) -> bool:
    """Whether a tensor has gone through a pooling and not been spread again."""
    for node in found.path_back(name):
        if node.op_type in POOLS:
            return True
        if "Conv" not in node.op_type and node.op_type not in ELEMENTWISE:
            return False
    return False


def _float_before(found: Graph, name: str) -> str:
    """The first float tensor from ``name`` back over quantisers and reshapes."""
    start = name
    for _ in range(MAX_STEPS):
        if name in found.producers and _is_float(found, name):
            return name
        node = found.producers.get(name)
        if node is None or node.op_type not in RESHAPES | QUANTISERS:
            break
        name = node.input[0]
    raise InvalidModelError(
        f"the classifier layer reads integers, {start!r}: "
        "give a float model, or one with QuantizeLinear and DequantizeLinear"
    )


def _is_float(found: Graph, name: str) -> bool:
    """By the stated type, else by the operations that compute the tensor."""
    for _ in range(MAX_STEPS):
        info, node = found.infos.get(name), found.producers.get(name)
        if info is not None and info.type.tensor_type.elem_type:
            number = info.type.tensor_type.elem_type
            return number < len(DTYPES) and DTYPES[number] in FLOATS
        if node is None or node.op_type not in RESHAPES:
            break
        name = node.input[0]
    op = "" if node is None else node.op_type
    return op not in INTEGER_OPS and not op.startswith("QLinear")
