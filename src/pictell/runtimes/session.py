"""What all runtimes share: batches of any size, quantised tensors as real numbers, closing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from pictell.errors import (
    InvalidModelError,
    ModelError,
    OutOfMemoryError,
    PictellError,
    RuntimeFailedError,
    UsageError,
)
from pictell.graphs import TensorSpec
from pictell.inspection.scores import count_classes
from pictell.inspection.selection import listed, shape_text
from pictell.runtimes import Engine, Tensor, Tensors

# What the C++ library says, ONNX Runtime's allocator, and TensorFlow.
NO_MEMORY = ("bad_alloc", "bad allocation", "Failed to allocate memory", "OOM when allocating")


class EngineSession:
    """An engine as a ``Session``."""

    def __init__(self, runtime: str, engine: Engine, vectors: Collection[str] = ()) -> None:
        """``runtime`` is the name of the runtime in messages.

        ``vectors`` names the outputs to return as (N, D), without axes of size 1.
        """
        self._runtime = runtime
        self._engine: Engine | None = engine
        self._inputs = {tensor.name: tensor for tensor in engine.inputs}
        self._outputs = {tensor.name: tensor for tensor in engine.outputs}
        self._vectors = vectors
        self._fixed_batch = _fixed_batch(
            [*engine.inputs, *(self._outputs[name] for name in vectors)]
        )

    def run(self, inputs: Tensors, outputs: Sequence[str]) -> dict[str, Tensor]:
        """Run the model: inputs by name (N, …) -> the named outputs (N, …).

        Quantised tensors are given and returned as real numbers (float32); uint8 arrays are
        passed on as they are. Raises ``UsageError`` for a wrong name, a missing input and after
        ``close``, ``RuntimeFailedError`` or ``OutOfMemoryError`` if the runtime fails.
        """
        # The local reference keeps the engine alive until this run ends.
        engine = self._engine
        if engine is None:
            raise UsageError("the model is closed: load it again")
        _check_names("input", inputs, self._inputs)
        _check_names("output", outputs, self._outputs)
        if missing := self._inputs.keys() - inputs.keys():
            raise UsageError(f"the model needs the input {min(missing)!r}")
        stored = {name: _stored(values, self._inputs[name]) for name, values in inputs.items()}
        count = len(next(iter(stored.values())))
        parts = [self._run(engine, part, outputs) for part in self._parts(stored, count)]
        return {name: self._joined(name, [part[name] for part in parts], count) for name in outputs}

    def close(self) -> None:
        """Release the engine once the runs in flight have ended. Safe to call again."""
        self._engine = None

    def _parts(self, inputs: Tensors, count: int) -> Iterator[Tensors]:
        """The inputs in batches of the size that the graph fixes, the last one padded."""
        size = self._fixed_batch
        if size is None or size == count:
            yield inputs
            return
        for start in range(0, count, size):
            end = start + size
            rows = slice(start, end) if end <= count else np.arange(start, end).clip(max=count - 1)
            yield {name: values[rows] for name, values in inputs.items()}

    def _run(self, engine: Engine, inputs: Tensors, outputs: Sequence[str]) -> dict[str, Tensor]:
        rows = len(next(iter(inputs.values())))
        with engine_errors(RuntimeFailedError, f"{self._runtime} failed"):
            found = engine.run(inputs, outputs)
        return {name: self._rows(name, found[name], rows) for name in outputs}

    def _rows(self, name: str, values: Tensor, rows: int) -> Tensor:
        """The values of an output (rows, …). Raises ``RuntimeFailedError`` for another shape."""
        if values.shape[:1] == (rows,):
            return values
        if rows == 1 and values.ndim < 2 and name in self._vectors:
            # The exporter squeezed all axes of size 1, and with them the batch of one picture.
            return values.reshape(1, -1)
        shape = shape_text(values.shape)
        raise RuntimeFailedError(f"the output {name!r} has shape {shape} for a batch of {rows}")

    def _joined(self, name: str, parts: Sequence[Tensor], count: int) -> Tensor:
        values = (parts[0] if len(parts) == 1 else np.concatenate(parts))[:count]
        if name in self._vectors and values.ndim != 2:
            values = _flat(name, values)
        return _real(values, self._outputs[name])


@contextmanager
def engine_errors(raised: type[ModelError], failed: str) -> Iterator[None]:
    """Raise a runtime's errors, which have no common base, as ``raised``, in one line.

    Errors of pictell stay as they are. A ``MemoryError``, or an error that says that memory could
    not be allocated, becomes an ``OutOfMemoryError``.
    """
    try:
        yield
    except PictellError:
        raise
    except Exception as error:
        if isinstance(error, MemoryError) or any(words in str(error) for words in NO_MEMORY):
            raise OutOfMemoryError("not enough memory to run the model") from error
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise raised(f"{failed}: {reason}") from error


def _fixed_batch(tensors: Iterable[TensorSpec]) -> int | None:
    """The batch size that the exporter fixed, often 1, or ``None``."""
    return next((tensor.shape[0] for tensor in tensors if tensor.shape and tensor.shape[0]), None)


def _check_names(kind: str, names: Iterable[str], known: Mapping[str, TensorSpec]) -> None:
    for name in names:
        if name not in known:
            raise UsageError(f"the model has no {kind} {name!r}: it has {listed(known)}")


def _flat(name: str, values: Tensor) -> Tensor:
    try:
        # A vector has one value for each picture.
        if values.ndim > 1:
            count_classes(name, values.shape)
    except InvalidModelError as error:
        raise RuntimeFailedError(str(error)) from None
    return values.reshape(len(values), -1)


def _stored(values: Tensor, tensor: TensorSpec) -> Tensor:
    """Real numbers as the graph stores them; quantised, round(x / scale) + zero_point."""
    if values.dtype == np.uint8:
        return values
    if tensor.quantisation is None:
        return values.astype(tensor.dtype, copy=False)
    scale, zero_point = tensor.quantisation
    limits = np.iinfo(tensor.dtype)
    steps: NDArray[np.float32] = np.rint(values.astype(np.float32) / np.float32(scale)) + zero_point
    return steps.clip(limits.min, limits.max).astype(tensor.dtype)


def _real(values: Tensor, tensor: TensorSpec) -> Tensor:
    if tensor.quantisation is None:
        return values
    scale, zero_point = tensor.quantisation
    steps: NDArray[np.float32] = values.astype(np.float32) - np.float32(zero_point)
    return steps * np.float32(scale)
