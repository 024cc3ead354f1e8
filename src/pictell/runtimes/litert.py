"""LiteRT: the engine of TFLite files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from pictell.errors import InvalidModelError, UsageError
from pictell.options import EngineOptions
from pictell.runtimes.pool import Pool
from pictell.runtimes.quiet import without_notices
from pictell.runtimes.session import first_line
from pictell.types import ModelSpec, TensorSpec, Weights


class LitertEngine:
    """A model in LiteRT, whose interpreters serve one thread at a time."""

    def __init__(self, content: bytes, threads: int) -> None:
        # From bytes: only then does LiteRT verify the file before it follows its offsets.
        self._pool = Pool(lambda: Interpreter(model_content=content, num_threads=threads))
        with self._pool.one() as interpreter:
            interpreter.allocate_tensors()
            inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        self.inputs = [_tensor(details) for details in inputs]
        self.outputs = [_tensor(details) for details in outputs]
        self._places = {details["name"]: int(details["index"]) for details in outputs}
        self._input = int(inputs[0]["index"]) if inputs else None

    def run(self, batch: NDArray[np.generic], outputs: Sequence[str]) -> list[NDArray[np.generic]]:
        """The named outputs for a batch."""
        with self._pool.one() as interpreter:
            # Nothing is done where the shape is the last one's, and all the work where it is not.
            interpreter.resize_tensor_input(self._input, batch.shape)
            interpreter.allocate_tensors()
            interpreter.set_tensor(self._input, batch)
            interpreter.invoke()
            return [interpreter.get_tensor(self._places[name]) for name in outputs]


def open_engine(spec: ModelSpec, weights: Weights, options: EngineOptions) -> LitertEngine:
    """Load a TFLite file. Raises ``InvalidModelError`` when the engine refuses it."""
    if options.device != "cpu":
        raise UsageError("litert runs on the cpu only: give --device cpu")
    try:
        with without_notices():
            return LitertEngine(weights.graph, options.threads)
    except Exception as error:
        raise InvalidModelError(f"LiteRT refuses the weights: {first_line(error)}") from error


def _tensor(details: Mapping[str, Any]) -> TensorSpec:
    shape = tuple(int(size) if size >= 0 else None for size in details["shape_signature"])
    scale, zero_point = details["quantization"]
    return TensorSpec(
        details["name"],
        shape,
        np.dtype(details["dtype"]).name,
        (scale, zero_point) if scale else None,
    )
