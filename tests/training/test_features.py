"""The features in a graph are what numpy computes from the tensors of the original model."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

import pictell
from hostile_models import weights
from pictell.errors import InvalidModelError
from pictell.inspection import check_safe
from pictell.training.backbone import Taps, cut, find_taps
from pictell.training.features import WEIGHTS, feature_graph
from pictell.types import Activation, Layout
from small_networks import CHANNELS, HEIGHT, LAST_LAYERS, WIDTH, edited, network, run

DEFAULT = Path(pictell.__file__).parent / "models/default/weights.onnx"
OPSETS = range(11, 25)


def features_of(
    model: bytes, taps: Taps, activation: Activation = "softmax", layout: Layout = "NHWC"
) -> bytes:
    part = cut(model, filter(None, taps), edited(model).graph.input[0].name)
    graph = feature_graph(part, taps, activation, layout)
    check_safe(weights("onnx", graph))
    onnx.checker.check_model(edited(graph), full_check=True)
    return graph


def some_images(count: int, *size: int, dtype: type = np.float32) -> NDArray[np.generic]:
    random = np.random.default_rng(count)
    shape = (count, *(size or (HEIGHT, WIDTH)), 3)
    if dtype is np.uint8:
        return random.integers(0, 256, shape, np.uint8)
    return random.normal(size=shape).astype(dtype)


def units(values: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.array([row / (np.sqrt((row**2).sum()) or 1) for row in values])


def linear(size: int, target: int) -> NDArray[np.float64]:
    """The matrix (target, size) of linear interpolation between the centres of pixels."""
    places = ((np.arange(target) + 0.5) * size / target - 0.5).clip(0, size - 1)
    low = np.floor(places).astype(int)
    high = (low + 1).clip(max=size - 1)
    matrix = np.zeros((target, size))
    np.add.at(matrix, (np.arange(target), low), 1 - (places - low))
    np.add.at(matrix, (np.arange(target), high), places - low)
    return matrix


def enlarged(images: NDArray[np.generic]) -> NDArray[np.generic]:
    """The middle 6/7 of images (N, H, W, 3), as large as the images."""
    height, width = images.shape[1:3]
    rows, columns = round(height * 6 / 7), round(width * 6 / 7)
    top, left = (height - rows) // 2, (width - columns) // 2
    crop = images[:, top : top + rows, left : left + columns].astype(np.float64)
    resized = np.einsum(
        "ah,bw,nhwc->nabc", linear(rows, height), linear(columns, width), crop, optimize=True
    )
    return (np.rint(resized) if images.dtype == np.uint8 else resized).astype(images.dtype)


def mean_of_views(
    model: bytes, tensor: str, images: NDArray[np.generic], layout: Layout = "NHWC"
) -> NDArray[np.float64]:
    """The mean (N, D, …) of a tensor of the original model over both views."""
    whole = edited(model)
    if all(output.name != tensor for output in whole.graph.output):
        whole.graph.output.append(onnx.ValueInfoProto(name=tensor))
    found = []
    for view in (images, enlarged(images)):
        given = view.transpose(0, 3, 1, 2) if layout == "NCHW" else view
        (values,) = run(whole.SerializeToString(), np.ascontiguousarray(given), tensor)
        found.append(values.astype(np.float64))
    return np.mean(found, axis=0)


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def expected(
    model: bytes, taps: Taps, images: NDArray[np.generic], layout: Layout = "NHWC"
) -> NDArray[np.float64]:
    embedding = mean_of_views(model, taps.embedding, images, layout).reshape(len(images), -1)
    parts = [WEIGHTS["embedding"] * units(np.sign(embedding) * np.log1p(abs(embedding)))]
    if taps.texture is not None:
        texture = mean_of_views(model, taps.texture, images, layout).mean(axis=(2, 3))
        parts.append(WEIGHTS["texture"] * units(np.sign(texture) * np.sqrt(abs(texture))))
    if taps.output is not None:
        scores = softmax(mean_of_views(model, taps.output, images, layout))
        parts.append(WEIGHTS["probabilities"] * units(np.sqrt(scores)))
    return units(np.hstack(parts))


@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize("last", ["gemm", "matmul-add", "add-first", "quantised-and-back"])
def test_the_features(last: str, depthwise: bool) -> None:
    model = network(last, depthwise=depthwise)
    taps = find_taps(model, "scores")
    graph = features_of(model, taps)
    for count in (1, 3, 8):
        (found,) = run(graph, some_images(count))
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected(model, taps, some_images(count)), atol=1e-5)


def test_a_last_layer_of_convolutions() -> None:
    model = network("conv")
    taps = Taps(LAST_LAYERS["conv"][1])
    (found,) = run(features_of(model, taps), some_images(2))
    np.testing.assert_allclose(found, expected(model, taps, some_images(2)), atol=1e-5)


def test_an_output_that_has_probabilities_already() -> None:
    model = network("softmax")
    taps = find_taps(model, "scores")
    (found,) = run(features_of(model, taps, "none"), some_images(3))
    scores = mean_of_views(model, "scores", some_images(3))
    embedding = expected(model, Taps(taps.embedding), some_images(3))
    parts = [embedding, WEIGHTS["probabilities"] * units(np.sqrt(scores))]
    np.testing.assert_allclose(found, units(np.hstack(parts)), atol=1e-5)


@pytest.mark.parametrize("opset", OPSETS)
def test_every_opset(opset: int) -> None:
    model, newest = (network(depthwise=True, opset=one) for one in (opset, 17))
    taps = find_taps(model, "scores")
    (found,) = run(features_of(model, taps), some_images(3))
    np.testing.assert_allclose(found, run(features_of(newest, taps), some_images(3))[0], atol=1e-5)


def test_an_embedding_of_zeros_stays_zero() -> None:
    # The only bias is that of the last layer, so black gives zeros.
    black = np.zeros((2, HEIGHT, WIDTH, 3), np.float32)
    (found,) = run(features_of(network(), Taps("flat")), black)
    assert np.array_equal(found, np.zeros((2, CHANNELS)))


def test_negative_numbers_keep_their_sign() -> None:
    model = edited(network())
    model.graph.node.insert(6, helper.make_node("Neg", ["flat"], ["negative"]))
    content, taps = model.SerializeToString(), Taps("negative")
    (found,) = run(features_of(content, taps), some_images(2))
    assert (found < 0).any()
    np.testing.assert_allclose(found, expected(content, taps, some_images(2)), atol=1e-5)


def test_float16_weights() -> None:
    model = edited(network())
    nodes = list(model.graph.node)
    del model.graph.node[:]
    half = helper.make_node("Cast", ["real"], ["half"], to=TensorProto.FLOAT16)
    nodes[1].input[0] = "half"
    model.graph.node.extend([nodes[0], half, *nodes[1:]])
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            values = numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT16
    content = model.SerializeToString()
    taps = find_taps(content, "scores")
    (found,) = run(features_of(content, taps), some_images(4))
    np.testing.assert_allclose(found, expected(content, taps, some_images(4)), atol=3e-3)


# Views


@settings(max_examples=25, deadline=None)
@given(
    size=st.tuples(st.integers(2, 19), st.integers(2, 19)),
    layout=st.sampled_from(["NHWC", "NCHW"]),
    element=st.sampled_from([TensorProto.FLOAT, TensorProto.UINT8, TensorProto.FLOAT16]),
    count=st.integers(1, 4),
)
def test_views_of_any_size(size: tuple[int, int], layout: Layout, element: int, count: int) -> None:
    dtype = helper.tensor_dtype_to_np_dtype(element).type
    model = network(element=element, layout=layout, size=size)
    taps = find_taps(model, "scores")
    images = some_images(count, *size, dtype=dtype)
    given = images.transpose(0, 3, 1, 2) if layout == "NCHW" else images
    graph = features_of(model, taps, layout=layout)
    (found,) = run(graph, np.ascontiguousarray(given))
    # A uint8 value half-way between two may be rounded to either.
    atol = 1e-5 if dtype is np.float32 else 2e-2
    np.testing.assert_allclose(found, expected(model, taps, images, layout), atol=atol)


def test_the_enlarged_middle_is_what_pillow_samples() -> None:
    image = Image.fromarray(np.random.default_rng(5).integers(0, 256, (14, 21, 3), np.uint8))
    middle = image.crop((1, 1, 19, 13))
    steps = (18 / 21, 0, 0, 0, 12 / 14, 0)
    sampled = middle.transform(image.size, Image.Transform.AFFINE, steps, Image.Resampling.BILINEAR)
    found = enlarged(np.asarray(image)[np.newaxis])[0]
    assert np.abs(found.astype(int) - np.asarray(sampled)).max() <= 1


@pytest.mark.parametrize("options", [{"batch": 1}, {"size": ("h", "w")}])
def test_one_view_where_two_cannot_be_made(options: dict[str, object]) -> None:
    model = network(**options)
    (found,) = run(features_of(model, Taps("flat")), some_images(1))
    whole = edited(model)
    whole.graph.output.append(onnx.ValueInfoProto(name="flat"))
    (embedding,) = run(whole.SerializeToString(), some_images(1), "flat")
    np.testing.assert_allclose(found, units(np.log1p(embedding)), atol=1e-5)


def test_an_input_that_is_not_a_batch_of_images_is_refused() -> None:
    model = edited(network())
    model.graph.input[0].type.tensor_type.shape.dim.pop()
    part = cut(model.SerializeToString(), ["flat"], "image")
    with pytest.raises(InvalidModelError, match="not a batch of images"):
        feature_graph(part, Taps("flat"), "softmax", "NHWC")


# Names


def test_names_that_clash_are_free_again() -> None:
    names = {
        "flat": "embedding",
        "pooled": "logits",
        "relu": "familiarity",
        "kernel": "pictell.weights",
        "map": "pictell.views",
        "real": "backbone.embedding",
        "texture": "pictell.texture_mean",
    }
    model = network(names=names, depthwise=True)
    taps = Taps("embedding", "pictell.texture_mean", "scores")
    (found,) = run(features_of(model, taps), some_images(2))
    plain = network(depthwise=True)
    wanted = expected(plain, find_taps(plain, "scores"), some_images(2))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_an_input_with_the_name_of_an_output_is_refused() -> None:
    part = cut(network(names={"image": "logits"}), ["flat"], "logits")
    with pytest.raises(InvalidModelError, match=r"'logits': rename it$"):
        feature_graph(part, Taps("flat"), "softmax", "NHWC")


def test_a_backbone_with_two_inputs_is_refused() -> None:
    model = edited(network())
    model.graph.input.append(helper.make_tensor_value_info("gain", TensorProto.FLOAT, [1]))
    with pytest.raises(InvalidModelError, match="2 inputs"):
        feature_graph(model.SerializeToString(), Taps("flat"), "softmax", "NHWC")


def test_the_default_model() -> None:
    content = DEFAULT.read_bytes()
    taps = find_taps(content, "logits", "embedding")
    images = some_images(3, 224, 224, dtype=np.uint8)
    graph = features_of(content, taps)
    (found,) = run(graph, images)
    assert found.shape == (3, 1280 + 1152 + 1000)
    wanted = expected(content, taps, images)
    assert (found * wanted).sum(axis=1).min() > 0.999
    (alone,) = run(graph, images[:1])
    np.testing.assert_allclose(alone, found[:1], atol=1e-4)
