"""A model that labels a picture by its brightness: as a session without an engine, and as ONNX."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from pictell.graphs import TensorSpec, Weights
from pictell.types import Label, ModelSpec, PreprocessSpec

SIDE = 8
SHARPNESS = 20.0
WEIGHTS_FILE = "brightness.onnx"


class FakeSession:
    """Of ``classes`` equal steps between black and white, the one a picture falls into wins."""

    def __init__(self, classes: int) -> None:
        self._centres = centres(classes)

    def run(
        self, inputs: Mapping[str, NDArray[np.generic]], outputs: Sequence[str]
    ) -> dict[str, NDArray[np.generic]]:
        """One uint8 input (N, 8, 8, 3) -> logits (N, classes) under each name in ``outputs``."""
        (batch,) = inputs.values()
        brightness = batch.astype(np.float64).reshape(len(batch), -1).mean(axis=1) / 255
        logits = -SHARPNESS * np.abs(brightness[:, np.newaxis] - self._centres)
        return dict.fromkeys(outputs, logits)

    def close(self) -> None:
        """Nothing to release."""


def centres(classes: int) -> NDArray[np.float64]:
    """The brightness (0..1) at the centre of each class."""
    return (np.arange(classes) + 0.5) / classes


def weights(classes: int) -> Weights:
    """The same function as an ONNX model, in float64."""
    node, constant = onnx.helper.make_node, onnx.numpy_helper.from_array
    graph = onnx.helper.make_graph(
        [
            node("Cast", ["image"], ["pixels"], to=onnx.TensorProto.DOUBLE),
            node("Flatten", ["pixels"], ["flat"]),
            node("ReduceMean", ["flat", "axes"], ["mean"], keepdims=1),
            node("Div", ["mean", "white"], ["brightness"]),
            node("Sub", ["brightness", "centres"], ["difference"]),
            node("Abs", ["difference"], ["distance"]),
            node("Mul", ["distance", "sharpness"], ["logits"]),
        ],
        "brightness",
        [onnx.helper.make_tensor_value_info("image", onnx.TensorProto.UINT8, ["N", SIDE, SIDE, 3])],
        [onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.DOUBLE, ["N", classes])],
        [
            constant(np.array([1]), "axes"),
            constant(np.array(255.0), "white"),
            constant(centres(classes), "centres"),
            constant(np.array(-SHARPNESS), "sharpness"),
        ],
    )
    opsets = [onnx.helper.make_opsetid("", 18)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9)
    return Weights("onnx", {WEIGHTS_FILE: model.SerializeToString()})


def checksum(files: Mapping[str, bytes]) -> str:
    """The SHA-256 of the only file."""
    (content,) = files.values()
    return hashlib.sha256(content).hexdigest()


def spec(labels: Sequence[str]) -> ModelSpec:
    """The description of a ``FakeSession`` with these labels, from dark to bright."""
    return ModelSpec(
        name="fake",
        format="onnx",
        weights=Path(WEIGHTS_FILE),
        sha256=checksum(weights(len(labels)).files),
        input_name="image",
        output_name="logits",
        activation="softmax",
        preprocess=PreprocessSpec(SIDE, SIDE, "squash", 1.0, "bilinear", "NHWC", "RGB", None, None),
        labels=tuple(map(Label, labels)),
        licence="none",
        source="pictell",
    )


class FakeEngine(FakeSession):
    """The session as an engine: what ``open_engine`` of a runtime returns."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(len(spec.labels))
        self.inputs = [TensorSpec(spec.input_name, None, "uint8")]
        self.outputs = [TensorSpec(spec.output_name, (None, len(spec.labels)), "float64")]
