"""TensorFlow graphs and SavedModels, in TensorFlow and in OpenVINO."""

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pictell import runtimes
from pictell.errors import InvalidModelError
from pictell.graphs import Weights
from pictell.inspection import check_safe
from pictell.options import EngineOptions
from pictell.types import ModelSpec
from real_models import frozen_graphs, pictures, run, spec
from tensorflow_models import (
    CLASSES,
    SIDE,
    batch,
    frozen,
    keras_export,
    means,
    module,
    of_tensorflow_1,
    scores,
    tf,
    v1,
)

ENGINES = ["tensorflow", "openvino"]


def opened(spec: ModelSpec, weights: Weights, runtime: str) -> runtimes.Session:
    return runtimes.open_session(spec, weights, EngineOptions(runtime=runtime))


def small(output: str = "scores", **changes: Any) -> ModelSpec:
    return dataclasses.replace(spec("frozen-graph", SIDE, CLASSES, output), **changes)


@pytest.mark.parametrize("name", ["128", "224", "panel", "quantized"])
def test_a_frozen_graph_gives_what_a_plain_session_gives(shared: Path, name: str) -> None:
    """The expected outputs come from a TensorFlow 1 session, one image at a time."""
    model, files = frozen_graphs(shared)[name]
    images = pictures(shared, model, 5)
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(v1.GraphDef.FromString(files.graph), name="")
        fetch = graph.get_tensor_by_name(f"{model.output_name}:0")
        with v1.Session() as session:
            expected = [session.run(fetch, {"input:0": image[None]})[0] for image in images]
    found = run(opened(model, files, "tensorflow"), model, images)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["128", "224", "panel"])
def test_openvino_gives_what_tensorflow_gives(shared: Path, name: str) -> None:
    """On all 650 images they differ by 2e-5 at most."""
    model, files = frozen_graphs(shared)[name]
    images = pictures(shared, model, 40)
    expected, found = (run(opened(model, files, engine), model, images) for engine in ENGINES)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_openvino_says_in_one_line_what_it_cannot_run(shared: Path) -> None:
    model, files = frozen_graphs(shared)["quantized"]
    with pytest.raises(InvalidModelError, match=r"does not support .*Dequantize: give") as caught:
        opened(model, files, "openvino")
    assert str(caught.value).endswith(" --runtime tensorflow")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("engine", ENGINES)
def test_any_tensor_of_a_graph_can_be_an_output(engine: str) -> None:
    def build(image: Any) -> None:
        middle = tf.identity(means(image), name="middle")
        tf.nn.softmax(tf.nn.relu(middle), name="scores")

    session = opened(small("middle", embedding="scores"), frozen(build), engine)
    middle, last = session.run({"input": batch(2)}, ["middle", "scores"]).values()
    rectified = np.exp(np.maximum(middle, 0))
    np.testing.assert_allclose(last, rectified / rectified.sum(axis=1, keepdims=True), atol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_graph_can_be_fed_in_its_middle(engine: str) -> None:
    """Retrained graphs begin with a JPEG decoder."""

    def build(image: Any) -> None:
        scores(tf.multiply(tf.reshape(image, [-1, SIDE, SIDE, 3]), 2, name="Mul"))

    fed = small(input_name="Mul")
    found = run(opened(fed, frozen(build), engine), fed, batch(2))
    expected = run(opened(small(), frozen(scores), engine), small(), batch(2))
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_input_with_a_default_need_not_be_fed(engine: str) -> None:
    def build(image: Any) -> None:
        keep = v1.placeholder_with_default(np.float32(1), (), name="keep_prob")
        scores(image * keep)

    found = run(opened(small(), frozen(build), engine), small(), batch(2))
    expected = run(opened(small(), frozen(scores), engine), small(), batch(2))
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_input_that_the_output_does_not_need_is_ignored(engine: str) -> None:
    def build(image: Any) -> None:
        tf.identity(v1.placeholder(tf.float32, (None, CLASSES), name="truth") + 1, name="loss")
        scores(image)

    assert run(opened(small(), frozen(build), engine), small(), batch(1)).shape == (1, CLASSES)


@pytest.mark.parametrize("engine", ENGINES)
def test_several_inputs_are_listed(engine: str) -> None:
    def build(image: Any) -> None:
        scores(image * v1.placeholder(tf.float32, (), name="keep_prob"))

    with pytest.raises(InvalidModelError, match=r"several inputs \((input|keep_prob), "):
        opened(small(), frozen(build), engine)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"output_name": "scroes"}, "no output 'scroes': it has scores"),
        ({"input_name": "data"}, "no input 'data': it has input"),
    ],
)
def test_unknown_names(engine: str, changes: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidModelError, match=message):
        opened(small(**changes), frozen(scores), engine)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((None, SIDE, SIDE, 1), r"\(N, 16, 16, 1\): give --channels grey"),
        ((1, 20, 12, 3), r"\(1, 20, 12, 3\): give --size 12x20"),
        ((None, 3, SIDE, SIDE), r"give --layout NCHW, not NHWC"),
    ],
)
def test_runtimes_know_the_shape_of_the_input(
    engine: str, shape: tuple[int | None, ...], message: str
) -> None:
    def build(image: Any) -> None:
        scores(tf.reshape(image, (-1, 1, 1, 3)))

    with pytest.raises(InvalidModelError, match=message):
        opened(small(), frozen(build, shape), engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_runtimes_know_the_shape_of_the_output(engine: str) -> None:
    with pytest.raises(InvalidModelError, match="labels for an output of 5 classes"):
        opened(small(labels=small().labels[:3]), frozen(scores), engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_spatial_axes_of_size_one_are_dropped(engine: str) -> None:
    def build(image: Any) -> None:
        tf.reshape(scores(image), (-1, 1, 1, CLASSES), name="map")

    found = run(opened(small("map"), frozen(build), engine), small("map"), batch(3))
    expected = run(opened(small(), frozen(scores), engine), small(), batch(3))
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("settings", [{}, {"depth_radius": 2}, {"depth_radius": 3, "alpha": 0.3}])
def test_local_response_normalisation(settings: dict[str, float]) -> None:
    """Inception v1 and AlexNet use it. OpenVINO's own rule is wrong for odd radii."""

    def build(image: Any) -> None:
        many = tf.concat([image * n for n in range(1, 8)], axis=3)
        mean = tf.reduce_mean(tf.nn.lrn(many, **settings), [1, 2])
        tf.identity(mean[:, : 4 * CLASSES : 4], name="scores")

    expected, found = (
        run(opened(small(), frozen(build), engine), small(), batch(2)) for engine in ENGINES
    )
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("content", [b"", b"hello", frozen(scores).graph[:-100]])
def test_an_invalid_graph_is_refused_in_one_line(
    engine: str, content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InvalidModelError) as caught:
        opened(small(), Weights("frozen-graph", {"graph.pb": content}), engine)
    assert "\n" not in str(caught.value)
    assert tempfile.gettempdir() not in str(caught.value)
    assert capfd.readouterr().err == ""


@pytest.fixture(scope="module", params=[module, keras_export, of_tensorflow_1])
def saved_model(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ModelSpec, Weights, np.ndarray]:
    """Spec, files, and a function that runs a batch in TensorFlow's own loader."""
    folder = tmp_path_factory.mktemp("saved")
    model, files = request.param(folder)
    if request.param is of_tensorflow_1:
        return model, files, without_initialising(folder, batch(3))
    signature = tf.saved_model.load(str(folder)).signatures["serving_default"]
    return model, files, signature(**{model.input_name: batch(3)})[model.output_name].numpy()


def without_initialising(folder: Path, images: np.ndarray) -> np.ndarray:
    """Restored by the saver: the initialisation of the model sets the kernel to zero."""
    with tf.Graph().as_default(), v1.Session() as session:
        meta = v1.saved_model.loader.load(session, ["serve"], str(folder))
        v1.train.Saver().restore(session, str(folder / "variables" / "variables"))
        outputs = meta.signature_def["serving_default"].outputs
        found: np.ndarray = session.run(outputs["scores"].name, {"x:0": images})
    return found


@pytest.mark.parametrize("engine", ENGINES)
def test_a_saved_model_gives_what_tensorflow_gives(
    saved_model: tuple[ModelSpec, Weights, np.ndarray], engine: str
) -> None:
    model, files, expected = saved_model
    check_safe(files)
    found = run(opened(model, files, engine), model, batch(3))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert len(np.unique(found.round(6))) > 3


@pytest.mark.parametrize("engine", ENGINES)
def test_a_saved_model_has_further_outputs(tmp_path: Path, engine: str) -> None:
    model, files = module(tmp_path)
    session = opened(dataclasses.replace(model, embedding="embedding"), files, engine)
    found = session.run({model.input_name: batch(2)}, ["scores", "embedding"])
    scores, embedding = found["scores"], found["embedding"]
    assert scores.shape == (2, CLASSES)
    assert embedding.shape == (2, 8)
    with pytest.raises(InvalidModelError, match="no output 'logits': it has embedding, scores"):
        opened(dataclasses.replace(model, output_name="logits"), files, engine)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_saved_model_without_its_variables_is_refused(
    tmp_path: Path, engine: str, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, whole = module(tmp_path / "model")
    files = dict(whole.files)
    for name in [name for name in files if name.startswith("variables/")]:
        if damage == "missing":
            del files[name]
        else:
            files[name] = files[name][: len(files[name]) // 2]
    empty = tmp_path / "temporary"
    empty.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(empty))
    with pytest.raises(InvalidModelError) as caught:
        opened(model, Weights("saved-model", files), engine)
    assert "\n" not in str(caught.value)
    assert list(empty.iterdir()) == []
