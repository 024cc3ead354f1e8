"""A small classifier as an ONNX file, with a layer before its scores that may be random."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE, CLASSES = 8, 3
DROPOUT = [
    helper.make_node("RandomUniformLike", ["x"], ["u"], name="chance"),
    helper.make_node("Less", ["u", "keep"], ["b"]),
    helper.make_node("Cast", ["b"], ["m"], to=TensorProto.FLOAT),
    helper.make_node("Div", ["x", "keep"], ["scaled"]),
    helper.make_node("Mul", ["scaled", "m"], ["y"], name="dropout"),
]
NOTHING = [helper.make_node("Identity", ["x"], ["y"])]
SHUFFLED = [
    helper.make_node("RandomUniformLike", ["x"], ["u"], name="chance"),
    helper.make_node("Mul", ["x", "u"], ["y"]),
]


def write(path: Path, layer: list[onnx.NodeProto]) -> Path:
    weights = np.random.default_rng(5).normal(0, 5, (3, CLASSES)).astype(np.float32)
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["x"]),
        *layer,
        helper.make_node("MatMul", ["y", "w"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "dropout",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", CLASSES])],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(np.float32(0.6), "keep")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 8
    onnx.save(made, path)
    return path
