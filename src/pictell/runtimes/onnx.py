"""ONNX Runtime, the runtime of the core install."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from pictell.errors import RuntimeMissingError, UsageError
from pictell.graphs import TensorSpec, Weights
from pictell.options import EngineOptions
from pictell.pipeline.deadline import run_with_deadline
from pictell.runtimes import Tensor, Tensors
from pictell.types import ModelSpec

# Unless this is set before the import, the published builds report every session to Microsoft and
# store an identifier of the machine (onnxruntime/Privacy.md).
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

# tools/build_saturation_probe.py writes it: one uint8 x int8 matrix product.
PROBE = Path(__file__).with_name("saturation_probe.onnx")
PROBE_SIZE = 64
# This session option multiplies in uint8 x uint8, which does not saturate.
EXACT_PRODUCTS = "session.x64quantprecision"
FATAL_ONLY = 4
CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
REQUIREMENTS = "https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html"

# ONNX Runtime's names of element types that differ from those of numpy.
DTYPES = {"float": "float32", "double": "float64"}


class OnnxEngine:
    """A model in ONNX Runtime."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self.inputs = [_tensor(value) for value in session.get_inputs()]
        self.outputs = [_tensor(value) for value in session.get_outputs()]

    def run(self, inputs: Tensors, outputs: Sequence[str]) -> dict[str, Tensor]:
        """Inputs by name -> the named outputs."""
        values = self._session.run(list(outputs), dict(inputs))
        return dict(zip(outputs, values, strict=True))


def open_engine(spec: ModelSpec, weights: Weights, options: EngineOptions) -> OnnxEngine:
    """Load ONNX weights. Raises ``UsageError`` if there is no GPU to use."""
    providers = _providers(options)
    session_options = _options(options.threads)
    if int8_products_saturate():
        session_options.add_session_config_entry(EXACT_PRODUCTS, "1")
    _add_external_data(session_options, weights)
    # The fallback would repeat a failed run on the CPU and print to stdout.
    make = partial(
        onnxruntime.InferenceSession,
        weights.path or weights.graph,
        session_options,
        providers=providers,
        enable_fallback=0,
    )
    # A graph can be made so that this takes minutes.
    session = run_with_deadline(make, None, daemon=True)
    if options.device == "gpu" and CUDA not in session.get_providers():
        # Without CUDA's libraries or a GPU it opens the model on the CPU and only logs that.
        raise UsageError(
            f"ONNX Runtime cannot use CUDA here: install what {REQUIREMENTS} lists, "
            "or give --device cpu"
        )
    return OnnxEngine(session)


def _providers(options: EngineOptions) -> list[str | tuple[str, dict[str, str]]]:
    if options.device == "cpu":
        return [CPU]
    available = onnxruntime.get_available_providers()
    if CUDA not in available:
        raise UsageError(
            f"this build of ONNX Runtime has no {CUDA}, only {', '.join(available)}: "
            "replace onnxruntime by onnxruntime-gpu, or give --device cpu"
        )
    # TF32 keeps 10 of the 23 bits of a float32's fraction.
    return [(CUDA, {"use_tf32": "0" if options.precision == "float32" else "1"}), CPU]


def _add_external_data(options: onnxruntime.SessionOptions, weights: Weights) -> None:
    names = list(weights.files)[1:]
    if not names:
        return
    if not hasattr(options, "add_external_initializers_from_files_in_memory"):
        raise RuntimeMissingError(
            "a model in several files needs ONNX Runtime 1.24 or later: pip install -U onnxruntime"
        )
    contents = [weights.files[name] for name in names]
    options.add_external_initializers_from_files_in_memory(
        names, contents, [len(content) for content in contents]
    )


@cache
def int8_products_saturate() -> bool:
    """Whether sums of two uint8 x int8 products saturate at 16 bits on this processor.

    They do on x86-64 without VNNI, and change scores by 0.1 on average (VPMADDUBSW in Intel's SDM
    vol. 2; ONNX Runtime's page "Quantize ONNX models", section U8S8). The test sums 255 x 127.
    """
    session = onnxruntime.InferenceSession(PROBE.read_bytes(), _options(threads=1), providers=[CPU])
    a = np.full((1, PROBE_SIZE), 255, np.uint8)
    b = np.full((PROBE_SIZE, PROBE_SIZE), 127, np.int8)
    (product,) = session.run(None, {"a": a, "b": b})
    return bool(product[0, 0] != 255 * 127 * PROBE_SIZE)


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = FATAL_ONLY
    # The arena keeps freed memory and makes no run faster (benchmarks/README.md).
    options.enable_cpu_mem_arena = False
    return options


def _tensor(value: Any) -> TensorSpec:
    element = value.type.removeprefix("tensor(").removesuffix(")")
    shape = tuple(size if isinstance(size, int) else None for size in value.shape)
    # An unknown shape reads as that of a scalar.
    return TensorSpec(value.name, shape or None, DTYPES.get(element, element))
