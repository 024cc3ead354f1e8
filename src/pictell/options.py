"""What a caller may choose: limits, what is stated of a bare model, how a model is run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import Literal, get_args

from pictell.errors import UsageError
from pictell.types import (
    MIN_CROP_FRACTION,
    Activation,
    Channels,
    Interpolation,
    Layout,
    ResizeMode,
)

Precision = Literal["float32", "engine"]
MODEL_OPTION_CHOICES: Mapping[str, tuple[str, ...]] = {
    "activation": get_args(Activation),
    "resize_mode": get_args(ResizeMode),
    "interpolation": get_args(Interpolation),
    "layout": get_args(Layout),
    "channels": get_args(Channels),
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one picture may cost before it is refused.

    ``timeout_s`` bounds a whole download, from the name lookup to the last byte (seconds);
    ``max_bytes`` the encoded picture (bytes); ``max_pixels`` the decoded one (width x height),
    read from the header before any pixel is decoded.
    """

    timeout_s: float = 20.0
    max_bytes: int = 128 * 1024 * 1024
    max_pixels: int = 100_000_000

    def __post_init__(self) -> None:
        """Raises ``UsageError`` for a limit that is not above 0 (NaN is not)."""
        for name in ("timeout_s", "max_bytes", "max_pixels"):
            if not getattr(self, name) > 0:
                raise UsageError(f"{name} must be above 0, not {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """What a user states of a model whose files do not: a bare graph and its labels.

    ``None`` is not stated: it is then known from the catalogue or found in the file, or asked for.
    ``size`` is (width, height) in pixels; ``mean`` and ``scale`` are for R, G and B on the 0..255
    scale and give ``(x - mean) / scale``; ``preset`` names a whole recipe
    (``pictell.models.presets``); ``crop_fraction`` 0 squashes the whole picture. ``background``
    says that class 0 is background and has no line in the labels; ``unlabelled`` how many of the
    last outputs have none.
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
        """Raises ``UsageError`` for a value that cannot be."""
        for name, choices in MODEL_OPTION_CHOICES.items():
            value = getattr(self, name)
            if value is not None and value not in choices:
                raise UsageError(f"{name} is {value!r}, it must be one of {', '.join(choices)}")
        for name, length, least in (("size", 2, 1), ("mean", 3, -inf), ("std", 3, 0)):
            values = getattr(self, name)
            if values is not None and not _are_numbers(values, length, least):
                raise UsageError(f"{name} must be {length} numbers, not {values!r}")
        fraction = self.crop_fraction
        if fraction is not None and not MIN_CROP_FRACTION <= fraction <= 1:
            raise UsageError(f"crop_fraction must be {MIN_CROP_FRACTION} to 1, not {fraction!r}")
        if self.unlabelled is not None and not self.unlabelled >= 0:
            raise UsageError(f"unlabelled must be 0 or more, not {self.unlabelled!r}")


def _are_numbers(values: object, length: int, least: float) -> bool:
    return (
        isinstance(values, Sequence)
        and len(values) == length
        and all(isinstance(each, int | float) and isfinite(each) for each in values)
        and all(each >= least for each in values)
    )


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How a model is run.

    ``runtime`` is a name of ``pictell.runtimes.RUNTIMES``; ``None`` takes the first that is
    installed and reads the model's format. ``threads``: how many one run may use, 1 or more.
    ``device``: ``cpu`` or ``gpu``. ``precision``: ``float32``, or ``engine`` for what the engine
    itself would choose on this processor, which may be faster and less exact.
    """

    runtime: str | None = None
    threads: int = 1
    device: Literal["cpu", "gpu"] = "cpu"
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        """Raises ``UsageError`` for fewer threads than 1."""
        if self.threads < 1:
            raise UsageError(f"threads must be 1 or more, not {self.threads}")
