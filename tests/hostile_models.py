"""Small model files, valid and malicious ones."""

import flatbuffers
import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
from onnx import TensorProto, helper, numpy_helper

from pictell.graphs import Weights
from pictell.inspection.protobuf import Message, new
from pictell.types import WeightsFormat

SIDE = 4
CLASSES = 3
FLOAT = 1


def weights(kind: WeightsFormat, graph: bytes, **files: bytes) -> Weights:
    return Weights(kind, {"graph": graph, **files})


# ONNX


def onnx_model(
    *nodes: onnx.NodeProto, initializers=(), functions=(), domains=(), output="scores"
) -> onnx.ModelProto:
    """Pictures (N, 3, 4, 4) -> scores (N, 3): flattened, multiplied, softmax; and more nodes."""
    chain = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["scores"]),
    ]
    values = np.arange(3 * SIDE * SIDE * CLASSES, dtype=np.float32).reshape(-1, CLASSES) / 100
    graph = helper.make_graph(
        [*chain, *nodes],
        "small",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["N", CLASSES])],
        [numpy_helper.from_array(values, "w"), *initializers],
    )
    opsets = [helper.make_opsetid(domain, 1) for domain in domains]
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", 17), *opsets],
        functions=list(functions),
        ir_version=8,
    )


def external_tensor(location: str, name: str = "more") -> onnx.TensorProto:
    tensor = TensorProto(name=name, dims=[2], data_type=TensorProto.FLOAT)
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    return tensor


def inner_graph(*nodes: onnx.NodeProto, initializers=()) -> onnx.GraphProto:
    output = helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)
    return helper.make_graph(list(nodes), "inner", [], [output], list(initializers))


def branching(graph: onnx.GraphProto) -> onnx.NodeProto:
    """A node with a graph inside."""
    return helper.make_node("If", ["yes"], ["chosen"], then_branch=graph, else_branch=graph)


def doubling(levels: int) -> onnx.ModelProto:
    """A model with functions that each call the next one twice; the last is one operation."""
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)]

    def function(number: int, *body: onnx.NodeProto) -> onnx.FunctionProto:
        return helper.make_function("mine", f"F{number}", ["a"], ["b"], list(body), opsets)

    def use(number: int, given: str, made: str) -> onnx.NodeProto:
        return helper.make_node(f"F{number}", [given], [made], domain="mine")

    doubles = [
        function(number, use(number + 1, "a", "t"), use(number + 1, "t", "b"))
        for number in range(levels)
    ]
    last = function(levels, helper.make_node("Relu", ["a"], ["b"]))
    return onnx_model(
        use(0, "scores", "more"), functions=[*doubles, last], domains=["mine"], output="more"
    )


# TensorFlow


def attr(**value: object) -> Message:
    return new("tensorflow", "AttrValue", **value)


def shape(*sizes: int) -> Message:
    dims = [new("tensorflow", "Dim", size=size) for size in sizes]
    return new("tensorflow", "TensorShapeProto", dim=dims)


def node(name: str, op: str, *inputs: str, **attrs: Message) -> Message:
    return new("tensorflow", "NodeDef", name=name, op=op, input=inputs, attr=attrs)


def call(name: str, function: str, *inputs: str, op: str = "StatefulPartitionedCall") -> Message:
    return node(name, op, *inputs, f=attr(func=new("tensorflow", "NameAttrList", name=function)))


def placeholder(name: str = "image") -> Message:
    return node(
        name, "Placeholder", dtype=attr(type=FLOAT), shape=attr(shape=shape(-1, SIDE, SIDE, 3))
    )


def constant(name: str, *sizes: int, dtype: int = FLOAT) -> Message:
    tensor = new("tensorflow", "TensorProto", dtype=dtype, tensor_shape=shape(*sizes))
    return node(name, "Const", dtype=attr(type=dtype), value=attr(tensor=tensor))


def classifier() -> list[Message]:
    """Pictures (N, 4, 4, 3) -> scores (N, 3)."""
    real = attr(type=FLOAT)
    return [
        placeholder(),
        constant("flat/shape", 2, dtype=3),
        node("flat", "Reshape", "image", "flat/shape", T=real),
        constant("w", SIDE * SIDE * 3, CLASSES),
        node("w/read", "Identity", "w", T=real),
        node("logits", "MatMul", "flat", "w/read", T=real),
        node("scores", "Softmax", "logits", T=real),
    ]


def function(name: str, *nodes: Message, returns: str = "", arguments: int = 0) -> Message:
    given = [new("tensorflow", "ArgDef", name=f"arg{i}", type=FLOAT) for i in range(arguments)]
    made = [new("tensorflow", "ArgDef", name="result", type=FLOAT)] if returns else []
    signature = new("tensorflow", "OpDef", name=name, input_arg=given, output_arg=made)
    ret = {"result": returns} if returns else {}
    return new("tensorflow", "FunctionDef", signature=signature, node_def=nodes, ret=ret)


def graph_def(nodes: list[Message], *functions: Message) -> Message:
    library = new("tensorflow", "FunctionDefLibrary", function=functions)
    return new("tensorflow", "GraphDef", node=nodes, library=library)


def frozen(nodes: list[Message], *functions: Message) -> Weights:
    return weights("frozen-graph", graph_def(nodes, *functions).SerializeToString())


def tensor_info(name: str, dtype: int = FLOAT, sizes: tuple[int, ...] = ()) -> Message:
    return new("tensorflow", "TensorInfo", name=name, dtype=dtype, tensor_shape=shape(*sizes))


def signature(inputs: dict[str, Message], outputs: dict[str, Message]) -> Message:
    return new("tensorflow", "SignatureDef", inputs=inputs, outputs=outputs)


def saved(
    nodes: list[Message], *functions: Message, signatures: dict[str, Message] | None = None
) -> Weights:
    """A SavedModel with a signature from ``image`` to ``scores``, unless others are given."""
    usual = signature({"picture": tensor_info("image:0")}, {"classes": tensor_info("scores:0")})
    meta_graph = new(
        "tensorflow",
        "MetaGraphDef",
        meta_info_def=new("tensorflow", "MetaInfoDef", tags=["serve"]),
        graph_def=graph_def(nodes, *functions),
        signature_def=signatures or {"serving_default": usual},
    )
    model = new("tensorflow", "SavedModel", meta_graphs=[meta_graph])
    return weights("saved-model", model.SerializeToString())


# TFLite


def tflite_tensor(name: str, *sizes: int, quantised: tuple[float, int] | None = None):
    tensor = schema.TensorT()
    tensor.name, tensor.shape = name, list(sizes)
    tensor.type = schema.TensorType.FLOAT32
    if quantised:
        tensor.type = schema.TensorType.UINT8
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [quantised[0]], [quantised[1]]
    return tensor


def tflite_model(*ops: int | str, batch: int = 1) -> schema.ModelT:
    """Operations one after the other, from ``image`` to ``scores``; a text is a custom one."""
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.buffers = 3, [schema.BufferT()]
    graph.tensors = [tflite_tensor("image", 1, SIDE, SIDE, 3, quantised=(0.5, 7))]
    graph.tensors += [tflite_tensor(f"t{number}", 1, CLASSES) for number in range(len(ops))]
    graph.tensors[-1].name = b"scores"
    graph.tensors[0].shapeSignature = [batch, SIDE, SIDE, 3]
    graph.inputs, graph.outputs, graph.operators = [0], [len(ops)], []
    model.operatorCodes, model.subgraphs = [], [graph]
    for number, op in enumerate(ops):
        code, step = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = schema.BuiltinOperator.CUSTOM if isinstance(op, str) else op
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.customCode = op if isinstance(op, str) else None
        step.opcodeIndex, step.inputs, step.outputs = number, [number], [number + 1]
        model.operatorCodes.append(code)
        graph.operators.append(step)
    return model


def tflite(model: schema.ModelT) -> bytes:
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
