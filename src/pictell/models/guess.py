"""Guess a graph's preprocessing from its names and numbers.

``pictell inspect`` shows the guess with its reason. A model is never run with a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pictell.types import Inspection, TensorSpec

# Scopes of TF-Slim's Inception and MobileNet definitions, which share their preprocessing.
SLIM_SCOPES = ("MobilenetV1/", "MobilenetV2/", "InceptionV1/", "InceptionV3/", "InceptionV4/")
INCEPTION5H_CLASSES = 1008
# The output that TensorFlow's retrain.py adds to an Inception v3 or a MobileNet.
RETRAINED = "final_result"
# The allowed difference between the range of the input and the range of a preset.
TOLERANCE = 0.02


@dataclass(frozen=True, slots=True)
class Guess:
    """A preset that may be right, how likely that is, and why."""

    preset: str
    sure: Literal["likely", "possible"]
    reason: str


def guess(inspection: Inspection) -> Guess | None:
    """The preset that the quantisation of the input or the names of tensors suggest, if any."""
    for image in inspection.inputs:
        if found := _by_quantisation(image):
            return found
    for output in inspection.outputs:
        if found := _by_output(output):
            return found
    if any(_is_nchw(image) for image in inspection.inputs):
        return Guess("torchvision", "possible", "the channels come first, as in PyTorch")
    return None


def _by_quantisation(image: TensorSpec) -> Guess | None:
    if image.quantisation is None:
        return None
    scale, zero_point = image.quantisation
    limits = np.iinfo(image.dtype)
    low, high = scale * (limits.min - zero_point), scale * (limits.max - zero_point)
    reason = f"the input takes values from {low:.3g} to {high:.3g}"
    if abs(low + 1) < TOLERANCE and abs(high - 1) < TOLERANCE:
        return Guess("tf-slim", "likely", reason)
    if abs(low) < TOLERANCE and abs(high - 1) < TOLERANCE:
        return Guess("unit", "likely", reason)
    return None


def _by_output(output: TensorSpec) -> Guess | None:
    if output.name.startswith(SLIM_SCOPES):
        return Guess("tf-slim", "likely", f"{output.name} is a name from TF-Slim")
    if output.name == RETRAINED:
        return Guess("retrain", "possible", f"retrain.py names its output {RETRAINED}")
    if output.shape is not None and output.shape[-1:] == (INCEPTION5H_CLASSES,):
        return Guess(
            "inception", "likely", f"Inception v1 of 2015 has {INCEPTION5H_CLASSES} classes"
        )
    return None


def _is_nchw(image: TensorSpec) -> bool:
    return image.shape is not None and len(image.shape) == 4 and image.shape[1] == 3
