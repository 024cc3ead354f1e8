"""What a caller may choose: limits on pictures, overrides for a model, how the model is run."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal, get_args

from pictell.errors import UsageError
from pictell.types import (
    MAX_INPUT_SIDE,
    MIN_CROP_FRACTION,
    Activation,
    Channels,
    Interpolation,
    Layout,
    ResizeMode,
    find_range_problem,
)

Device = Literal["cpu", "gpu"]
Precision = Literal["float32", "engine"]
MODEL_OPTION_CHOICES: Mapping[str, tuple[str, ...]] = {
    "activation": get_args(Activation),
    "resize_mode": get_args(ResizeMode),
    "interpolation": get_args(Interpolation),
    "layout": get_args(Layout),
    "channels": get_args(Channels),
}
# The default confidence threshold. For 95 % of right answers 0.87 was fitted; this is a little
# higher, as other pictures may be harder than those it was fitted on (benchmarks/backoff.py).
MIN_CONFIDENCE = 0.9
# On a CPU one run on four pictures is a tenth faster than four runs, and more pictures gain nothing
# (benchmarks/README.md). A GPU needs more: an H200 runs ResNet-50 at 517, 1942 and 4057 images/s
# with 1, 4 and 64 pictures.
CPU_BATCH_SIZE, GPU_BATCH_SIZE = 4, 64
MAX_UNLABELLED = 1_000_000
MAX_THREADS = 1024
# Sockets do not take a longer timeout.
MIN_TIMEOUT_S, MAX_TIMEOUT_S = 0.001, 1_000_000
MAX_MEAN_OR_STD = 1_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What one picture may cost before it is refused.

    ``timeout_s`` bounds a whole download, from the name lookup to the last byte (seconds);
    ``max_bytes`` the encoded picture (bytes); ``max_pixels`` the decoded image (width x height),
    read from the header before any pixel is decoded. ``allow_truncated`` accepts a JPEG however
    much of its end is missing.

    ``memory_budget`` bounds the bytes that all pictures in flight take together, in this process:
    those that are read, wait or are decoded. ``None`` is a quarter of the memory that the process
    may use. A picture that needs more than is left waits, and one that needs more than all of it
    is decoded alone.

    With ``isolate``, pictures are decoded in processes of their own. A decoder that crashes, takes
    longer than ``decode_timeout_s`` seconds, or needs more than ``max_memory`` bytes (on Linux)
    then costs its picture alone. PIL images stay in this process.
    """

    timeout_s: float = 20.0
    max_bytes: int = 128 * 1024 * 1024
    max_pixels: int = 100_000_000
    allow_truncated: bool = False
    memory_budget: int | None = None
    isolate: bool = False
    decode_timeout_s: float = 30.0
    max_memory: int = 2 * 1024**3

    def __post_init__(self) -> None:
        """Raises ``UsageError`` for a limit of the wrong type or out of range."""
        _check_number("timeout_s", self.timeout_s, MIN_TIMEOUT_S, MAX_TIMEOUT_S)
        _check_integer("max_bytes", self.max_bytes, 1, sys.maxsize)
        _check_integer("max_pixels", self.max_pixels, 1, sys.maxsize)
        if self.memory_budget is not None:
            _check_integer("memory_budget", self.memory_budget, 1, sys.maxsize)
        for name in ("allow_truncated", "isolate"):
            if not isinstance(getattr(self, name), bool):
                raise _error(name, getattr(self, name), "True or False")
        _check_number("decode_timeout_s", self.decode_timeout_s, MIN_TIMEOUT_S, MAX_TIMEOUT_S)
        _check_integer("max_memory", self.max_memory, 1, sys.maxsize)
        for field in fields(self)[-2:]:
            if not self.isolate and getattr(self, field.name) != field.default:
                raise UsageError(f"{field.name} must be left out, or given with isolate")


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """What the user overrides or adds for a model of bare files: a graph and its labels.

    ``None`` leaves a value to the preset, the catalogue or the file itself. ``size`` is (width,
    height) in pixels; ``mean`` and ``std`` are for R, G and B, for pixels in 0..255, and give
    ``(x - mean) / std``; ``preset`` is a name in ``pictell.models.presets``. ``resize_mode`` and
    ``crop_fraction`` (0.01 to 1) are explained in ``pictell.types.PreprocessSpec``.
    ``background``: class 0 is background and has no line in the labels file. ``unlabelled``: the
    number of outputs at the end that have no line there.
    """

    labels: str | os.PathLike[str] | None = None
    input_name: str | None = None
    output_name: str | None = None
    activation: Activation | None = None
    preset: str | None = None
    size: tuple[int, int] | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    resize_mode: ResizeMode | None = None
    crop_fraction: float | None = None
    interpolation: Interpolation | None = None
    layout: Layout | None = None
    channels: Channels | None = None
    background: bool | None = None
    unlabelled: int | None = None

    def __post_init__(self) -> None:
        """Raises ``UsageError`` for a value of the wrong type or out of range."""
        if not isinstance(self.labels, str | os.PathLike | None):
            raise _error("labels", self.labels, "a path")
        if not isinstance(self.background, bool | None):
            raise _error("background", self.background, "True or False")
        for name in ("input_name", "output_name", "preset"):
            _check_text(name, getattr(self, name))
        for name, choices in MODEL_OPTION_CHOICES.items():
            if getattr(self, name) is not None:
                _check_choice(name, getattr(self, name), choices)
        if self.crop_fraction is not None:
            _check_number("crop_fraction", self.crop_fraction, MIN_CROP_FRACTION, 1)
        if self.unlabelled is not None:
            _check_integer("unlabelled", self.unlabelled, 0, MAX_UNLABELLED)
        self._check_tuples()

    def _check_tuples(self) -> None:
        for name, length in (("size", 2), ("mean", 3), ("std", 3)):
            values = getattr(self, name)
            if values is None:
                continue
            if not isinstance(values, tuple | list) or len(values) != length:
                raise _error(name, values, f"{length} numbers")
            for value in values:
                if name == "size":
                    _check_integer(name, value, 1, MAX_INPUT_SIDE)
                else:
                    _check_number(name, value, -MAX_MEAN_OR_STD, MAX_MEAN_OR_STD)
        problem = find_range_problem(self.mean, self.std)
        if problem is not None:
            raise UsageError(problem)


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How a model is run.

    ``runtime`` is a name in ``pictell.runtimes.RUNTIMES``; ``None`` takes the first that is
    installed and reads the model's format. ``threads``: how many threads one run may use, 1 or
    more. ``device``: ``cpu`` or ``gpu``. ``precision``: ``float32``, or ``engine`` for what the
    runtime chooses on this processor, which may be faster and less exact.
    """

    runtime: str | None = None
    threads: int = 1
    device: Device = "cpu"
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        """Raises ``UsageError`` for a value of the wrong type or out of range."""
        _check_text("runtime", self.runtime)
        _check_integer("threads", self.threads, 1, MAX_THREADS)
        _check_choice("device", self.device, get_args(Device))
        _check_choice("precision", self.precision, get_args(Precision))

    @property
    def batch_size(self) -> int:
        """How many pictures of a stream one run takes at most."""
        return GPU_BATCH_SIZE if self.device == "gpu" else CPU_BATCH_SIZE


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str | None):
        raise _error(name, value, "text")


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in choices:
        raise _error(name, value, f"one of {', '.join(choices)}")


def _check_number(name: str, value: object, low: float, high: float) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        raise _error(name, value, f"a number from {low} to {high}")


def _check_integer(name: str, value: object, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise _error(name, value, f"a whole number from {low} to {high}")


def _error(name: str, value: object, expected: str) -> UsageError:
    try:
        shown = repr(value)
    except ValueError:  # Python does not print numbers of more than 4300 digits
        shown = "that"
    return UsageError(f"{name} must be {expected}, not {shown}")
