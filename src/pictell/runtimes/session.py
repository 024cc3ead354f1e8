"""What all engines share: the spec fits the graph, batches of any size, real numbers out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pictell.errors import InvalidModelError, RuntimeFailedError
from pictell.inspection.selection import listed
from pictell.runtimes import Engine
from pictell.scoring.postprocess import check_label_count, count_classes, shape_text
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
        self._input = the_input(engine.inputs, spec)
        self._outputs = {output.name: output for output in engine.outputs}
        self._vectors = {spec.output_name, spec.embedding}
        check_input(self._input, spec.preprocess)
        check_outputs(self._outputs, spec)
        # Exporters often fix the batch dimension, mostly to 1: at the input, or on the way.
        shapes = (self._input.shape, self._outputs[spec.output_name].shape)
        self._fixed_batch = next((shape[0] for shape in shapes if shape and shape[0]), None)

    def run(self, batch: NDArray[np.generic], outputs: Sequence[str]) -> list[NDArray[np.generic]]:
        """The named outputs for a batch, float32 where they are stored quantised.

        Raises ``RuntimeFailedError``.
        """
        given = self._parts(_stored(batch, self._input))
        parts = zip(*(self._run(part, outputs) for part in given), strict=True)
        rows = sum(map(len, given))
        return [
            self._finished(name, values, rows)[: len(batch)]
            for name, values in zip(outputs, parts, strict=True)
        ]

    def _parts(self, batch: NDArray[np.generic]) -> list[NDArray[np.generic]]:
        size = self._fixed_batch
        if size is None or size == len(batch):
            return [batch]
        missing = -len(batch) % size
        if missing:
            batch = np.concatenate([batch, np.repeat(batch[-1:], missing, axis=0)])
        return [batch[start : start + size] for start in range(0, len(batch), size)]

    def _run(self, batch: NDArray[np.generic], outputs: Sequence[str]) -> list[NDArray[np.generic]]:
        try:
            return self._engine.run(batch, outputs)
        except Exception as error:
            # The engines' errors have no common base below Exception.
            raise RuntimeFailedError(f"{self._runtime} failed: {first_line(error)}") from error

    def _finished(
        self, name: str, parts: Sequence[NDArray[np.generic]], rows: int
    ) -> NDArray[np.generic]:
        values = parts[0] if len(parts) == 1 else np.concatenate(parts)
        if values.ndim == 0 or len(values) != rows:
            raise RuntimeFailedError(
                f"the output {name!r} has shape {shape_text(values.shape)} for {rows} pictures"
            )
        if name in self._vectors and values.ndim != 2:
            values = _flat(name, values)
        return _real(values, self._outputs[name])


def wanted_outputs(spec: ModelSpec) -> tuple[str, ...]:
    """The names of the outputs a spec states, the logits first."""
    return tuple(filter(None, (spec.output_name, spec.embedding, spec.feature_map)))


def check_input(tensor: TensorSpec, spec: PreprocessSpec) -> None:
    """See that a picture preprocessed as ``spec`` says fits the graph's input.

    Raises ``InvalidModelError``.
    """
    given = {"batch": None, "height": spec.height, "width": spec.width, "channels": 3}
    wanted = tensor.shape
    if wanted is not None and len(wanted) != 4:
        raise InvalidModelError(
            f"the input {tensor.name!r} has shape {shape_text(wanted)}, "
            "not that of a batch of pictures, (N, H, W, 3) or (N, 3, H, W)"
        )
    axes = AXES[spec.layout]
    for size, axis in zip(wanted or (None,) * 4, axes, strict=True):
        if size is None or given[axis] in (None, size):
            continue
        raise InvalidModelError(_misfit(tensor, spec, axis))
    if spec.mean is None and tensor.dtype != "uint8":
        raise InvalidModelError(
            f"the input {tensor.name!r} takes {tensor.dtype}, not a picture's bytes: "
            "give --mean and --scale"
        )
    if spec.mean is not None and not (tensor.quantisation or tensor.dtype.startswith("float")):
        raise InvalidModelError(
            f"the input {tensor.name!r} takes {tensor.dtype}: give no --mean and no --scale"
        )


def _misfit(tensor: TensorSpec, spec: PreprocessSpec, axis: str) -> str:
    shape = tensor.shape or ()
    text = f"the input {tensor.name!r} has shape {shape_text(shape)}"
    other = "NCHW" if spec.layout == "NHWC" else "NHWC"
    if shape[AXES[other].index("channels")] == 3 != shape[AXES[spec.layout].index("channels")]:
        return f"{text}: give --layout {other}, not {spec.layout}"
    sizes = dict(zip(AXES[spec.layout], shape, strict=True))
    if axis == "channels":
        return f"{text}: pictell gives 3 channels (RGB), not {sizes[axis]}"
    wanted = f"{sizes['width'] or spec.width}x{sizes['height'] or spec.height}"
    return f"{text}: give --size {wanted}, not {spec.width}x{spec.height}"


def check_outputs(outputs: Mapping[str, TensorSpec], spec: ModelSpec) -> None:
    """See that the outputs exist and that there is a label for each class.

    Raises ``InvalidModelError``.
    """
    for name in wanted_outputs(spec):
        if name not in outputs:
            raise InvalidModelError(f"the model has no output {name!r}: it has {listed(outputs)}")
    shape = outputs[spec.output_name].shape
    classes = None if shape is None else count_classes(spec.output_name, shape)
    if classes is not None:
        check_label_count(len(spec.labels), classes)


def first_line(error: Exception) -> str:
    """What an engine said, without its history."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def the_input(inputs: Sequence[TensorSpec], spec: ModelSpec) -> TensorSpec:
    """The one input that a graph must have. Raises ``InvalidModelError``."""
    named = {tensor.name: tensor for tensor in inputs}
    if spec.input_name not in named:
        raise InvalidModelError(
            f"the model has no input {spec.input_name!r}: it has {listed(named)}"
        )
    if len(named) > 1:
        raise InvalidModelError(
            f"the model takes several inputs ({listed(named)}), and pictell has only pictures"
        )
    return named[spec.input_name]


def _flat(name: str, values: NDArray[np.generic]) -> NDArray[np.generic]:
    try:
        count_classes(name, values.shape)
    except InvalidModelError as error:
        raise RuntimeFailedError(str(error)) from None
    return values.reshape(len(values), -1)


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
