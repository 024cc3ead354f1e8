"""OpenVINO, which converts the formats of the other runtimes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from pictell.errors import InvalidModelError, PictellError, UsageError
from pictell.graphs import Inspection, TensorSpec, Weights
from pictell.inspection import inspect_weights
from pictell.inspection.fit import wanted_outputs
from pictell.inspection.selection import listed
from pictell.options import EngineOptions
from pictell.processors import available_cores
from pictell.runtimes import RUNTIMES, Tensor, Tensors
from pictell.runtimes.files import PREFIX, temporary_files
from pictell.runtimes.pool import Pool
from pictell.runtimes.quiet import without_notices, without_package
from pictell.types import ModelSpec

# With this package, the import of OpenVINO reports to Intel and stores an identifier of the machine
# in the home folder (openvino/tools/ovc/__init__.py). Without it OpenVINO uses a stub.
with without_package("openvino_telemetry"):
    import openvino
    from openvino import opset8
    from openvino.frontend import FrontEndManager
    from openvino.frontend.tensorflow import ConversionExtension

# OpenVINO's names of formats that differ from those of pictell.
FRONTENDS = {"frozen-graph": "tf", "saved-model": "tf", "openvino": "ir"}
NO_RULE = re.compile(
    r"(?:No conversion rule found for operations|no translator found for operation\(s\)): (.*)"
)
# Lines that name the place in OpenVINO's sources, not the cause.
WHERE = re.compile(r"Exception from |Check '.*' failed at |FrontEnd API failed with ")
TEMPORARY = re.compile(rf"[^\s\"']*{re.escape(PREFIX)}[^/\\]*[/\\]")


class OpenvinoEngine:
    """A model compiled by OpenVINO. Its requests serve one thread at a time."""

    def __init__(self, model: Any, spec: ModelSpec, options: EngineOptions) -> None:
        wanted = wanted_outputs(spec)
        self._compiled = openvino.Core().compile_model(
            model, options.device.upper(), _properties(options)
        )
        self._pool = Pool(self._compiled.create_infer_request)
        self.inputs = [_tensor(port, (spec.input_name,)) for port in model.inputs]
        self.outputs = [_tensor(port, wanted) for port in model.outputs]
        self._places = {tensor.name: place for place, tensor in enumerate(self.outputs)}

    def run(self, inputs: Tensors, outputs: Sequence[str]) -> dict[str, Tensor]:
        """Inputs by name -> the named outputs."""
        places = [tensor.name for tensor in self.inputs]
        with self._pool.borrow() as request, _clear_errors():
            values = request.infer(
                {places.index(name): tensor for name, tensor in inputs.items()}, share_inputs=True
            )
            return {name: values[self._places[name]] for name in outputs}


def open_engine(spec: ModelSpec, weights: Weights, options: EngineOptions) -> OpenvinoEngine:
    """Convert and compile a model.

    Raises ``InvalidModelError`` for an operation that OpenVINO does not support, ``UsageError`` if
    it finds no GPU to use.
    """
    devices = openvino.Core().available_devices
    if not any(device.startswith(options.device.upper()) for device in devices):
        raise UsageError(
            f"OpenVINO finds no {options.device.upper()}, only {', '.join(devices)}: "
            "install the driver of the device, or give --device cpu"
        )
    own = next(name for name, runtime in RUNTIMES.items() if weights.format in runtime.formats)
    advice = "export it to ONNX" if own == "openvino" else f"give --runtime {own}"
    with _clear_errors(advice):
        with without_notices():
            model = _convert(spec, weights)
        engine = OpenvinoEngine(model, spec, options)
    if weights.format == "tflite":
        engine.inputs, engine.outputs = _quantised(engine, inspect_weights(weights))
    return engine


def _convert(spec: ModelSpec, weights: Weights) -> Any:
    """The part of the model between the spec's input and outputs."""
    framework = FRONTENDS.get(weights.format, weights.format)
    frontend = FrontEndManager().load_by_framework(framework)
    if framework == "tf":
        frontend.add_extension(ConversionExtension("LRN", _lrn))
    with temporary_files(weights) as folder:
        whole = weights.format == "saved-model"
        path = folder if whole else folder / next(iter(weights.files))
        # False: do not map the file into memory, because it is removed below.
        model = frontend.load(str(path), False)
        if weights.format == "frozen-graph":
            _narrow(model, spec)
        converted = frontend.convert(model)
    for parameter in converted.get_parameters():
        if not parameter.output(0).get_target_inputs():
            converted.remove_parameter(parameter)
    return converted


def _lrn(node: Any) -> Any:
    """Convert TensorFlow's LRN, which sums over 2 r + 1 channels of (N, H, W, C).

    OpenVINO's own rule takes too few channels if ``depth_radius`` is odd; its default is 5. The
    defaults here are those of TensorFlow's operation, whose ``alpha`` is for one channel.
    """
    size = 2 * node.get_attribute("depth_radius", 5) + 1
    to_nchw, to_nhwc, channels = (
        opset8.constant(axes, np.int64) for axes in ([0, 3, 1, 2], [0, 2, 3, 1], [1])
    )
    normalised = opset8.lrn(
        opset8.transpose(node.get_input(0), to_nchw),
        channels,
        node.get_attribute("alpha", 1.0) * size,
        node.get_attribute("beta", 0.5),
        node.get_attribute("bias", 1.0),
        size,
    )
    return opset8.transpose(normalised, to_nhwc).outputs()


def _narrow(model: Any, spec: ModelSpec) -> None:
    """Set the spec's input and outputs instead of every placeholder and every end of the graph."""
    outputs = [_place(model, name) for name in wanted_outputs(spec)]
    if all(outputs):
        model.override_all_outputs(outputs)
    feed = _place(model, spec.input_name)
    if feed and not any(feed.is_equal(place) for place in model.get_inputs()):
        model.override_all_inputs([feed])
        # OpenVINO knows no shape for a tensor in the middle of a graph.
        shape = [-1, *spec.preprocess.shape]
        model.set_partial_shape(feed, openvino.PartialShape(shape))


def _place(model: Any, name: str) -> Any:
    return model.get_place_by_tensor_name(name if ":" in name else f"{name}:0")


def _properties(options: EngineOptions) -> dict[str, Any]:
    properties: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
    if options.device == "cpu":
        streams = max(1, available_cores() // options.threads)
        properties["NUM_STREAMS"] = streams
        properties["INFERENCE_NUM_THREADS"] = streams * options.threads
    if options.precision == "float32":
        # The default is bfloat16 if the processor has it, which changes scores by up to 0.2.
        properties["INFERENCE_PRECISION_HINT"] = "f32"
    return properties


def _tensor(port: Any, wanted: Sequence[str]) -> TensorSpec:
    names = port.get_names() or {port.get_node().get_friendly_name()}
    plain = {name.removesuffix(":0") for name in names}
    named = [name for name in wanted if name in plain or name.removesuffix(":0") in plain]
    shape = tuple(
        None if size.is_dynamic else size.get_length() for size in port.get_partial_shape()
    )
    dtype = np.dtype(port.get_element_type().to_dtype()).name
    return TensorSpec((named or sorted(plain))[0], shape, dtype)


def _quantised(engine: OpenvinoEngine, found: Inspection) -> Iterator[list[TensorSpec]]:
    """The inputs, then the outputs, with the scale and zero point that OpenVINO does not keep."""
    for tensors, known in ((engine.inputs, found.inputs), (engine.outputs, found.outputs)):
        by_name = {tensor.name: tensor.quantisation for tensor in known}
        unknown = [tensor.name for tensor in tensors if tensor.name not in by_name]
        if unknown:
            raise InvalidModelError(f"OpenVINO renames the tensors {listed(unknown)}")
        yield [replace(tensor, quantisation=by_name[tensor.name]) for tensor in tensors]


@contextmanager
def _clear_errors(advice: str = "give another --runtime") -> Iterator[None]:
    """Raise OpenVINO's errors with one line that names the cause."""
    try:
        yield
    except (PictellError, MemoryError):
        raise
    except Exception as error:
        missing = NO_RULE.search(str(error))
        if missing:
            raise InvalidModelError(f"OpenVINO does not support {missing[1]}: {advice}") from error
        lines = [line.strip() for line in str(error).splitlines() if not WHERE.match(line)]
        reason = next(filter(None, lines), "no reason given")
        raise RuntimeError(TEMPORARY.sub("", reason)) from error
