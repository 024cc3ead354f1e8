"""Models whose input has one channel."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from PIL import Image

import pictell
from pictell.errors import InvalidModelError
from pictell.images.preprocess import preprocess
from pictell.models.bare import describe
from pictell.models.examine import examine
from pictell.models.folder import create_model_folder, read_weights
from pictell.models.single_file import write_single_file
from pictell.options import EngineOptions, ModelOptions
from pictell.types import DecodedImage, Layout, PreprocessSpec

SIDE = 8


def write(folder: Path, shape: list[Any], element: int = TensorProto.FLOAT) -> Path:
    """A graph of two classes, dark and light pictures."""
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["real"], ["mean"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("image", element, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [shape[0], 2])],
        [helper.make_tensor("weights", TensorProto.FLOAT, [1, 2], [-1, 1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    return folder / "net.onnx"


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    (tmp_path / "labels.txt").write_text("dark\nlight\n")
    return tmp_path / "labels.txt"


@pytest.mark.parametrize(
    ("shape", "layout"),
    [
        (["N", 1, SIDE, SIDE], "NCHW"),
        ([1, 1, SIDE, SIDE], "NCHW"),
        (["N", SIDE, SIDE, 1], "NHWC"),
        (["N", 1, "h", "w"], "NCHW"),
    ],
)
@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_the_input_shows_that_it_is_grey(
    tmp_path: Path, labels: Path, shape: list[Any], layout: Layout, runtime: str
) -> None:
    path = write(tmp_path, shape)
    options = ModelOptions(labels=labels, preset="unit", size=(SIDE, SIDE))
    spec = describe(path, options)
    assert (spec.preprocess.channels, spec.preprocess.layout) == ("grey", layout)
    assert examine(path, options).ready_spec() == spec
    with pictell.load(path, options=options, engine=EngineOptions(runtime=runtime)) as classifier:
        light = classifier.classify(np.full((20, 30, 3), (0, 255, 0), np.uint8))
    # Green is 0.587 of the luma.
    assert light.top.score == pytest.approx(1 / (1 + np.exp(-2 * 150 / 255)), abs=1e-4)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("mean", [None, 10.0])
def test_grey_is_that_of_pillow(layout: Layout, mean: float | None) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    image = Image.fromarray(pixels)
    colour, std = (None, None) if mean is None else (3 * (mean,), 3 * (2.0,))
    spec = PreprocessSpec(SIDE, SIDE, "squash", 1.0, "nearest", layout, "grey", colour, std)
    tensor = preprocess(DecodedImage(image, *image.size), spec)
    assert tensor.shape == ((1, SIDE, SIDE, 1) if layout == "NHWC" else (1, 1, SIDE, SIDE))
    found = tensor.reshape(SIDE, SIDE).astype(float)
    found = found if mean is None else found * 2 + mean
    assert found == pytest.approx(np.asarray(image.convert("L"), float), abs=1)


def test_the_kernel_of_tensorflow_1_and_bytes_give_grey_too(tmp_path: Path, labels: Path) -> None:
    path = write(tmp_path, ["N", SIDE, SIDE, 1], TensorProto.UINT8)
    options = ModelOptions(labels=labels, interpolation="bilinear-tf1")
    with pictell.load(path, options=options) as classifier:
        assert classifier.spec.preprocess.mean is None
        assert classifier.classify(np.full((9, 9, 3), 200, np.uint8)).top.label == "light"


@pytest.mark.parametrize("target", ["folder", "packed.onnx"])
def test_a_written_model_stays_grey(tmp_path: Path, labels: Path, target: str) -> None:
    spec = describe(write(tmp_path, ["N", 1, SIDE, SIDE]), ModelOptions(labels, preset="unit"))
    write_model = write_single_file if target.endswith(".onnx") else create_model_folder
    write_model(tmp_path / target, spec, read_weights(spec))
    with pictell.load(tmp_path / target) as classifier:
        assert classifier.spec.preprocess == spec.preprocess


@pytest.mark.parametrize(
    ("shape", "options", "words"),
    [
        ([1, 1, SIDE, SIDE], {"preset": "unit", "channels": "RGB"}, "--channels grey"),
        ([1, 1, SIDE, SIDE], {"preset": "unit", "layout": "NHWC"}, "--layout NCHW"),
        ([1, 1, SIDE, SIDE], {"preset": "torchvision"}, "one number for mean"),
        ([1, 3, SIDE, SIDE], {"preset": "unit", "channels": "grey"}, "--channels RGB"),
        ([1, 2, SIDE, SIDE], {"preset": "unit"}, r"3 channels \(RGB\) or 1 \(grey\)"),
        ([1, SIDE, SIDE], {"preset": "unit"}, "no batch of pictures"),
    ],
)
def test_what_does_not_fit_is_one_error(
    tmp_path: Path, labels: Path, shape: list[Any], options: dict[str, Any], words: str
) -> None:
    path, given = write(tmp_path, shape), ModelOptions(labels=labels, **options)
    with pytest.raises(InvalidModelError, match=words):
        describe(path, given)
    with pytest.raises(InvalidModelError, match=words):
        examine(path, given).ready_spec()


def test_frozen_graphs_and_tflite_files_may_be_grey(tmp_path: Path, labels: Path) -> None:
    # Its import takes long.
    from tensorflow_models import tf

    graph = tf.Graph()
    with graph.as_default():
        image = tf.compat.v1.placeholder(tf.float32, (None, SIDE, SIDE, 1), name="image")
        logits = tf.matmul(tf.reduce_mean(image, [1, 2]), np.array([[-1, 1]], np.float32))
        scores = tf.nn.softmax(logits, name="scores")
        with tf.compat.v1.Session() as session:
            converter = tf.compat.v1.lite.TFLiteConverter.from_session(session, [image], [scores])
            (tmp_path / "net.tflite").write_bytes(converter.convert())
    (tmp_path / "net.pb").write_bytes(graph.as_graph_def().SerializeToString())
    for name in ("net.pb", "net.tflite"):
        options = ModelOptions(labels=labels, preset="unit")
        with pictell.load(tmp_path / name, options=options) as classifier:
            assert classifier.spec.preprocess.channels == "grey"
            light = classifier.classify(np.full((20, 30, 3), (0, 255, 0), np.uint8))
        assert light.top.score == pytest.approx(1 / (1 + np.exp(-2 * 150 / 255)), abs=1e-4)


def test_a_grey_input_asks_for_one_number_at_once(tmp_path: Path, labels: Path) -> None:
    path = write(tmp_path, ["N", SIDE, SIDE, 1])
    asked = []
    for options in (
        ModelOptions(),
        ModelOptions(preset="torchvision"),
        ModelOptions(preset="caffe"),
    ):
        with pytest.raises(InvalidModelError, match="one number") as caught:
            describe(path, replace(options, labels=labels))
        asked.append(str(caught.value))
    for message in asked:
        assert "torchvision" not in message
        for preset in ("unit", "raw", "tf-slim"):
            assert preset in message
            assert describe(path, ModelOptions(labels=labels, preset=preset)).preprocess.mean


@pytest.mark.parametrize("shape", [["N", 784], [28, 28], ["N", 28, 28]])
def test_a_shape_without_channels_names_the_grey_forms(
    tmp_path: Path, labels: Path, shape: list[Any]
) -> None:
    path = write(tmp_path, shape)
    with pytest.raises(InvalidModelError, match=r"or with 1 for grey"):
        describe(path, ModelOptions(labels=labels, preset="unit"))
