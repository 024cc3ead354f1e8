"""Reads ONNX files (onnx/onnx.proto) without ONNX Runtime."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pictell.errors import InvalidModelError, UnsafeModelError
from pictell.graphs import Inspection, Runnable, TensorSpec, Weights
from pictell.inspection.activation import judge_outputs
from pictell.inspection.expansion import refuse_growth, refuse_size
from pictell.inspection.model_files import check_name
from pictell.inspection.onnx_classifiers import (
    ZIP_MAP,
    class_labels,
    labels_of,
    makers_of,
    meaning,
    take_out_maps,
    zip_map,
)
from pictell.inspection.onnx_noise import may_be_random, take_out
from pictell.inspection.protobuf import Message, inside, parse, with_graph
from pictell.inspection.selection import listed, select

# numpy's names of TensorProto.DataType by number; 0 is undefined.
DTYPES = """
    object float32 uint8 int8 uint16 int16 int32 int64 string bool float16 float64 uint32 uint64
    complex64 complex128 bfloat16 float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz uint4
    int4 float4_e2m1fn
""".split()
EXTERNAL = 1
# With this mark at the fifth byte ONNX Runtime reads any file as its own format
# (onnxruntime/core/flatbuffers/schema/ort.fbs).
ORT_MARK = b"ORTM"

# Operations that only compute. The standard domains have no others. com.microsoft has operations of
# ONNX Runtime (onnxruntime/docs/ContribOperators.md): these are the ones that its quantiser and its
# optimiser write into the graph of a classifier. Not listed are EPContext, which loads a compiled
# program, PythonOp and the like, which call an interpreter, and those for text and training.
OPTIMISED = frozenset(
    """
    Attention BiasAdd BiasGelu BiasSoftmax BiasSplitGelu ConvTransposeWithDynamicPads
    CropAndResize DequantizeLinear DynamicQuantizeMatMul ExpandDims FastGelu FusedConv FusedGemm
    FusedMatMul FusedMatMulActivation Gelu GemmFastGelu GridSample GroupNorm
    Inverse MatMulInteger16 MatMulIntegerToFloat MatMulNBits MaxpoolWithMask MultiHeadAttention
    MulInteger NhwcConv NhwcFusedConv NhwcMaxPool PackedMultiHeadAttention Pad QAttention QGemm
    QLinearAdd QLinearAveragePool QLinearConcat QLinearConv QLinearGlobalAveragePool
    QLinearLeakyRelu QLinearMul QLinearReduceMean QLinearSigmoid QLinearSoftmax QLinearWhere
    QuantizeLinear QuickGelu Range ReduceSumInteger SkipGroupNorm SkipLayerNormalization
    SkipSimplifiedLayerNormalization TransposeMatMul Trilu UnfoldTensor Unique
    """.split()
)
# Convolutions in blocks of channels, from the optimiser of ONNX Runtime.
BLOCKED = frozenset(
    """
    AveragePool Conv GlobalAveragePool GlobalMaxPool MaxPool ReorderInput ReorderOutput Upsample
    """.split()
)
# Domain -> allowed operations, None for all.
DOMAINS: dict[str, frozenset[str] | None] = {
    "": None,
    "ai.onnx": None,
    "ai.onnx.ml": None,
    "com.microsoft": OPTIMISED,
    "com.microsoft.nchwc": BLOCKED,
}
# Domains that ONNX Runtime implements. It runs its own operation instead of a function of the model
# with the same name.
BUILT_IN = ("", "ai.onnx", "com.microsoft", "com.ms", "org.pytorch")


def check(weights: Weights) -> None:
    """Check that the graph only computes and reads only the files in ``weights``.

    Raises ``UnsafeModelError`` if not, ``InvalidModelError`` if it is damaged.
    """
    model = read(weights.graph)
    _refuse_operations(model)
    _refuse_growth(model)
    missing = set(_external_names(model)) - set(weights.files)
    if missing:
        raise UnsafeModelError(
            f"the model reads files that are not part of it: {listed(sorted(missing))}"
        )


def external_data(graph: bytes) -> tuple[str, ...]:
    """The relative names of the files that hold weights of the graph, sorted.

    Raises ``UnsafeModelError`` for a name that leads out of the graph's folder, and for external
    values other than the weights of the main graph.
    """
    return _external_names(read(graph))


def inspect(weights: Weights, outputs: Sequence[str]) -> Inspection:
    """The graph's inputs and outputs. Raises ``InvalidModelError``."""
    model = read(weights.graph)
    graph = model.graph
    stored = {tensor.name for tensor in graph.initializer}
    found = {value.name: value for value in graph.output}
    names = select(outputs, found)
    makers = makers_of(graph)
    producers = {name: (meaning(node, name), node.input) for name, node in makers.items()}
    judged = judge_outputs({name: name for name in names}, producers.get, str)
    return Inspection(
        format="onnx",
        inputs=tuple(_tensor(value) for value in graph.input if value.name not in stored),
        outputs=tuple(_output(found[name], makers) for name in names),
        activations=judged.activations,
        ops=Counter(node.op_type for node in inside(graph, "NodeProto")),
        metadata={entry.key: entry.value for entry in model.metadata_props},
        not_scores=judged.not_scores,
        labels={name: one for name in found if (one := class_labels(name, makers))},
    )


def runnable(weights: Weights, outputs: Sequence[str], _input_name: str | None) -> Runnable:
    """The model without operations that make maps of scores, and without those of the training.

    Raises ``InvalidModelError`` if the outputs would be random all the same.
    """
    makes_maps = ZIP_MAP.encode() in weights.graph
    if not makes_maps and not may_be_random(weights.graph):
        return Runnable(weights)
    model = read(weights.graph)
    if makes_maps:
        take_out_maps(model)
    taken_out = take_out(model, outputs)
    return Runnable(with_graph(weights, model) if makes_maps or taken_out else weights, taken_out)


def with_metadata(graph: bytes, entries: Mapping[str, str | None]) -> bytes:
    """The graph with these entries in its metadata; ``None`` removes a key.

    The rest stays byte for byte. Raises ``InvalidModelError``.
    """
    model = parse("onnx", "ModelMetadata", graph)
    props = {entry.key: entry.value for entry in model.metadata_props} | dict(entries)
    del model.metadata_props[:]
    for key, value in props.items():
        if value is not None:
            model.metadata_props.add(key=key, value=value)
    content: bytes = model.SerializeToString()
    return content


def read_metadata(content: bytes) -> dict[str, str]:
    """The entries of a model's metadata. Raises ``InvalidModelError``."""
    return {entry.key: entry.value for entry in read(content).metadata_props}


def read(content: bytes) -> Message:
    """The bytes as a ``ModelProto``. Raises ``InvalidModelError``."""
    if content[4:8] == ORT_MARK:
        raise InvalidModelError("the model is in ONNX Runtime's own format: give the ONNX file")
    model = parse("onnx", "ModelProto", content)
    if not model.HasField("graph") or not model.graph.output:
        raise InvalidModelError("the file is not an ONNX model, or it is cut short")
    return model


def is_external(tensor: Message) -> bool:
    """Whether the values of a ``TensorProto`` are in another file."""
    return bool(tensor.data_location == EXTERNAL or tensor.external_data)


def _refuse_operations(model: Message) -> None:
    functions = {
        (function.domain, function.name)
        for function in model.functions
        if not _is_built_in(function.domain)
    }
    refused = {
        _full_name(node, node.op_type)
        for node in inside(model, "NodeProto")
        if (node.domain, node.op_type) not in functions and not _computes(node)
    }
    if refused:
        raise UnsafeModelError(
            f"the model has operations that may do more than compute: {listed(sorted(refused))}"
        )


def _refuse_growth(model: Message) -> None:
    if not model.functions:
        return
    functions = defaultdict[str, list[Message]](list)
    for function in model.functions:
        # Several have one name if their overloads differ.
        functions[_full_name(function, function.name)].append(function)

    def measure(name: str, sizes: Mapping[str, int]) -> int:
        return sum(_function_size(function, sizes) for function in functions[name])

    callees = {
        name: {_full_name(node, node.op_type) for one in same for node in inside(one, "NodeProto")}
        for name, same in functions.items()
    }
    sizes = refuse_growth(callees, measure)
    refuse_size(_size(model.graph.node, sizes), len(model.graph.node))


def _full_name(message: Message, name: str) -> str:
    return f"{message.domain or 'ai.onnx'}.{name}"


def _function_size(function: Message, sizes: Mapping[str, int]) -> int:
    defaults = sum(_size(graph.node, sizes) for graph in _graphs(function.attribute_proto))
    return _size(function.node, sizes) * (1 + defaults)


def _size(nodes: Iterable[Message], sizes: Mapping[str, int]) -> int:
    """The most operations that nodes stand for, with those inside them and those of functions.

    The graphs that a call passes may be used by each operation of the function.
    """
    size = 0
    for node in nodes:
        passed = sum(_size(graph.node, sizes) for graph in _graphs(node.attribute))
        size += sizes.get(_full_name(node, node.op_type), 1) * (1 + passed)
    return size


def _graphs(attributes: Iterable[Message]) -> Iterator[Message]:
    for attribute in attributes:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _is_built_in(domain: str) -> bool:
    """Whether ONNX Runtime has, or may have, operations of its own in the domain."""
    return any(domain == name or (name and domain.startswith(f"{name}.")) for name in BUILT_IN)


def _computes(node: Message) -> bool:
    if node.domain not in DOMAINS:
        return False
    allowed = DOMAINS[node.domain]
    return allowed is None or node.op_type in allowed


def _external_names(model: Message) -> tuple[str, ...]:
    external = list(filter(is_external, model.graph.initializer))
    if sum(map(is_external, inside(model, "TensorProto"))) > len(external):
        raise UnsafeModelError("the model keeps values other than its main weights in other files")
    return tuple(sorted({check_name(_location(tensor)) for tensor in external}))


def _location(tensor: Message) -> str:
    # If there are several, some readers use the first and some the last.
    places = {entry.value for entry in tensor.external_data if entry.key == "location"}
    if len(places) != 1:
        raise UnsafeModelError(f"the model does not name one file for the weights {tensor.name!r}")
    return str(places.pop())


def _output(value: Message, makers: Mapping[str, Message]) -> TensorSpec:
    """An output as ``runnable`` leaves it."""
    node = zip_map(value.name, makers)
    if node is None:
        return _tensor(value)
    return TensorSpec(value.name, (None, len(labels_of(node))), "float32")


def _tensor(value: Message) -> TensorSpec:
    if value.HasField("type") and not value.type.HasField("tensor_type"):
        return TensorSpec(value.name, None, "sequence")
    kind = value.type.tensor_type
    number = kind.elem_type
    dtype = DTYPES[number] if 0 <= number < len(DTYPES) else DTYPES[0]
    if not kind.HasField("shape"):
        return TensorSpec(value.name, None, dtype)
    # A size with a name, or without a value, reads as 0.
    shape = tuple(dim.dim_value if dim.dim_value > 0 else None for dim in kind.shape.dim)
    return TensorSpec(value.name, shape, dtype)
