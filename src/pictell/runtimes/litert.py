"""LiteRT, the runtime for TFLite files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from pictell.errors import UsageError
from pictell.graphs import TensorSpec, Weights
from pictell.options import EngineOptions
from pictell.runtimes import Tensor, Tensors
from pictell.runtimes.pool import Pool
from pictell.runtimes.quiet import without_notices
from pictell.types import ModelSpec


class LitertEngine:
    """A model in LiteRT. Its interpreters serve one thread at a time."""

    def __init__(self, content: bytes, threads: int) -> None:
        # LiteRT verifies the offsets of a file only if it gets the file as bytes.
        self._pool = Pool(lambda: Interpreter(model_content=content, num_threads=threads))
        with self._pool.borrow() as interpreter:
            interpreter.allocate_tensors()
            inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        self.inputs = [_tensor(details) for details in inputs]
        self.outputs = [_tensor(details) for details in outputs]
        self._inputs, self._outputs = (
            {details["name"]: int(details["index"]) for details in tensors}
            for tensors in (inputs, outputs)
        )

    def run(self, inputs: Tensors, outputs: Sequence[str]) -> dict[str, Tensor]:
        """Inputs by name -> the named outputs."""
        with self._pool.borrow() as interpreter:
            # These two do nothing if the shapes are those of the last run.
            for name, values in inputs.items():
                interpreter.resize_tensor_input(self._inputs[name], values.shape)
            interpreter.allocate_tensors()
            for name, values in inputs.items():
                interpreter.set_tensor(self._inputs[name], values)
            interpreter.invoke()
            return {name: interpreter.get_tensor(self._outputs[name]) for name in outputs}


def open_engine(spec: ModelSpec, weights: Weights, options: EngineOptions) -> LitertEngine:
    """Load a TFLite file. Raises ``UsageError`` for a GPU."""
    if options.device != "cpu":
        raise UsageError("litert runs only on the CPU: give --device cpu")
    with without_notices():
        return LitertEngine(weights.graph, options.threads)


def _tensor(details: Mapping[str, Any]) -> TensorSpec:
    shape = tuple(int(size) if size >= 0 else None for size in details["shape_signature"])
    scale, zero_point = details["quantization"]
    return TensorSpec(
        details["name"],
        shape,
        np.dtype(details["dtype"]).name,
        (scale, zero_point) if scale else None,
    )
