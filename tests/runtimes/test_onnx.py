"""ONNX models, in ONNX Runtime and in OpenVINO."""

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import efficientnet_lite0
from pictell import models, runtimes
from pictell.errors import InvalidModelError, RuntimeFailedError, UsageError
from pictell.graphs import Weights
from pictell.models.folder import read_weights
from pictell.options import EngineOptions
from pictell.types import Label, ModelSpec, PreprocessSpec
from real_models import pictures, run, spec
from system import work_s
from waiting import wait_until

ENGINES = ["onnx", "openvino"]
SIDE, CLASSES = 8, 5


def opened(spec: ModelSpec, weights: Weights, runtime: str) -> runtimes.Session:
    return runtimes.open_session(spec, weights, EngineOptions(runtime=runtime))


OPENING = """
import signal
from fake_model import spec
from hostile_models import doubling
from pictell.runtimes import open_session
from pictell.graphs import Weights

signal.signal(signal.SIGINT, signal.default_int_handler)
weights = Weights("onnx", {"w.onnx": doubling(40).SerializeToString()})
print("opening", flush=True)
try:
    open_session(spec(("dark", "bright")), weights)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    signal.raise_signal(signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_ctrl_c_ends_the_wait_for_a_graph_that_opens_without_end() -> None:
    path = os.pathsep.join(filter(None, sys.path))
    with subprocess.Popen(
        [sys.executable, "-c", OPENING],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "opening\n"
        start_s = work_s(process.pid)
        try:
            # The runtime is imported in less.
            wait_until(lambda: work_s(process.pid) > start_s + 2)
            process.send_signal(signal.SIGINT)
            wait_until(lambda: process.poll() is not None)
        finally:
            process.kill()
        assert process.stdout.read() == "interrupted\n"


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def test_openvino_runs_the_default_model(shared: Path) -> None:
    """Each engine rounds its int8 products in its own way.

    On all 650 pictures the largest difference in any probability is 0.006 for half of them, 0.06
    for the worst, and 99.5 in 100 have the same first answer.
    """
    default = models.find("default")
    images = pictures(shared, default, 20)
    expected, found = (
        softmax(run(opened(default, read_weights(default), engine), default, images))
        for engine in ENGINES
    )
    assert np.abs(found - expected).max() <= 0.08
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).mean() >= 0.9


@pytest.mark.slow
def test_openvino_gives_what_onnx_runtime_gives(shared: Path) -> None:
    network = efficientnet_lite0.build_float32(efficientnet_lite0.read_weights())
    default = models.find("default")
    mean, std = (127.0,) * 3, (128.0,) * 3
    image = dataclasses.replace(default.preprocess, mean=mean, std=std)
    takes = network.graph.input[0].type.tensor_type
    layout = "NCHW" if takes.shape.dim[1].dim_value == 3 else "NHWC"
    if takes.elem_type == TensorProto.UINT8:
        image = dataclasses.replace(image, mean=None, std=None)
    model = dataclasses.replace(
        default,
        preprocess=dataclasses.replace(image, layout=layout),
        input_name=network.graph.input[0].name,
    )
    weights = Weights("onnx", {"model.onnx": network.SerializeToString()})
    images = pictures(shared, model, 20)
    expected, found = (
        softmax(run(opened(model, weights, engine), model, images)) for engine in ENGINES
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def linear(output_shape: tuple[int | str, ...] = ("N", CLASSES)) -> onnx.ModelProto:
    """Images (N, 3, 8, 8) times a matrix, reshaped to ``shape``."""
    matrix = np.random.default_rng(0).normal(0, 1, (3 * SIDE * SIDE, CLASSES)).astype(np.float32)
    shape = [size if isinstance(size, int) else -1 for size in output_shape]
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("MatMul", ["flat", "matrix"], ["product"]),
        helper.make_node("Reshape", ["product", "shape"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, output_shape)],
        [
            numpy_helper.from_array(matrix, "matrix"),
            numpy_helper.from_array(np.array(shape, np.int64), "shape"),
        ],
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", efficientnet_lite0.OPSET)], ir_version=8
    )


def linear_spec() -> ModelSpec:
    mean = (0.0, 0.0, 0.0)
    image = PreprocessSpec(SIDE, SIDE, "crop", 1, "bilinear", "NCHW", "RGB", mean, (1.0, 1.0, 1.0))
    model = spec("onnx", SIDE, CLASSES, "scores", input_name="image")
    return dataclasses.replace(model, preprocess=image)


def batch(count: int) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 1, (count, 3, SIDE, SIDE)).astype(np.float32)


def in_memory(model: onnx.ModelProto) -> Weights:
    return Weights("onnx", {"model.onnx": model.SerializeToString()})


@pytest.mark.parametrize("engine", ENGINES)
def test_weights_in_files_beside_the_graph(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are passed as bytes, so the runtime reads no file in the current folder."""
    onnx.save(
        linear(),
        tmp_path / "model.onnx",
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=100,
    )
    files = {name: (tmp_path / name).read_bytes() for name in ("model.onnx", "weights.bin")}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    found = run(opened(linear_spec(), Weights("onnx", files), engine), linear_spec(), batch(3))
    expected = run(opened(linear_spec(), in_memory(linear()), "onnx"), linear_spec(), batch(3))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    for broken in (b"", files["weights.bin"][:100]):
        with pytest.raises(InvalidModelError) as caught:
            opened(linear_spec(), Weights("onnx", files | {"weights.bin": broken}), engine)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("shape", [("N", CLASSES, 1, 1), ("N", 1, 1, CLASSES)])
def test_classes_among_axes_of_size_one(engine: str, shape: tuple[int | str, ...]) -> None:
    """SqueezeNet gives (N, 1000, 1, 1)."""
    found = run(opened(linear_spec(), in_memory(linear(shape)), engine), linear_spec(), batch(3))
    expected = run(opened(linear_spec(), in_memory(linear()), "onnx"), linear_spec(), batch(3))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("count", [1, 3, 16])
def test_a_batch_that_only_the_graph_s_end_fixes(engine: str, count: int) -> None:
    weights = in_memory(linear((1, CLASSES)))
    found = run(opened(linear_spec(), weights, engine), linear_spec(), batch(count))
    expected = run(opened(linear_spec(), in_memory(linear()), "onnx"), linear_spec(), batch(count))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_runtime_that_fails_says_so_once(engine: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Five numbers for each of three images do not make rows of seven."""
    model = dataclasses.replace(linear_spec(), labels=tuple(Label(str(n)) for n in range(7)))
    session = opened(model, in_memory(linear(("N", 7))), engine)
    with pytest.raises(RuntimeFailedError, match=f"{engine} failed: ") as caught:
        run(session, linear_spec(), batch(3))
    assert "\n" not in str(caught.value)
    assert "Exception from" not in str(caught.value)
    assert capfd.readouterr().err == ""


# onnxruntime-gpu says this without CUDA's libraries, and its sessions then run on the CPU. A build
# for the CPU does the same with a warning if it is asked for CUDA.
@pytest.mark.filterwarnings("ignore:Specified provider 'CUDAExecutionProvider'")
def test_a_session_that_falls_back_to_the_cpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "onnxruntime.get_available_providers",
        lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"],
    )
    with pytest.raises(UsageError, match=r"cannot use CUDA here: .* or give --device cpu$"):
        runtimes.open_session(
            linear_spec(), in_memory(linear()), EngineOptions(runtime="onnx", device="gpu")
        )
