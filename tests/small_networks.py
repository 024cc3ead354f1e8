"""Small classifiers of images as ONNX graphs, with the last layers that exporters write."""

from collections.abc import Mapping

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

CHANNELS = 6
CLASSES = 4
HEIGHT, WIDTH = 8, 10
# Nodes from "pooled" (N, 6, 1, 1) or "flat" (N, 6) to "scores", and the name of the embedding.
LAST_LAYERS = {
    "gemm": ([("Gemm", ["flat", "w", "b"], ["scores"], {"transB": 1})], "flat"),
    "matmul-add": ([("MatMul", ["flat", "wt"], ["x"]), ("Add", ["x", "b"], ["scores"])], "flat"),
    "add-first": ([("MatMul", ["flat", "wt"], ["x"]), ("Add", ["b", "x"], ["scores"])], "flat"),
    "softmax": (
        [
            ("Gemm", ["flat", "w", "b"], ["x"], {"transB": 1}),
            ("Softmax", ["x"], ["p"], {"axis": 1}),
            ("Identity", ["p"], ["scores"]),
        ],
        "flat",
    ),
    "conv": (
        [("Conv", ["pooled", "w4", "b"], ["x"]), ("Flatten", ["x"], ["scores"])],
        "pooled",
    ),
    "conv-reshape": (
        [
            ("Conv", ["pooled", "w4", "b"], ["x"]),
            ("Reshape", ["x", "shape"], ["y"]),
            ("Softmax", ["y"], ["scores"], {"axis": 1}),
        ],
        "pooled",
    ),
    "activated-conv": (
        [
            ("Relu", ["pooled"], ["active"]),
            ("Conv", ["active", "w4", "b"], ["x"]),
            ("Flatten", ["x"], ["scores"]),
        ],
        "active",
    ),
    "weights-transposed-in-the-graph": (
        [
            ("Transpose", ["w"], ["turned"], {"perm": [1, 0]}),
            ("MatMul", ["flat", "turned"], ["scores"]),
        ],
        "flat",
    ),
    "quantised-and-back": (
        [
            ("QuantizeLinear", ["flat", "step", "zero"], ["q"]),
            ("DequantizeLinear", ["q", "step", "zero"], ["rounded"]),
            ("Gemm", ["rounded", "w", "b"], ["x"], {"transB": 1}),
            ("QuantizeLinear", ["x", "step", "zero"], ["y"]),
            ("DequantizeLinear", ["y", "step", "zero"], ["scores"]),
        ],
        "rounded",
    ),
    "quantised": (
        [
            ("QuantizeLinear", ["flat", "step", "zero"], ["q"]),
            (
                "QLinearMatMul",
                ["q", "step", "zero", "w8", "step", "zero", "step", "zero"],
                ["y"],
            ),
            ("DequantizeLinear", ["y", "step", "zero"], ["scores"]),
        ],
        "flat",
    ),
}

DEPTHWISE = (
    helper.make_node("Conv", ["relu", "kernels"], ["channels"], group=CHANNELS),
    helper.make_node("Sigmoid", ["channels"], ["texture"]),
    helper.make_node("Conv", ["texture", "pointwise"], ["mixed"]),
)


def network(
    last: str = "gemm",
    *,
    opset: int = 13,
    element: int = TensorProto.FLOAT,
    layout: str = "NHWC",
    batch: int | str = "N",
    size: tuple[int | str, int | str] = (HEIGHT, WIDTH),
    names: Mapping[str, str] = {},
    depthwise: bool = False,
) -> bytes:
    """A convolution, ReLU, global pooling and a last layer; ``names`` renames tensors.

    The input ``image`` is (N, 8, 10, 3) or (N, 3, 8, 10); the output is ``scores`` (N, 4). With
    ``depthwise``, a depthwise convolution, a sigmoid (``texture``) and another convolution come
    before the pooling.
    """
    layers, _ = LAST_LAYERS[last]
    first = [helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT)]
    if layout == "NHWC":
        first.append(helper.make_node("Transpose", ["real"], ["pixels"], perm=[0, 3, 1, 2]))
    else:
        first.append(helper.make_node("Identity", ["real"], ["pixels"]))
    nodes = [
        *first,
        helper.make_node("Conv", ["pixels", "kernel"], ["map"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["map"], ["relu"]),
        *(DEPTHWISE if depthwise else ()),
        helper.make_node("GlobalAveragePool", ["mixed" if depthwise else "relu"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        *(
            helper.make_node(op, inputs, outputs, **(more[0] if more else {}))
            for op, inputs, outputs, *more in layers
        ),
    ]
    shape = [batch, *size, 3] if layout == "NHWC" else [batch, 3, *size]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("image", element, shape)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [batch, CLASSES])],
        [numpy_helper.from_array(value, name) for name, value in constants().items()],
    )
    _rename(graph, names)
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def constants() -> dict[str, NDArray[np.generic]]:
    random = np.random.default_rng(3)
    weights = random.normal(size=(CLASSES, CHANNELS)).astype(np.float32)
    return {
        "kernel": random.normal(size=(CHANNELS, 3, 3, 3)).astype(np.float32),
        "kernels": random.normal(size=(CHANNELS, 1, 3, 3)).astype(np.float32),
        "pointwise": random.normal(size=(CHANNELS, CHANNELS, 1, 1)).astype(np.float32),
        "w": weights,
        "wt": np.ascontiguousarray(weights.T),
        "w4": weights[:, :, np.newaxis, np.newaxis],
        "w8": random.integers(0, 255, (CHANNELS, CLASSES), np.uint8),
        "b": random.normal(size=CLASSES).astype(np.float32),
        "shape": np.array([-1, CLASSES]),
        "step": np.array(0.5, np.float32),
        "zero": np.array(0, np.uint8),
    }


def run(model: bytes, images: NDArray[np.generic], *outputs: str) -> list[NDArray[np.float32]]:
    """The named outputs, all without names, of the model in plain ONNX Runtime."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (image,) = session.get_inputs()
    return session.run(list(outputs) or None, {image.name: images})


def edited(model: bytes, **changes: object) -> onnx.ModelProto:
    """The model as ``onnx`` reads it."""
    found = onnx.ModelProto.FromString(model)
    for name, value in changes.items():
        setattr(found, name, value)
    return found


def _rename(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for value in (*graph.initializer, *graph.input, *graph.output):
        value.name = names.get(value.name, value.name)
