"""What pictell's sessions add to the engines' own calls, on one network.

    python benchmarks/runtimes_latency.py [--runs 30]

The network is EfficientNet-Lite0 in float32, built in a temporary folder for each format
(``tools/efficientnet_lite0_tensorflow.py``). A batch goes through pictell's session and through
the engine as its own manual has it, in turn, in one process, on one thread; ratios are taken pair
by pair and their median is reported.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime
import openvino
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from pictell import models, runtimes
from pictell.models.folder import read_weights
from pictell.options import EngineOptions, ModelOptions
from pictell.types import ModelSpec

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import efficientnet_lite0_tensorflow as network  # noqa: E402

CASES = (
    ("onnx", "onnx"),
    ("openvino", "onnx"),
    ("tensorflow", "pb"),
    ("openvino", "pb"),
    ("litert", "tflite"),
    ("openvino", "tflite"),
)
BATCHES = (1, 16)
OPTIONS = ModelOptions(
    labels=models.find("default").weights.with_name("labels.tsv"),
    activation="softmax",
    mean=(127, 127, 127),
    std=(128, 128, 128),
)
MAX_DIFFERENCE = 1e-3

Array = NDArray[np.float32]
# From a batch of normalised pixels, laid out as the file has them, to logits (N, classes).
Call = Callable[[Array], Array]

v1 = tf.compat.v1


def open_onnx(path: Path) -> Call:
    """ONNX Runtime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options)
    name = session.get_inputs()[0].name
    return lambda batch: np.asarray(session.run(None, {name: batch})[0])


def open_litert(path: Path) -> Call:
    """LiteRT. The interpreter keeps the shape of the last batch."""
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    image, output = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    shape = tuple(image["shape"])

    def call(batch: Array) -> Array:
        nonlocal shape
        if shape != batch.shape:
            interpreter.resize_tensor_input(image["index"], batch.shape)
            interpreter.allocate_tensors()
            shape = batch.shape
        interpreter.set_tensor(image["index"], batch)
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(output["index"]))

    interpreter.allocate_tensors()
    return call


def open_openvino(path: Path) -> Call:
    """OpenVINO, in float32: by itself it may choose bfloat16."""
    properties = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    request = openvino.compile_model(str(path), "CPU", properties).create_infer_request()
    return lambda batch: np.asarray(request.infer([batch], share_inputs=True)[0])


def open_tensorflow(path: Path) -> Call:
    """TensorFlow 1's session on a frozen graph from ``pixels`` to ``logits``."""
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(v1.GraphDef.FromString(path.read_bytes()), name="")
    threads = v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    session = v1.Session(graph=graph, config=threads)
    return lambda batch: np.asarray(session.run("logits:0", {"pixels:0": batch}))


OPEN = {
    "onnx": open_onnx,
    "litert": open_litert,
    "openvino": open_openvino,
    "tensorflow": open_tensorflow,
}


def pixels(spec: ModelSpec, size: int) -> NDArray[np.float32]:
    """A batch of noise, laid out as the file has it."""
    image = spec.preprocess
    shape = (size, image.height, image.width, 3)
    noise = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    return noise if image.layout == "NHWC" else np.ascontiguousarray(noise.transpose(0, 3, 1, 2))


def latency_ms(call: Callable[[], object]) -> float:
    """Milliseconds that one call takes, wall-clock."""
    started = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - started)


def latency_rows(path: Path, runtime: str, runs: int) -> list[str]:
    """Medians of pictell's session and of the bare call, and of their ratios, a row per batch."""
    spec = models.find(path, OPTIONS)
    session = runtimes.open_session(spec, read_weights(spec), EngineOptions(runtime))
    bare = OPEN[runtime](path)
    rows = []
    for size in BATCHES:
        batch = pixels(spec, size)
        ours = partial(session.run, {spec.input_name: batch}, [spec.output_name])
        theirs = partial(bare, batch)
        # Both once before it counts: engines prepare themselves for a shape.
        difference = np.abs(np.asarray(ours()[spec.output_name], np.float32) - theirs()).max()
        if difference > MAX_DIFFERENCE:
            raise RuntimeError(f"{runtime} on {path.name}: the logits differ by {difference:.4f}")
        pairs = [(latency_ms(ours), latency_ms(theirs)) for _ in range(runs)]
        ours_ms, bare_ms = (median(column) for column in zip(*pairs, strict=True))
        ratio = median(one / other for one, other in pairs)
        figures = f"{size} | {ours_ms:.1f} | {bare_ms:.1f} | {ratio:.2f}"
        rows.append(f"| {runtime} | {path.suffix} | {figures} |")
    return rows


def main() -> None:
    """Print one row per engine, format and batch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=30)
    runs = parser.parse_args().runs
    print("| engine | file | batch | pictell, ms | bare, ms | ratio |\n" + "|---" * 6 + "|")
    with TemporaryDirectory() as folder:
        network.build(Path(folder))
        for runtime, suffix in CASES:
            path = Path(folder, f"{network.NAME}.{suffix}")
            print(*latency_rows(path, runtime, runs), sep="\n", flush=True)


if __name__ == "__main__":
    main()
