"""EfficientNet-Lite0 in float32 for the other runtimes, from the same published weights.

    python tools/efficientnet_lite0_tensorflow.py FOLDER

Writes ``efficientnet-lite0`` as ``.onnx`` (``pixels`` (N, 3, 224, 224)), as a frozen TensorFlow
graph, ``.pb``, and as ``.tflite`` (``pixels`` (N, 224, 224, 3)). Each takes pixels normalised by
(x - 127) / 128 and gives ``logits`` (N, 1000). The tool checks that all three agree, then writes
them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import efficientnet_lite0 as network
from build_default_model import check_images
from efficientnet_lite0 import Array

NAME = "efficientnet-lite0"
# Engines add products in different orders: logits up to 10 differed by 0.00001.
MAX_DIFFERENCE = 1e-3

v1 = tf.compat.v1


class Layers:
    """The layers of the network as TensorFlow operations on tensors (N, H, W, C)."""

    def __init__(self, weights: dict[str, Array]) -> None:
        self._weights = weights

    def conv(self, x: Any, conv: str, norm: str, stride: int, *, depthwise: bool = False) -> Any:
        """Convolution with its batch norm folded in, SAME padding."""
        weight, bias = network.fold_batch_norm(self._weights, conv, norm)
        if depthwise:
            # (C, 1, k, k) becomes (k, k, C, 1).
            kernel, strides = weight.transpose(2, 3, 0, 1), [1, stride, stride, 1]
            y = tf.nn.depthwise_conv2d(x, kernel, strides, "SAME")
        else:
            # (out, in, k, k) becomes (k, k, in, out).
            y = tf.nn.conv2d(x, weight.transpose(2, 3, 1, 0), stride, "SAME")
        return tf.nn.bias_add(y, bias)

    def block(self, x: Any, name: str, stride: int, *, expands: bool, residual: bool) -> Any:
        """Expand 1x1, depthwise, project 1x1; with ``residual`` the input is added."""
        y = x
        if expands:
            y = tf.nn.relu6(self.conv(y, f"{name}._expand_conv", f"{name}._bn0", 1))
        depthwise = f"{name}._depthwise_conv"
        y = tf.nn.relu6(self.conv(y, depthwise, f"{name}._bn1", stride, depthwise=True))
        y = self.conv(y, f"{name}._project_conv", f"{name}._bn2", 1)
        return y + x if residual else y

    def classify(self, pixels: Any) -> Any:
        """From normalised pixels (N, 224, 224, 3) to logits (N, 1000)."""
        x = tf.nn.relu6(self.conv(pixels, "_conv_stem", "_bn0", 2))
        index = 0
        for stage in network.STAGES:
            for repeat in range(stage.repeats):
                stride = stage.stride if repeat == 0 else 1
                name, expands = f"_blocks.{index}", stage.expansion != 1
                x = self.block(x, name, stride, expands=expands, residual=repeat > 0)
                index += 1
        x = tf.nn.relu6(self.conv(x, "_conv_head", "_bn1", 1))
        embedding = tf.reduce_mean(x, axis=[1, 2])
        logits = tf.matmul(embedding, self._weights["_fc.weight"].T)
        return tf.nn.bias_add(logits, self._weights["_fc.bias"], name="logits")


def build_frozen_graph(weights: dict[str, Array]) -> bytes:
    """The network as a frozen graph: ``pixels`` to ``logits``."""
    with tf.Graph().as_default() as graph:
        shape = [None, network.SIZE, network.SIZE, 3]
        Layers(weights).classify(v1.placeholder(tf.float32, shape, name=network.PIXELS))
    content: bytes = graph.as_graph_def().SerializeToString()
    return content


def build_tflite(weights: dict[str, Array]) -> bytes:
    """The network as a TFLite file."""
    with tf.Graph().as_default(), v1.Session() as session:
        shape = [None, network.SIZE, network.SIZE, 3]
        pixels = v1.placeholder(tf.float32, shape, name=network.PIXELS)
        logits = Layers(weights).classify(pixels)
        content: bytes = v1.lite.TFLiteConverter.from_session(session, [pixels], [logits]).convert()
    return content


def onnx_logits(content: bytes, pixels: Array) -> Array:
    """Logits by ONNX Runtime for pixels (N, 224, 224, 3)."""
    session = onnxruntime.InferenceSession(content)
    (logits,) = session.run(["logits"], {network.PIXELS: pixels.transpose(0, 3, 1, 2)})
    return np.asarray(logits)


def graph_logits(content: bytes, pixels: Array) -> Array:
    """Logits by TensorFlow for pixels (N, 224, 224, 3)."""
    with tf.Graph().as_default(), v1.Session() as session:
        tf.import_graph_def(v1.GraphDef.FromString(content), name="")
        return np.asarray(session.run("logits:0", {f"{network.PIXELS}:0": pixels}))


def tflite_logits(content: bytes, pixels: Array) -> Array:
    """Logits by LiteRT for pixels (N, 224, 224, 3)."""
    interpreter = Interpreter(model_content=content)
    place = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(place, pixels.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(place, pixels)
    interpreter.invoke()
    return np.asarray(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))


def build(folder: Path) -> float:
    """Write all three files; return the largest |difference| of their logits on six photographs.

    Raises ``RuntimeError`` if it is too large.
    """
    weights = network.read_weights()
    model = network.build_body(weights)
    # The other files have no embedding and no feature map.
    del model.graph.output[1:]
    contents = {
        "onnx": model.SerializeToString(),
        "pb": build_frozen_graph(weights),
        "tflite": build_tflite(weights),
    }
    normalised = (check_images().astype(np.float32) - network.MEAN) / network.STD
    pixels = normalised.astype(np.float32)
    exact = onnx_logits(contents["onnx"], pixels)
    others = (graph_logits(contents["pb"], pixels), tflite_logits(contents["tflite"], pixels))
    difference = max(float(np.abs(exact - other).max()) for other in others)
    if difference > MAX_DIFFERENCE:
        raise RuntimeError(f"the logits differ by {difference:.4f}")
    for suffix, content in contents.items():
        folder.joinpath(f"{NAME}.{suffix}").write_bytes(content)
    return difference


def main() -> None:
    """Build the files and print the difference of their logits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    print(f"{folder}: the logits differ by at most {build(folder):.6f}")


if __name__ == "__main__":
    main()
