"""TFLite classifiers of colours, their metadata and the archive that tools append.

The metadata is built with Google's package for FlatBuffers, by the numbers of the fields in
tensorflow_lite_support/metadata/metadata_schema.fbs.
"""

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

SIDE = 8
LABELS = "red\ngreen\nblue\n"
TYPES = {
    "float32": schema.TensorType.FLOAT32,
    "uint8": schema.TensorType.UINT8,
    "int8": schema.TensorType.INT8,
}
# Softmax of these types has this scale and zero point.
PROBABILITIES = {"uint8": (1 / 256, 0), "int8": (1 / 256, -128)}
FEATURE, IMAGE, BOXES = 1, 2, 3
AXIS_LABELS, VALUE_LABELS = 2, 3


def colours(
    dtype: str = "float32", quantisation: tuple[float, int] | None = None, outputs: int = 1
) -> schema.ModelT:
    """Pictures (1, 8, 8, 3) -> the softmax of the mean of each channel, (1, 3)."""
    kind = TYPES[dtype]
    graph, model = schema.SubGraphT(), schema.ModelT()
    graph.tensors = [
        _tensor("image", kind, (1, SIDE, SIDE, 3), quantisation),
        _tensor("axes", schema.TensorType.INT32, (2,), None, buffer=1),
        _tensor("pooled", kind, (1, 3), quantisation),
        _tensor("scores", kind, (1, 3), PROBABILITIES.get(dtype)),
    ]
    reducer, softmax = schema.ReducerOptionsT(), schema.SoftmaxOptionsT()
    reducer.keepDims, softmax.beta = False, 1.0
    graph.operators = [
        _operator(0, [0, 1], [2], schema.BuiltinOptions.ReducerOptions, reducer),
        _operator(1, [2], [3], schema.BuiltinOptions.SoftmaxOptions, softmax),
    ]
    graph.inputs, graph.outputs = [0], [3, 2][:outputs]
    model.version, model.subgraphs = 3, [graph]
    model.operatorCodes = [
        _code(schema.BuiltinOperator.MEAN, 2),
        _code(schema.BuiltinOperator.SOFTMAX, 2),
    ]
    axes = schema.BufferT()
    axes.data = np.array([1, 2], np.int32).tobytes()
    model.buffers = [schema.BufferT(), axes]
    return model


def packed(
    model: schema.ModelT, metadata: bytes | None = None, files: Mapping[str, str | bytes] = {}
) -> bytes:
    """The bytes of the model with its metadata and the archive of files."""
    if metadata is not None:
        buffer, entry = schema.BufferT(), schema.MetadataT()
        buffer.data = metadata
        entry.name, entry.buffer = "TFLITE_METADATA", len(model.buffers)
        model.buffers.append(buffer)
        model.metadata = [entry]
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output()) + (archive(files) if files else b"")


def archive(files: Mapping[str, str | bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as target:
        for name, text in files.items():
            target.writestr(name, text)
    return content.getvalue()


def metadata(
    *,
    mean: Sequence[float] | None = (127.5,),
    std: Sequence[float] | None = (127.5,),
    highest: Sequence[float] = (),
    outputs: Sequence[Mapping[str, Any]] = ({"files": [("labels.txt", AXIS_LABELS, "")]},),
    files: Sequence[tuple[str, int, str]] = (),
    texts: Mapping[int, str] = {0: "colours", 1: "Says which colour", 2: "v1", 4: "me", 5: "MIT"},
) -> bytes:
    """Metadata of a classifier; an output has ``files`` (name, type, locale) and ``content``."""
    builder = flatbuffers.Builder()
    units = [] if mean is None else [_normalisation(builder, mean, std or ())]
    image = _tensor_metadata(builder, IMAGE, units, highest, ())
    made = [
        _tensor_metadata(
            builder,
            output.get("content", FEATURE),
            [_calibration(builder)] if output.get("calibrated") else [],
            (),
            output.get("files", ()),
        )
        for output in outputs
    ]
    subgraph = _table(builder, {2: _vector(builder, [image]), 3: _vector(builder, made)})
    fields = {slot: builder.CreateString(text) for slot, text in texts.items()}
    fields[3] = _vector(builder, [subgraph])
    fields[6] = _vector(builder, [_file(builder, *one) for one in files])
    builder.Finish(_table(builder, fields), b"M001")
    return bytes(builder.Output())


def _tensor(
    name: str,
    kind: int,
    shape: tuple[int, ...],
    quantisation: tuple[float, int] | None,
    buffer: int = 0,
) -> schema.TensorT:
    tensor = schema.TensorT()
    tensor.name, tensor.type, tensor.shape, tensor.buffer = name, kind, list(shape), buffer
    if quantisation:
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale = [quantisation[0]]
        tensor.quantization.zeroPoint = [quantisation[1]]
    return tensor


def _operator(
    code: int, inputs: list[int], outputs: list[int], kind: int, options: object
) -> schema.OperatorT:
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = code, inputs, outputs
    operator.builtinOptionsType, operator.builtinOptions = kind, options
    return operator


def _code(number: int, version: int) -> schema.OperatorCodeT:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = number
    code.version = version
    return code


def _tensor_metadata(
    builder: flatbuffers.Builder,
    content: int,
    units: list[int],
    highest: Sequence[float],
    files: Sequence[tuple[str, int, str]],
) -> int:
    properties = _table(builder, {})
    contents = _table(builder, {1: properties}, {0: content})
    stats = _table(builder, {0: _floats(builder, highest)})
    listed = _vector(builder, [_file(builder, *one) for one in files])
    return _table(builder, {3: contents, 4: _vector(builder, units), 5: stats, 6: listed})


def _normalisation(
    builder: flatbuffers.Builder, mean: Sequence[float], std: Sequence[float]
) -> int:
    options = _table(builder, {0: _floats(builder, mean), 1: _floats(builder, std)})
    return _table(builder, {1: options}, {0: 1})


def _calibration(builder: flatbuffers.Builder) -> int:
    return _table(builder, {1: _table(builder, {})}, {0: 2})


def _file(builder: flatbuffers.Builder, name: str, kind: int, locale: str) -> int:
    fields = {0: builder.CreateString(name)}
    if locale:
        fields[3] = builder.CreateString(locale)
    return _table(builder, fields, {2: kind})


def _table(
    builder: flatbuffers.Builder, offsets: Mapping[int, int], numbers: Mapping[int, int] = {}
) -> int:
    builder.StartObject(8)
    for slot, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    for slot, number in numbers.items():
        builder.PrependUint8Slot(slot, number, 0)
    return int(builder.EndObject())


def _vector(builder: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _floats(builder: flatbuffers.Builder, values: Sequence[float]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependFloat32(value)
    return int(builder.EndVector())
