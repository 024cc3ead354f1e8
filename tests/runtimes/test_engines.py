"""What holds for every engine: threads, batches, silence, no traces; and how to add one."""

import pickle
import subprocess
import sys
import tempfile
import tomllib
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from command import ROOT, environment
from pictell import models, runtimes
from pictell.errors import (
    InvalidModelError,
    OutOfMemoryError,
    PictellError,
    RuntimeMissingError,
    UsageError,
)
from pictell.graphs import Weights
from pictell.models.folder import read_weights
from pictell.options import EngineOptions
from pictell.processors import available_cores
from pictell.runtimes import openvino
from pictell.runtimes.files import temporary_files
from pictell.runtimes.session import EngineSession
from pictell.types import ModelSpec, WeightsFormat
from real_models import coral, frozen_graphs, pictures, run, spec

READS: dict[str, WeightsFormat] = {
    "onnx": "onnx",
    "litert": "tflite",
    "tensorflow": "frozen-graph",
    "openvino": "frozen-graph",
}


def a_model(shared: Path, engine: str) -> tuple[ModelSpec, Weights]:
    if engine == "onnx":
        spec = models.find("default")
        return spec, read_weights(spec)
    if engine == "litert":
        return coral(shared)["mobilenet_v1_0.25_128_quant"]
    return frozen_graphs(shared)["128"]


@pytest.mark.parametrize("engine", READS)
def test_eight_threads_get_the_same_outputs_as_one(shared: Path, engine: str) -> None:
    model, files = a_model(shared, engine)
    session = runtimes.open_session(model, files, EngineOptions(runtime=engine))
    images = pictures(shared, model, 8)
    alone = [run(session, model, image[None]) for image in images]
    with ThreadPoolExecutor(8) as threads:
        together = threads.map(lambda n: run(session, model, images[n % 8, None]), range(160))
        for number, found in enumerate(together):
            np.testing.assert_array_equal(found, alone[number % 8])


@pytest.mark.parametrize("engine", READS)
def test_a_closed_session_frees_its_engine(shared: Path, engine: str) -> None:
    model, files = a_model(shared, engine)
    session = runtimes.open_session(model, files, EngineOptions(runtime=engine))
    assert isinstance(session, EngineSession)
    freed = weakref.ref(session._engine)
    session.close()
    assert freed() is None
    with pytest.raises(UsageError, match="the model is closed"):
        run(session, model, pictures(shared, model, 1))


@pytest.mark.parametrize("engine", READS)
@pytest.mark.parametrize("threads", [1, 2, 64])
def test_the_number_of_threads_changes_nothing(shared: Path, engine: str, threads: int) -> None:
    model, files = a_model(shared, engine)
    images = pictures(shared, model, 2)
    one, many = (
        runtimes.open_session(model, files, EngineOptions(engine, threads=number))
        for number in (1, threads)
    )
    expected, found = (run(session, model, images) for session in (one, many))
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("engine", READS)
@pytest.mark.parametrize("count", [1, 3, 16])
def test_batches_of_any_size(shared: Path, engine: str, count: int) -> None:
    model, files = a_model(shared, engine)
    session = runtimes.open_session(model, files, EngineOptions(runtime=engine))
    images = pictures(shared, model, count)
    together = run(session, model, images)
    singly = [run(session, model, image[None])[0] for image in images]
    np.testing.assert_allclose(together, singly, atol=1e-5)


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        ("onnx", "has no CUDAExecutionProvider, only .*: replace onnxruntime by onnxruntime-gpu"),
        ("litert", "litert runs only on the CPU: give --device cpu"),
        ("tensorflow", "TensorFlow finds no GPU: install"),
        ("openvino", "OpenVINO finds no GPU, only CPU: install the driver"),
    ],
)
def test_a_missing_gpu(shared: Path, engine: str, message: str) -> None:
    model, files = a_model(shared, engine)
    with pytest.raises(UsageError, match=message):
        runtimes.open_session(model, files, EngineOptions(runtime=engine, device="gpu"))


@pytest.mark.parametrize("engine", READS)
def test_the_precision_of_the_runtime_can_be_chosen(shared: Path, engine: str) -> None:
    model, files = a_model(shared, engine)
    options = EngineOptions(runtime=engine, precision="engine")
    images = pictures(shared, model, 1)
    assert run(runtimes.open_session(model, files, options), model, images).ndim == 2


ALONE = """
import pickle, sys
sys.path[:0] = sys.argv[3:]
from pictell import runtimes
from pictell.options import EngineOptions
with open(sys.argv[1], "rb") as file:
    spec, files, images = pickle.load(file)
session = runtimes.open_session(spec, files, EngineOptions(runtime=sys.argv[2]))
session.run({spec.input_name: images}, [spec.output_name])
"""


@pytest.mark.parametrize("engine", READS)
def test_a_runtime_prints_nothing_and_leaves_no_files(
    shared: Path, engine: str, tmp_path: Path
) -> None:
    """OpenVINO would report each import, ONNX Runtime each session."""
    model, files = a_model(shared, engine)
    request = tmp_path / "request"
    request.write_bytes(pickle.dumps((model, files, pictures(shared, model, 1))))
    home = tmp_path / "home"
    home.mkdir()
    env = environment(HOME=str(home), XDG_CACHE_HOME=str(home), TMPDIR=str(home))
    # In CI these packages report nothing.
    for name in ("CI", "TF_BUILD", "JENKINS_URL", "ORT_DISABLE_TELEMETRY"):
        env.pop(name, None)
    run = subprocess.run(
        [sys.executable, "-c", ALONE, str(request), engine, *sys.path],
        env=env,
        capture_output=True,
        text=True,
        cwd=home,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert list(home.iterdir()) == []


def test_the_telemetry_of_openvino_is_not_imported() -> None:
    program = (
        "import sys, pictell.runtimes.openvino\n"
        "print([name for name in sys.modules if name.startswith('openvino_telemetry')])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout == "[]\n"


def test_keras_is_imported_only_on_use() -> None:
    program = (
        "import sys, pictell.runtimes.tensorflow as engine\n"
        "print('keras' in sys.modules, engine.tf.keras.layers.Dense.__name__)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout == "False Dense\n"


@pytest.mark.slow
def test_settings_of_the_user_are_kept() -> None:
    program = "import os, pictell.runtimes.tensorflow; print(os.environ['TF_CPP_MIN_LOG_LEVEL'])"
    for given, expected in (({}, "3"), ({"TF_CPP_MIN_LOG_LEVEL": "1"}, "1")):
        env = environment(**given)
        if not given:
            env.pop("TF_CPP_MIN_LOG_LEVEL", None)
        run = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=env
        )
        assert run.stdout == f"{expected}\n"


BLOCKED = """
import sys
from importlib.abc import MetaPathFinder


class Blocker(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ImportError(f"{{name}} is blocked")


if {by_finder}:
    sys.meta_path.insert(0, Blocker())
else:
    sys.modules.update(dict.fromkeys({blocked}))

from pictell import runtimes
from pictell.errors import RuntimeMissingError

for kind in ("onnx", "tflite", "frozen-graph", "saved-model"):
    try:
        print(runtimes.choose(kind))
    except RuntimeMissingError as error:
        print(error)
"""


@pytest.mark.parametrize("by_finder", [True, False])
def test_a_runtime_that_is_not_installed_is_named_with_its_extra(by_finder: bool) -> None:
    def choices(*blocked: str) -> list[str]:
        program = BLOCKED.format(blocked=list(blocked), by_finder=by_finder)
        run = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        return run.stdout.splitlines()

    assert choices() == ["onnx", "litert", "tensorflow", "tensorflow"]
    assert choices("onnxruntime", "ai_edge_litert", "tensorflow") == ["openvino"] * 4
    none = choices("onnxruntime", "ai_edge_litert", "tensorflow", "openvino")
    assert none[0] == (
        "onnx models need onnx or openvino: pip install pictell or pip install 'pictell[openvino]'"
    )
    assert none[1] == (
        "tflite models need litert or openvino: "
        "pip install 'pictell[litert]' or pip install 'pictell[openvino]'"
    )
    assert none[2] == (
        "frozen-graph models need tensorflow or openvino: "
        "pip install 'pictell[tensorflow]' or pip install 'pictell[openvino]'"
    )


def test_a_runtime_is_one_module_and_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The module is the one that docs/runtimes.md shows."""
    page = (ROOT / "docs" / "runtimes.md").read_text(encoding="utf-8")
    module = page.partition("```python\n")[2].partition("```")[0]
    (tmp_path / "mean_engine.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(
        runtimes.RUNTIMES, "mean", runtimes.Runtime("mean_engine", "mean_engine", ("onnx",))
    )
    model = spec("onnx", 8, 2, "scores")
    session = runtimes.open_session(
        model, Weights("onnx", {"w": b"0"}), EngineOptions(runtime="mean")
    )
    batch = np.array([-1, 1, 1], np.float32)[:, None, None, None] * np.ones((1, 8, 8, 3), "f")
    assert run(session, model, batch).argmax(axis=1).tolist() == [0, 1, 1]


def test_a_runtime_that_fails_to_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torn_engine.py").write_text("raise ImportError('libGL.so.1: no such file')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(
        runtimes.RUNTIMES, "torn", runtimes.Runtime("torn_engine", "torn_engine", ("onnx",))
    )
    with pytest.raises(RuntimeMissingError, match=r"torn is installed but .*: libGL.so.1: no such"):
        runtimes.open_session(
            spec("onnx", 8, 2, "scores"),
            Weights("onnx", {"net.onnx": b""}),
            EngineOptions(runtime="torn"),
        )


@pytest.mark.parametrize(
    ("raised", "expected", "message"),
    [
        ("ValueError('bad graph\\nat 0x0')", InvalidModelError, "^torn refuses the .*: bad graph$"),
        ("MemoryError", OutOfMemoryError, "^not enough memory to run the model$"),
    ],
)
def test_a_runtime_that_fails_to_load_a_model(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    raised: str,
    expected: type[PictellError],
    message: str,
) -> None:
    name = f"refusing_{expected.code}"
    (tmp_path / f"{name}.py").write_text(f"def open_engine(*_):\n    raise {raised}")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(runtimes.RUNTIMES, "torn", runtimes.Runtime(name, name, ("onnx",)))
    with pytest.raises(expected, match=message):
        runtimes.open_session(
            spec("onnx", 8, 2, "scores"),
            Weights("onnx", {"net.onnx": b""}),
            EngineOptions(runtime="torn"),
        )


def test_temporary_files_are_private_and_removed() -> None:
    files = Weights("saved-model", {"saved_model.pb": b"graph", "variables/variables.index": b"x"})
    with temporary_files(files) as folder:
        assert (folder / "variables" / "variables.index").read_bytes() == b"x"
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


@pytest.mark.parametrize("name", ["../up", "a/../../up", f"{tempfile.gettempdir()}/up"])
def test_nothing_is_written_outside(name: str) -> None:
    with (
        pytest.raises(InvalidModelError, match="outside its folder"),
        temporary_files(Weights("onnx", {"graph": b"", name: b""})),
    ):
        pass
    assert not Path(tempfile.gettempdir(), "up").exists()


def test_openvino_computes_in_float32_unless_asked(shared: Path) -> None:
    """Its default is bfloat16 if the processor has it."""
    model, files = a_model(shared, "openvino")
    engine = openvino.open_engine(model, files, EngineOptions())
    hint = engine._compiled.get_property("INFERENCE_PRECISION_HINT")
    assert hint.to_dtype() == np.float32
    asked = openvino._properties(EngineOptions(precision="engine"))
    assert "INFERENCE_PRECISION_HINT" not in asked


def test_openvino_has_a_stream_for_every_processor(shared: Path) -> None:
    model, files = a_model(shared, "openvino")
    engine = openvino.open_engine(model, files, EngineOptions(threads=1))
    assert engine._compiled.get_property("NUM_STREAMS") == available_cores()


def test_every_runtime_has_an_extra() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for name, runtime in runtimes.RUNTIMES.items():
        assert runtime.core or name in project["optional-dependencies"]
