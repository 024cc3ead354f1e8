"""Trial runs in a child process, with models that really crash their engines."""

import dataclasses
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import fake_model as fake
from pictell import runtimes
from pictell.errors import InvalidModelError, UnsafeModelError, UsageError
from pictell.graphs import Weights
from pictell.inspection import check_safe
from pictell.options import EngineOptions
from pictell.runtimes import trial
from pictell.runtimes.trial import try_in_child
from pictell.types import ModelSpec
from real_models import frozen_graphs, spec
from system import is_alive
from tensorflow_models import CLASSES, SIDE, frozen, scores, tf, v1
from waiting import wait_until

ENGINES = ["tensorflow", "openvino"]


@pytest.fixture(autouse=True)
def no_files_are_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []


def small(output: str = "scores") -> ModelSpec:
    return spec("frozen-graph", SIDE, CLASSES, output)


def calling_itself() -> Weights:
    """A graph with a function that calls itself without end."""

    @tf.function(
        input_signature=[tf.TensorSpec([None, SIDE, SIDE, 3], tf.float32)], autograph=False
    )
    def function(image: Any) -> Any:
        return tf.nn.relu(image)

    graph = v1.GraphDef.FromString(frozen(lambda image: scores(function(image))).graph)
    (call,) = (node for node in graph.node if node.op.endswith("PartitionedCall"))
    body = graph.library.function[0]
    (relu,) = (node for node in body.node_def if node.op == "Relu")
    relu.op = call.op
    relu.attr.clear()
    for key, value in call.attr.items():
        relu.attr[key].CopyFrom(value)
    for node in body.node_def:
        node.input[:] = [
            name.replace(f"{relu.name}:activations", f"{relu.name}:output") for name in node.input
        ]
    for key, name in list(body.ret.items()):
        body.ret[key] = name.replace(f"{relu.name}:activations", f"{relu.name}:output")
    return Weights("frozen-graph", {"graph.pb": graph.SerializeToString()})


def endless() -> Weights:
    def build(image: Any) -> None:
        zero = tf.constant(0)
        _, image = tf.while_loop(lambda n, _: n < 1, lambda n, x: (n * 1, x + 1), [zero, image])
        scores(image)

    return frozen(build)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_good_model_passes(engine: str) -> None:
    try_in_child(small(), frozen(scores), EngineOptions(runtime=engine))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_model_that_crashes_its_runtime(engine: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvalidModelError, match=r"crashed its runtime \(SIG(SEGV|ABRT|BUS)\)$"):
        try_in_child(small(), calling_itself(), EngineOptions(runtime=engine))
    assert capfd.readouterr().err == ""


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_a_model_that_never_ends(engine: str) -> None:
    with pytest.raises(InvalidModelError, match=r"did not finish within 5 s$"):
        try_in_child(small(), endless(), EngineOptions(runtime=engine), deadline_s=5)


def test_errors_come_back_unchanged(shared: Path) -> None:
    model, files = frozen_graphs(shared)["quantized"]
    with pytest.raises(InvalidModelError, match=r"^OpenVINO does not support .*Dequantize"):
        try_in_child(model, files, EngineOptions(runtime="openvino"))
    with pytest.raises(UsageError, match="litert does not read frozen-graph models"):
        try_in_child(model, files, EngineOptions(runtime="litert"))
    with pytest.raises(
        InvalidModelError, match=r"^the model has no output 'probs': it has scores$"
    ):
        try_in_child(small("probs"), frozen(scores), EngineOptions(runtime="openvino"))


ENGINE = """
import os, signal, sys
from fake_model import FakeEngine

class Engine(FakeEngine):
    def run(self, inputs, outputs):
        {act}
        return super().run(inputs, outputs)

def open_engine(spec, weights, options):
    return Engine(spec)
"""


@pytest.mark.parametrize(
    ("act", "message"),
    [
        ("os.abort()", r"crashed its runtime \(SIGABRT\)$"),
        ("os.kill(os.getpid(), signal.SIGKILL)", r"crashed its runtime \(SIGKILL\)$"),
        ("os._exit(3)", r"crashed its runtime \(exit status 3\)$"),
        ("os._exit(0)", r"crashed its runtime \(exit status 0\)$"),
        ("sys.exit()", "trial run failed: SystemExit$"),
        ("raise MemoryError", r"needs more than \d+\.\d GB of memory$"),
        ("print('{}')", None),
        ("os.write(1, b'no answer')", None),
    ],
)
def test_every_way_a_child_can_end(
    act: str, message: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "act_engine.py").write_text(ENGINE.format(act=act))
    monkeypatch.syspath_prepend(tmp_path)
    own = runtimes.Runtime("act_engine", "act_engine", ("onnx",))
    monkeypatch.setitem(runtimes.RUNTIMES, "act", own)
    options = EngineOptions(runtime="act")
    model = dataclasses.replace(fake.spec(("dark", "bright")))
    if message is None:
        try_in_child(model, Weights("onnx", {"w": b""}), options)
        return
    with pytest.raises(InvalidModelError, match=message):
        try_in_child(model, Weights("onnx", {"w": b""}), options)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory")
def test_a_model_that_takes_too_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "MEMORY", 512 * 1024**2)
    with pytest.raises(InvalidModelError, match=r"^the model's trial run needs more than 0\.5 GB"):
        try_in_child(fake.spec(("dark", "bright")), large_when_run(8_000_000_000))
    try_in_child(fake.spec(("dark", "bright")), large_when_run(8_000))


def large_when_run(size: int) -> Weights:
    """A small file that needs ``size`` bytes when it runs."""
    small = onnx.load_from_string(fake.weights(2).graph)
    node, graph = onnx.helper.make_node, small.graph
    (last,) = (one for one in graph.node if one.output[0] == "logits")
    last.output[0] = "before"
    graph.initializer.append(onnx.numpy_helper.from_array(np.array([size // 8]), "size"))
    white = onnx.numpy_helper.from_array(np.array([1.0]), "one")
    graph.node.extend(
        [
            node("ConstantOfShape", ["size"], ["large"], value=white),
            # A sum of all that is not known before the model runs.
            node("Mul", ["large", "brightness"], ["product"]),
            node("ReduceMin", ["product"], ["least"], keepdims=0),
            node("Add", ["before", "least"], ["logits"]),
        ]
    )
    return Weights("onnx", {"w.onnx": small.SerializeToString()})


PARENT = """
import tempfile
from fake_model import spec, weights
from pictell import runtimes
from pictell.options import EngineOptions
from pictell.runtimes.trial import try_in_child
runtimes.RUNTIMES["act"] = runtimes.Runtime("act_engine", "act_engine", ("onnx",))
try_in_child(spec(("dark", "bright")), weights(2), EngineOptions(runtime="act"))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("act", ["while True: pass", "ctypes.PyDLL(None).sleep(1000)"])
def test_the_trial_run_ends_with_its_parent(sent: int, act: str, tmp_path: Path) -> None:
    note = tmp_path / "process"
    act = f"import pathlib, ctypes; pathlib.Path({str(note)!r}).write_text(str(os.getpid())); {act}"
    act = act.replace("; while", "\n        while")
    (tmp_path / "act_engine.py").write_text(ENGINE.format(act=act))
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        env={**os.environ, "PYTHONPATH": path, "TMPDIR": str(tmp_path)},
    ) as parent:
        try:
            wait_until(lambda: note.exists() and note.read_text())
            process = int(note.read_text())
            assert is_alive(process)
            parent.send_signal(sent)
            assert parent.wait(60) == -sent
        finally:
            parent.kill()
    wait_until(lambda: not is_alive(process))


def test_no_module_is_imported_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    try_in_child(fake.spec(("dark", "bright")), fake.weights(2))


def test_a_model_that_never_ends_only_computes() -> None:
    """So inspection cannot detect it."""
    check_safe(endless())


def test_a_function_that_calls_itself_is_seen_in_the_file() -> None:
    with pytest.raises(UnsafeModelError, match=r"the function '.*' calls itself"):
        check_safe(calling_itself())
