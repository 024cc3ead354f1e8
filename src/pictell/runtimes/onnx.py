"""ONNX Runtime: the engine of the core install."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pictell.errors import InvalidModelError, RuntimeFailedError
from pictell.types import ModelSpec

# The published builds report every session to their makers and keep an identifier of
# the machine, unless this is set before they are loaded (onnxruntime/Privacy.md). A picture is
# its owner's business.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

# Written by tools/build_saturation_probe.py: one uint8 x int8 matrix product.
PROBE = Path(__file__).with_name("saturation_probe.onnx")
PROBE_SIZE = 64
# ONNX Runtime's session option that multiplies in uint8 x uint8, which does not saturate.
EXACT_PRODUCTS = "session.x64quantprecision"
ERRORS_ONLY = 3


class OnnxSession:
    """A model in ONNX Runtime, on the CPU."""

    def __init__(self, session: onnxruntime.InferenceSession, input_name: str) -> None:
        self._session = session
        self._input_name = input_name
        # Exporters often fix the batch dimension to 1.
        self._one_at_a_time = session.get_inputs()[0].shape[0] == 1

    def run(self, batch: NDArray[np.generic], outputs: Sequence[str]) -> list[NDArray[np.generic]]:
        """The named outputs for a batch. Raises ``RuntimeFailedError``."""
        if self._one_at_a_time:
            rows = [self._run(batch[i : i + 1], outputs) for i in range(len(batch))]
            return [np.concatenate(values) for values in zip(*rows, strict=True)]
        return self._run(batch, outputs)

    def _run(self, batch: NDArray[np.generic], outputs: Sequence[str]) -> list[NDArray[np.generic]]:
        try:
            values: list[NDArray[np.generic]] = self._session.run(
                list(outputs), {self._input_name: batch}
            )
        except Exception as error:
            # The engine's errors have no common base below Exception.
            raise RuntimeFailedError(f"ONNX Runtime failed: {_first_line(error)}") from error
        return values


def open_session(spec: ModelSpec, weights: bytes, threads: int) -> OnnxSession:
    """Load ONNX weights. Raises ``InvalidModelError`` when they or their names do not fit."""
    options = _options(threads)
    if int8_products_saturate():
        options.add_session_config_entry(EXACT_PRODUCTS, "1")
    try:
        session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise InvalidModelError(
            f"ONNX Runtime refuses the weights: {_first_line(error)}"
        ) from error
    _check_names(session, spec)
    return OnnxSession(session, spec.input_name)


@cache
def int8_products_saturate() -> bool:
    """Whether this processor adds pairs of uint8 x int8 products in 16 bits, cutting them off.

    x86-64 without VNNI does (its VPMADDUBSW instruction: Intel SDM vol. 2; ONNX Runtime's page
    'Quantize ONNX models', section on U8S8), and scores are then off by 0.1 on average. So the
    engine is asked: 255 x 127, summed over a row, is right or it is not.
    """
    session = onnxruntime.InferenceSession(
        PROBE.read_bytes(), _options(threads=1), providers=["CPUExecutionProvider"]
    )
    a = np.full((1, PROBE_SIZE), 255, np.uint8)
    b = np.full((PROBE_SIZE, PROBE_SIZE), 127, np.int8)
    (product,) = session.run(None, {"a": a, "b": b})
    return bool(product[0, 0] != 255 * 127 * PROBE_SIZE)


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    # Keeping freed memory makes no run faster (benchmarks/README.md) but every process larger.
    options.enable_cpu_mem_arena = False
    return options


def _check_names(session: onnxruntime.InferenceSession, spec: ModelSpec) -> None:
    inputs = {value.name: value for value in session.get_inputs()}
    if list(inputs) != [spec.input_name]:
        raise InvalidModelError(f"the model's inputs are {list(inputs)}, not [{spec.input_name!r}]")
    dtype = "uint8" if spec.preprocess.mean is None else "float"
    image = inputs[spec.input_name]
    if len(image.shape) != 4 or image.type != f"tensor({dtype})":
        raise InvalidModelError(
            f"the input {image.name!r} is {image.type} of shape {image.shape}, "
            f"not a batch of images as tensor({dtype})"
        )
    outputs = {value.name: value.shape for value in session.get_outputs()}
    for name in filter(None, (spec.logits, spec.embedding, spec.feature_map)):
        if name not in outputs:
            raise InvalidModelError(
                f"the model has no output {name!r}: it has {', '.join(outputs)}"
            )
    shape = outputs[spec.logits]
    if len(shape) != 2:
        raise InvalidModelError(f"the output {spec.logits!r} has shape {shape}, not (N, classes)")
    if isinstance(shape[1], int) and shape[1] != len(spec.labels):
        raise InvalidModelError(f"{len(spec.labels)} labels for an output of {shape[1]} classes")


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
