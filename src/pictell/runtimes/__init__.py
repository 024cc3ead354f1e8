"""Runtimes for models: one module for each, imported only when used, behind ``Session``."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from pictell.errors import InvalidModelError, ModelWarning, RuntimeMissingError, UsageError
from pictell.graphs import TensorSpec, Weights
from pictell.inspection import runnable
from pictell.options import EngineOptions
from pictell.types import ModelSpec, WeightsFormat

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Tensor: TypeAlias = "NDArray[np.generic]"
Tensors: TypeAlias = "Mapping[str, Tensor]"


class Runtime(NamedTuple):
    """A runtime: its module, the package that the module needs, and the formats that it reads.

    If ``core`` is true pictell requires the package. Otherwise the extra of pictell with the
    runtime's name installs it.
    """

    module: str
    package: str
    formats: tuple[WeightsFormat, ...]
    core: bool = False

    @property
    def installed(self) -> bool:
        """Whether the package can be found. It is not imported."""
        try:
            return find_spec(self.package) is not None
        except (ImportError, ValueError):
            # The program blocks its import.
            return False


# The only list of runtimes, in order of preference: for each format its own runtime first, then
# those that convert it.
RUNTIMES = {
    "onnx": Runtime("pictell.runtimes.onnx", "onnxruntime", ("onnx",), core=True),
    "litert": Runtime("pictell.runtimes.litert", "ai_edge_litert", ("tflite",)),
    "tensorflow": Runtime(
        "pictell.runtimes.tensorflow", "tensorflow", ("frozen-graph", "saved-model")
    ),
    "openvino": Runtime(
        "pictell.runtimes.openvino",
        "openvino",
        ("openvino", "frozen-graph", "saved-model", "tflite", "onnx"),
    ),
}


class Engine(Protocol):
    """A model in a runtime: what its ``open_engine(spec, weights, options)`` returns.

    ``open_engine`` and ``run`` may raise any exception of the runtime.
    """

    inputs: Sequence[TensorSpec]
    outputs: Sequence[TensorSpec]

    def run(self, inputs: Tensors, outputs: Sequence[str]) -> dict[str, Tensor]:
        """Inputs by name, of the graph's shapes and dtypes -> the named outputs, as stored.

        Safe to call from several threads at once. The engine is closed when it is
        garbage-collected, after the last run in flight.
        """


class Session(Protocol):
    """A model ready to run. Safe to use from several threads at once."""

    def run(self, inputs: Tensors, outputs: Sequence[str]) -> dict[str, Tensor]:
        """Run the model: inputs by name (N, …) -> the named outputs (N, …).

        Images are laid out as the model's ``PreprocessSpec`` says. Raises ``RuntimeFailedError``
        if the runtime fails, ``UsageError`` for wrong names and after ``close``.
        """

    def close(self) -> None:
        """Release the engine once the runs in flight have ended. Safe to call again."""


def choose(weights_format: WeightsFormat, name: str | None = None) -> str:
    """The name of the runtime for a format: ``name``, or the first that is installed.

    Raises ``UsageError`` for an unknown name or one that does not read the format, and
    ``RuntimeMissingError``, which says what to install.
    """
    fitting = [key for key, runtime in RUNTIMES.items() if weights_format in runtime.formats]
    if name is not None:
        if name not in RUNTIMES:
            raise UsageError(f"unknown runtime {name!r}: give one of {', '.join(RUNTIMES)}")
        if name not in fitting:
            raise UsageError(
                f"{name} does not read {weights_format} models: {' or '.join(fitting)} does"
            )
        fitting = [name]
    for key in fitting:
        if RUNTIMES[key].installed:
            return key
    installs = " or ".join(
        "pip install pictell" if RUNTIMES[key].core else f"pip install 'pictell[{key}]'"
        for key in fitting
    )
    if name is not None:
        raise RuntimeMissingError(f"the runtime {name} is not installed: {installs}")
    raise RuntimeMissingError(f"{weights_format} models need {' or '.join(fitting)}: {installs}")


def open_session(
    spec: ModelSpec, weights: Weights, options: EngineOptions = EngineOptions()
) -> Session:
    """Load the weights into a runtime that reads their format.

    Raises ``InvalidModelError`` if the runtime refuses the weights or the graph does not fit the
    spec, ``UsageError`` for options that the runtime does not support, ``OutOfMemoryError``,
    ``RuntimeMissingError`` if the runtime fails to import, and what ``choose`` raises.
    """
    from pictell.inspection.fit import check_fits
    from pictell.runtimes.session import EngineSession, engine_errors

    name = choose(weights.format, options.runtime)
    if weights.path is None:
        # A model in the package runs as it is.
        weights = without_training(spec, weights)
    with engine_errors(RuntimeMissingError, f"{name} is installed but fails to import"):
        module = import_module(RUNTIMES[name].module)
    with engine_errors(InvalidModelError, f"{name} refuses the weights"):
        engine: Engine = module.open_engine(spec, weights, options)
    check_fits(engine.inputs, engine.outputs, spec)
    return EngineSession(name, engine, [spec.output_name, *filter(None, [spec.embedding])])


def without_training(spec: ModelSpec, weights: Weights) -> Weights:
    """The weights as a runtime gets them: see ``pictell.inspection.runnable``.

    Warns with ``ModelWarning`` if random operations of the training are taken out of them.
    """
    from pictell.inspection.fit import wanted_outputs

    weights, taken_out = runnable(weights, wanted_outputs(spec), spec.input_name)
    if taken_out:
        from pictell.inspection.noise import taken_out_text

        # The level is that of the caller of pictell.load().
        text = f"{spec.weights.name}: {taken_out_text(taken_out)}"
        warnings.warn(text, ModelWarning, stacklevel=5)
    return weights
