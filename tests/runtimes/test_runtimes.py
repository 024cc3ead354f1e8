"""The default model in its runtime: what fits, and int8 products on every processor."""

import dataclasses
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import skimage.data
from PIL import Image

import build_saturation_probe
import fake_model as fake
from command import ROOT, environment, pictell
from pictell import models, runtimes
from pictell.errors import InvalidModelError, RuntimeFailedError, UsageError
from pictell.graphs import Weights
from pictell.inspection.fit import wanted_outputs
from pictell.models.folder import read_weights
from pictell.options import EngineOptions
from pictell.runtimes import onnx as onnx_runtime
from pictell.types import Label
from real_models import run

DEFAULT = models.find("default")
WEIGHTS = read_weights(DEFAULT)


@pytest.fixture(scope="module")
def session() -> runtimes.Session:
    return runtimes.open_session(DEFAULT, WEIGHTS)


def test_all_outputs_have_their_documented_shapes(session: runtimes.Session) -> None:
    outputs = wanted_outputs(DEFAULT)
    found = session.run({"image": np.zeros((2, 224, 224, 3), np.uint8)}, outputs)
    values = [found[name] for name in outputs]
    assert [value.shape for value in values] == [(2, 1000), (2, 1280), (2, 1280, 7, 7)]
    assert all(value.dtype == np.float32 for value in values)
    _, embedding, feature_map = values
    np.testing.assert_allclose(feature_map.mean(axis=(2, 3)), embedding, atol=0.03)


def test_an_unknown_runtime_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="unknown runtime 'caffe': give one of onnx, "):
        runtimes.open_session(DEFAULT, WEIGHTS, EngineOptions(runtime="caffe"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input_name": "data"}, "no input 'data': it has image"),
        (
            {"preprocess": dataclasses.replace(DEFAULT.preprocess, mean=(0, 0, 0), std=(1, 1, 1))},
            r"the input 'image' takes uint8: give neither --mean nor --std",
        ),
        (
            {"output_name": "feature_map"},
            r"the output 'feature_map' has shape .* not \(N, classes\)",
        ),
        ({"output_name": "scores"}, "no output 'scores': it has logits, embedding, feature_map"),
        ({"labels": (Label("a"), Label("b"))}, "2 labels for an output of 1000 classes"),
    ],
)
def test_a_spec_that_does_not_fit_the_graph_is_refused(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidModelError, match=message):
        runtimes.open_session(dataclasses.replace(DEFAULT, **changes), WEIGHTS)  # type: ignore[arg-type]


@pytest.mark.parametrize("weights", [b"", b"hello", WEIGHTS.graph[: len(WEIGHTS.graph) // 2]])
def test_invalid_weights_are_refused_in_one_line(weights: bytes) -> None:
    with pytest.raises(InvalidModelError, match="refuses the weights") as caught:
        runtimes.open_session(DEFAULT, Weights("onnx", {"weights.onnx": weights}))
    assert "\n" not in str(caught.value)


def test_a_batch_of_the_wrong_shape_fails_in_one_line(session: runtimes.Session) -> None:
    with pytest.raises(RuntimeFailedError, match="onnx failed") as caught:
        run(session, DEFAULT, np.zeros((1, 3, 224, 224), np.uint8))
    assert "\n" not in str(caught.value)


def test_the_fake_model_gives_the_same_logits_with_and_without_a_runtime() -> None:
    model, files = fake.spec(["dark", "bright"]), fake.weights(2)
    black, white = np.zeros((1, 8, 8, 3), np.uint8), np.full((1, 8, 8, 3), 255, np.uint8)
    images = np.concatenate([black, white])
    found = run(runtimes.open_session(model, files), model, images)
    np.testing.assert_allclose(found, run(fake.FakeSession(2), model, images))
    assert found.argmax(axis=1).tolist() == [0, 1]


def test_the_saturation_probe_is_what_its_tool_writes() -> None:
    assert onnx.load(onnx_runtime.PROBE) == build_saturation_probe.build()


def test_int8_products_do_not_saturate(session: runtimes.Session) -> None:
    """A session with exact products in any case agrees with the one that probes the processor."""
    options = onnx_runtime._options(threads=1)
    options.add_session_config_entry(onnx_runtime.EXACT_PRODUCTS, "1")
    exact = onnx_runtime.onnxruntime.InferenceSession(WEIGHTS.graph, options)
    batch = photo_batch()
    (expected,) = exact.run(["logits"], {"image": batch})
    found = run(session, DEFAULT, batch)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def photo_batch() -> np.ndarray:
    photo = Image.fromarray(skimage.data.chelsea()).resize((224, 224))
    return np.asarray(photo)[np.newaxis]


# Haswell has AVX2 and no VNNI: there ONNX Runtime's int8 products saturate.
ON_HASWELL = """
import sys
sys.path[:0] = sys.argv[2:]
import numpy
from pictell import models, runtimes
from pictell.models.folder import read_weights
from pictell.runtimes.onnx import int8_products_saturate
spec = models.find("default")
session = runtimes.open_session(spec, read_weights(spec))
logits = session.run({spec.input_name: numpy.load(sys.argv[1])}, ["logits"])["logits"]
print(int8_products_saturate())
numpy.save(sys.argv[1], logits)
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("qemu-x86_64") is None, reason="qemu-user is not installed")
@pytest.mark.skipif(platform.machine() != "x86_64", reason="emulates x86-64 on itself")
def test_an_older_processor_gives_the_same_logits(
    session: runtimes.Session, tmp_path: Path
) -> None:
    array = tmp_path / "array.npy"
    np.save(array, photo_batch())
    python = str(Path(sys.executable).resolve())
    command = ["qemu-x86_64", "-cpu", "Haswell", python, "-c", ON_HASWELL, str(array), *sys.path]
    emulated = subprocess.run(command, check=True, capture_output=True, text=True)
    assert emulated.stdout == "True\n"
    expected = run(session, DEFAULT, photo_batch())
    np.testing.assert_allclose(np.load(array), expected, atol=1e-4)


def test_the_telemetry_of_the_runtime_is_off(tmp_path: Path) -> None:
    """With telemetry on, ONNX Runtime writes a device identifier and a database of events."""
    env = environment(HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path))
    for name in ("ORT_DISABLE_TELEMETRY", "CI"):
        env.pop(name, None)
    assert pictell(ROOT / "samples" / "golf-ball.png", env=env).returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_a_graph_with_a_fixed_batch_of_one_still_takes_batches() -> None:
    model = onnx.load_from_string(WEIGHTS.graph)
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.shape.dim[0].dim_value = 1
    fixed = runtimes.open_session(
        DEFAULT, Weights("onnx", {"weights.onnx": model.SerializeToString()})
    )
    batch = np.concatenate([photo_batch(), 255 - photo_batch()])
    expected = run(runtimes.open_session(DEFAULT, WEIGHTS), DEFAULT, batch)
    found = run(fixed, DEFAULT, batch)
    np.testing.assert_allclose(found, expected, atol=1e-4)
