"""What all engines share: the spec fits the graph, batches of any size, real numbers out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pictell.errors import InvalidModelError, RuntimeFailedError
from pictell.runtimes import Engine
from pictell.types import ModelSpec, PreprocessSpec, TensorSpec

AXES = {
    "NHWC": ("batch", "height", "width", "channels"),
    "NCHW": ("batch", "channels", "height", "width"),
}


class EngineSession:
    """An engine that fits its ``ModelSpec``. Raises ``InvalidModelError`` where it does not."""

    def __init__(self, runtime: str, engine: Engine, spec: ModelSpec) -> None:
        self._runtime = runtime
        self._engine = engine
        self._input = _the_input(engine.inputs, spec)
        self._outputs = {output.name: output for output in engine.outputs}
        check_input(self._input, spec.preprocess)
        check_outputs(self._outputs, spec)
        # Exporters often fix the batch dimension, mostly to 1.
        self._fixed_batch = self._input.shape[0] if self._input.shape else None

    def run(self, batch: NDArray[np.generic], outputs: Sequence[str]) -> list[NDArray[np.generic]]:
        """The named outputs for a batch, float32 where they are stored quantised.

        Raises ``RuntimeFailedError``.
        """
        stored = _stored(batch, self._input)
        parts = [self._run(part, outputs) for part in self._parts(stored)]
        whole = [np.concatenate(values)[: len(batch)] for values in zip(*parts, strict=True)]
        return [
            _real(values, self._outputs[name]) for name, values in zip(outputs, whole, strict=True)
        ]

    def _parts(self, batch: NDArray[np.generic]) -> list[NDArray[np.generic]]:
        size = self._fixed_batch
        if size is None or size == len(batch):
            return [batch]
        missing = -len(batch) % size
        padded = np.concatenate([batch, np.repeat(batch[-1:], missing, axis=0)])
        return [padded[start : start + size] for start in range(0, len(padded), size)]

    def _run(self, batch: NDArray[np.generic], outputs: Sequence[str]) -> list[NDArray[np.generic]]:
        try:
            return self._engine.run(batch, outputs)
        except Exception as error:
            # The engines' errors have no common base below Exception.
            raise RuntimeFailedError(f"{self._runtime} failed: {first_line(error)}") from error


def check_input(tensor: TensorSpec, spec: PreprocessSpec) -> None:
    """See that a picture preprocessed as ``spec`` says fits the graph's input.

    Raises ``InvalidModelError``.
    """
    given = {"batch": None, "height": spec.height, "width": spec.width, "channels": 3}
    wanted = tensor.shape
    if wanted is not None and len(wanted) != 4:
        raise InvalidModelError(
            f"the input {tensor.name!r} has shape {shape_text(wanted)}, not a batch of pictures"
        )
    axes = AXES[spec.layout]
    for size, axis in zip(wanted or (None,) * 4, axes, strict=True):
        if size is None or given[axis] in (None, size):
            continue
        raise InvalidModelError(_misfit(tensor, spec, axis))
    if spec.mean is None and tensor.dtype != "uint8":
        raise InvalidModelError(
            f"the input {tensor.name!r} takes {tensor.dtype}, not a picture's bytes: "
            "state mean and scale"
        )
    if spec.mean is not None and not (tensor.quantisation or tensor.dtype.startswith("float")):
        raise InvalidModelError(
            f"the input {tensor.name!r} takes {tensor.dtype}: state no mean and no scale"
        )


def _misfit(tensor: TensorSpec, spec: PreprocessSpec, axis: str) -> str:
    shape = tensor.shape or ()
    text = f"the input {tensor.name!r} has shape {shape_text(shape)}"
    other = "NCHW" if spec.layout == "NHWC" else "NHWC"
    if shape[AXES[other].index("channels")] == 3 != shape[AXES[spec.layout].index("channels")]:
        return f"{text}: that is {other}, not {spec.layout}"
    if axis == "channels":
        channels = shape[AXES[spec.layout].index("channels")]
        return f"{text}: it takes {channels} channels, and pictell gives 3 (RGB)"
    return f"{text}, and the spec gives {spec.width} x {spec.height}"


def check_outputs(outputs: dict[str, TensorSpec], spec: ModelSpec) -> None:
    """See that the outputs exist and that there is a label for each class.

    Raises ``InvalidModelError``.
    """
    for name in filter(None, (spec.logits, spec.embedding, spec.feature_map)):
        if name not in outputs:
            raise InvalidModelError(
                f"the model has no output {name!r}: it has {', '.join(outputs)}"
            )
    shape = outputs[spec.logits].shape
    if shape is None:
        return
    if len(shape) != 2:
        raise InvalidModelError(
            f"the output {spec.logits!r} has shape {shape_text(shape)}, not (N, classes)"
        )
    if shape[1] is not None and shape[1] != len(spec.labels):
        raise InvalidModelError(f"{len(spec.labels)} labels for an output of {shape[1]} classes")


def shape_text(shape: Sequence[int | None]) -> str:
    """A shape as people write it: ``(N, 224, 224, 3)``."""
    return f"({', '.join('N' if size is None else str(size) for size in shape)})"


def first_line(error: Exception) -> str:
    """What an engine said, without its history."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _the_input(inputs: Sequence[TensorSpec], spec: ModelSpec) -> TensorSpec:
    names = [tensor.name for tensor in inputs]
    if names != [spec.input_name]:
        raise InvalidModelError(f"the model's inputs are {names}, not [{spec.input_name!r}]")
    return inputs[0]


def _stored(batch: NDArray[np.generic], tensor: TensorSpec) -> NDArray[np.generic]:
    """Real numbers as the graph stores them; quantised, round(x / scale) + zero_point."""
    if batch.dtype == np.uint8:
        return batch
    if tensor.quantisation is None:
        return batch.astype(tensor.dtype, copy=False)
    scale, zero_point = tensor.quantisation
    limits = np.iinfo(tensor.dtype)
    steps: NDArray[np.float32] = np.rint(batch.astype(np.float32) / np.float32(scale)) + zero_point
    return steps.clip(limits.min, limits.max).astype(tensor.dtype)


def _real(values: NDArray[np.generic], tensor: TensorSpec) -> NDArray[np.generic]:
    if tensor.quantisation is None:
        return values
    scale, zero_point = tensor.quantisation
    steps: NDArray[np.float32] = values.astype(np.float32) - np.float32(zero_point)
    return steps * np.float32(scale)
