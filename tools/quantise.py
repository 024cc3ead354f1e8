"""int8 for EfficientNet-Lite0: static QDQ with per-channel weights and corrected biases."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import skimage
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from PIL import Image

import efficientnet_lite0 as network
from efficientnet_lite0 import Array

# Photographs in scikit-image that are in the public domain or under CC0.
CALIBRATION_PHOTOS = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "hubble_deep_field.jpg",
    "motorcycle_left.png",
    "rocket.jpg",
)
CROPS_PER_PHOTO = 30
SMALLEST_CROP_AREA = 0.2
SEED = 0


def calibration_images() -> list[NDArray[np.uint8]]:
    """Three hundred random square crops, (224, 224, 3) uint8; always the same ones."""
    random = np.random.default_rng(SEED)
    folder = Path(skimage.__file__).parent / "data"
    images = []
    for name in CALIBRATION_PHOTOS:
        with Image.open(folder / name) as file:
            photo = file.convert("RGB")
        for _ in range(CROPS_PER_PHOTO):
            side = int(min(photo.size) * random.uniform(SMALLEST_CROP_AREA**0.5, 1))
            left = int(random.integers(0, photo.width - side + 1))
            top = int(random.integers(0, photo.height - side + 1))
            crop = photo.resize(
                (network.SIZE, network.SIZE),
                Image.Resampling.BICUBIC,
                box=(left, top, left + side, top + side),
            )
            images.append(np.asarray(crop))
    return images


def normalise(image: NDArray[np.uint8]) -> Array:
    """An image (224, 224, 3) uint8 as ``pixels``, (1, 3, 224, 224) float32 in about -1..1."""
    pixels = (image.astype(np.float32) - network.MEAN) / network.STD
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[np.newaxis])


class ImageReader(CalibrationDataReader):  # type: ignore[misc]
    """Gives the calibration images to ONNX Runtime's calibrator, in batches of one."""

    def __init__(self, images: Iterable[NDArray[np.uint8]]) -> None:
        self.images: Iterator[NDArray[np.uint8]] = iter(images)

    def get_next(self) -> dict[str, Array] | None:
        image = next(self.images, None)
        return None if image is None else {network.PIXELS: normalise(image)}


def input_means(
    body: onnx.ModelProto, nodes: Sequence[onnx.NodeProto], images: Sequence[NDArray[np.uint8]]
) -> dict[str, Array]:
    """The mean of each node's first input per channel, (C,), over all images and positions."""
    probe = onnx.ModelProto()
    probe.CopyFrom(body)
    known = {value.name for value in [*body.graph.input, *body.graph.output]}
    names = sorted({node.input[0] for node in nodes} - {network.PIXELS})
    for name in names:
        if name not in known:
            value = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
            probe.graph.output.append(value)
    session = onnxruntime.InferenceSession(probe.SerializeToString())
    sums: dict[str, Array] = {}
    for image in images:
        pixels = normalise(image)
        values = session.run(names, {network.PIXELS: pixels})
        for name, value in zip([network.PIXELS, *names], [pixels, *values], strict=True):
            mean = np.asarray(value.mean(axis=(0, *range(2, value.ndim))), np.float32)
            sums[name] = sums.get(name, np.zeros_like(mean)) + mean
    return {name: total / np.float32(len(images)) for name, total in sums.items()}


def rounding_error(weight: Array) -> Array:
    """The error of symmetric int8 rounding of the weights, summed over the kernel: (O, I)."""
    axes = tuple(range(1, weight.ndim))
    largest = np.abs(weight).max(axis=axes, keepdims=True)
    scale = np.where(largest > 0, largest, 1) / 127
    error = np.round(weight / scale) * scale - weight
    return np.asarray(error.sum(axis=tuple(range(2, weight.ndim))), np.float32)


def correct_biases(body: onnx.ModelProto, images: Sequence[NDArray[np.uint8]]) -> onnx.ModelProto:
    """Subtract from each bias the mean shift that rounding the weights causes.

    Rounding shifts the mean output of a channel by (rounded - exact) @ E[x]: Nagel et al. 2019,
    'Data-Free Quantization Through Weight Equalization and Bias Correction', arXiv:1906.04721,
    section 4.2; E[x] is measured on the calibration images.
    """
    corrected = onnx.ModelProto()
    corrected.CopyFrom(body)
    parameters = {tensor.name: tensor for tensor in corrected.graph.initializer}
    nodes = [node for node in corrected.graph.node if node.op_type in {"Conv", "Gemm"}]
    means = input_means(body, nodes, images)
    for node in nodes:
        source, weight, bias = node.input
        error = rounding_error(numpy_helper.to_array(parameters[weight]))
        mean = means[source]
        depthwise = error.shape[1] == 1
        shift = error[:, 0] * mean if depthwise else error @ mean
        exact = numpy_helper.to_array(parameters[bias])
        parameters[bias].CopyFrom(numpy_helper.from_array(exact - shift, bias))
    return corrected


def replace_input(model: onnx.ModelProto) -> None:
    """Make the graph take uint8 pixels.

    ``QuantizeLinear`` of normalised pixels, with the scale 1/128 and the zero point 127, gives
    exactly the uint8 pixels, so the graph needs neither it nor the normalisation.
    """
    graph = model.graph
    parameters = {tensor.name: tensor for tensor in graph.initializer}
    index, node = next(
        (index, node)
        for index, node in enumerate(graph.node)
        if node.op_type == "QuantizeLinear" and node.input[0] == network.PIXELS
    )
    _, scale, zero_point = node.input
    if numpy_helper.to_array(parameters[scale]) != np.float32(1 / network.STD):
        raise ValueError("the calibration images do not span 0..255: the input scale is not 1/128")
    if numpy_helper.to_array(parameters[zero_point]) != network.MEAN:
        raise ValueError("the calibration images do not span 0..255: the zero point is not 127")
    quantised = node.output[0]
    del graph.node[index]
    network.take_uint8_image(model, quantised)


def build_int8(body: onnx.ModelProto, images: Sequence[NDArray[np.uint8]]) -> onnx.ModelProto:
    """``build_body``'s graph in int8, from a uint8 ``image`` (N, 224, 224, 3).

    Activations are uint8, by their minimum and maximum on the calibration images; weights are int8
    per channel. The logits stay float32, as rounding them would spoil the softmax.
    """
    with tempfile.TemporaryDirectory() as folder:
        exact, rounded = Path(folder, "float32.onnx"), Path(folder, "int8.onnx")
        onnx.save(correct_biases(body, images), exact)
        quantize_static(
            exact,
            rounded,
            ImageReader(images),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm"]},
        )
        model = onnx.load(rounded)
    replace_input(model)
    model.producer_name = "pictell"
    onnx.checker.check_model(model, full_check=True)
    return model
