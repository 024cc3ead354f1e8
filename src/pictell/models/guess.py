"""Guess a graph's preprocessing from its names and numbers.

``pictell inspect`` shows the guess with its reason. A model is never run with a guess.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from pictell.graphs import Inspection, Weights
from pictell.inspection.quantisation import real_range

# Scopes of TF-Slim's Inception and MobileNet definitions, which share their preprocessing.
SLIM_SCOPES = ("MobilenetV1/", "MobilenetV2/", "InceptionV1/", "InceptionV3/", "InceptionV4/")
INCEPTION5H_CLASSES = 1008
# The output that both programs called retrain.py add: TensorFlow's to an Inception v3 or a
# MobileNet, TensorFlow Hub's to a module. Only the second has an unnamed placeholder as its input.
RETRAINED = "final_result"
HUB_INPUT = "Placeholder"
# The lowest and highest number of presets, and the allowed difference, as a share of the range.
RANGES = {"tf-slim": (-1, 1), "unit": (0, 1), "raw": (0, 255)}
TOLERANCE = 0.01
# In the names that Keras gives to the operations of its layers.
RESCALING = {"Rescaling": b"rescaling", "Normalization": b"/normalization"}


class Guess(NamedTuple):
    """A preset that may be right, how likely that is, and why."""

    preset: str
    sure: Literal["likely", "possible"]
    reason: str


def guess(inspection: Inspection, content: Weights | None = None) -> Guess | None:
    """The preset that the quantisation of the input or names in the graph suggest, if any."""
    return next(_guesses(inspection, content), None)


def _guesses(inspection: Inspection, content: Weights | None) -> Iterator[Guess]:
    """All guesses, the best first."""
    for image in inspection.inputs:
        if spanned := real_range(image):
            yield from _by_range(*spanned)
    if content is not None:
        yield from _by_layers(content.graph)
    for output in inspection.outputs:
        if output.name.startswith(SLIM_SCOPES):
            yield Guess("tf-slim", "likely", f"{output.name} is a name from TF-Slim")
        if output.name == RETRAINED:
            yield _by_retrain(inspection)
        if output.shape and output.shape[-1] == INCEPTION5H_CLASSES:
            reason = f"Inception v1 of 2015 has {INCEPTION5H_CLASSES} classes"
            yield Guess("inception", "likely", reason)
    for image in inspection.inputs:
        if image.shape and len(image.shape) == 4 and image.shape[1] == 3:
            yield Guess("torchvision", "possible", "the channels come first, as in PyTorch")


def _by_layers(graph: bytes) -> Iterator[Guess]:
    for layer, name in RESCALING.items():
        if name in graph:
            yield Guess("raw", "likely", f"the graph has names of a {layer} layer of Keras")


def _by_retrain(inspection: Inspection) -> Guess:
    if any(image.name == HUB_INPUT for image in inspection.inputs):
        reason = f"TensorFlow Hub's retrain.py names them {HUB_INPUT} and {RETRAINED}"
        return Guess("retrain-hub", "possible", reason)
    return Guess("retrain", "possible", f"retrain.py names its output {RETRAINED}")


def _by_range(low: float, high: float) -> Iterator[Guess]:
    for preset, (lowest, highest) in RANGES.items():
        allowed = TOLERANCE * (highest - lowest)
        if abs(low - lowest) < allowed and abs(high - highest) < allowed:
            reason = f"the input takes values from {low:.3g} to {high:.3g}"
            yield Guess(preset, "likely", reason)
