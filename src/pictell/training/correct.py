"""Correct a trained model by one picture that it got wrong, and take that back.

A correction is a step of one class's weights, and of the gate of the familiarity if the picture is
behind it. The step is orthogonal to what the model knows of its classes, so that pictures like
those that it was trained on keep their scores.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from pictell.errors import InvalidModelError, UsageError
from pictell.inspection.onnx import read_metadata, with_metadata
from pictell.scoring.calibration import Calibration, evidence, to_logits
from pictell.scoring.postprocess import to_probabilities
from pictell.training.familiarity import Familiarity, Floats, centred, seen_from_zero
from pictell.training.graph import read_head, replace_head
from pictell.training.head import Head
from pictell.training.trained import CORRECTIONS_KEY
from pictell.types import Activation

# The score that a corrected picture gets, and how far the gate opens for it: it is sure.
GOAL = 0.95
# A larger step would change the scores of many pictures. Logits of trained models differ by less.
MAX_STEP = 30.0
BISECTIONS = 40
# Less than this much of a picture cannot be told from the means of the classes.
MIN_OWN_PART = 1e-3


class Correction(NamedTuple):
    """The class of a picture, and how far its weights and the gate went."""

    class_index: int
    step: float
    gate_step: float = 0.0


def correct(
    content: bytes,
    features: Floats,
    class_index: int,
    calibration: Calibration = Calibration(),
    activation: Activation = "softmax",
) -> bytes:
    """The model with a picture's features (D,), of norm 1, corrected to a class.

    Its calibrated score becomes ``GOAL`` or stays if it is higher; it is familiar from then on.
    Raises ``InvalidModelError`` for a model that was not trained by pictell, and ``UsageError``
    for a picture like the mean of the classes, or a model that has learned too little.
    """
    head, before = read_head(content), corrections(content)
    logits = (head.weights @ features + head.bias).astype(np.float64)[np.newaxis]

    def score(step: float) -> float:
        changed = logits.copy()
        changed[0, class_index] += step
        calibrated = to_logits(evidence(changed, activation), calibration)
        return float(to_probabilities(calibrated, activation)[0, class_index])

    made = Correction(class_index, _step(score), _step(_gate_of(head.familiarity, features)))
    known = head.familiarity
    direction = _direction(known, features, len(known.bank) - len(before))
    bank = np.vstack([known.bank, centred(features[np.newaxis], known.origin)])
    changed = replace_head(content, _moved(head, made, direction, bank, 1))
    return _with_corrections(changed, [*before, made])


def undo(content: bytes) -> bytes:
    """The model without its last correction. Raises ``UsageError`` if it has none."""
    found = corrections(content)
    if not found:
        raise UsageError("the model has no correction that could be undone")
    *before, last = found
    head = read_head(content)
    known = head.familiarity
    (features,) = seen_from_zero(known.bank[-1:], known.origin)
    direction = _direction(known, features, len(known.bank) - len(found))
    changed = replace_head(content, _moved(head, last, direction, known.bank[:-1].copy(), -1))
    return _with_corrections(changed, before)


def corrected(content: bytes) -> tuple[Floats, list[int]]:
    """The features (M, D) and the classes of the pictures that a model was corrected by.

    Raises ``InvalidModelError``.
    """
    found, known = corrections(content), read_head(content).familiarity
    rows = known.bank[len(known.bank) - len(found) :]
    return seen_from_zero(rows, known.origin), [one.class_index for one in found]


def corrections(content: bytes) -> list[Correction]:
    """The corrections of a model, the first one first. Raises ``InvalidModelError``."""
    metadata = read_metadata(content)
    head = read_head(content)
    try:
        found = [
            Correction(int(one["class_index"]), float(one["step"]), float(one["gate_step"]))
            for one in list[Any](json.loads(metadata.get(CORRECTIONS_KEY, "[]")))
        ]
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise InvalidModelError(f"{CORRECTIONS_KEY} in the model's metadata is damaged") from error
    steps = [step for one in found for step in one[1:]]
    classes = [one.class_index for one in found]
    if (
        len(found) >= len(head.familiarity.bank)
        or not all(0 <= step <= MAX_STEP for step in steps)
        or not all(0 <= one < len(head.weights) for one in classes)
    ):
        raise InvalidModelError(f"{CORRECTIONS_KEY} in the model's metadata is damaged")
    return found


def _with_corrections(content: bytes, found: list[Correction]) -> bytes:
    text = json.dumps([one._asdict() for one in found]) if found else None
    return with_metadata(content, {CORRECTIONS_KEY: text})


def _moved(head: Head, made: Correction, direction: Floats, bank: Floats, sign: int) -> Head:
    """The head with a correction added (``sign`` 1) or taken back (-1), and another bank."""
    weights, known = head.weights.copy(), head.familiarity
    weights[made.class_index] += np.float32(sign * made.step) * direction
    gate = known.gate
    if gate is not None:
        gate = gate + np.float32(sign * made.gate_step) * direction
    return replace(head, weights=weights, familiarity=replace(known, bank=bank, gate=gate))


def _direction(known: Familiarity, features: Floats, classes: int) -> Floats:
    """The part of the features that is orthogonal to the origin and the classes seen from it, (D,).

    So it is orthogonal to the means of the classes. Its dot product with the features is 1.
    """
    means = np.vstack([known.bank[:classes], known.origin]).astype(np.float64)
    own = features.astype(np.float64)
    own = own - means.T @ np.linalg.lstsq(means.T, own, rcond=None)[0]
    length = float(own @ features)
    if length < MIN_OWN_PART:
        raise UsageError("the picture is like the mean of a class: train with more pictures")
    return np.asarray(own / length, np.float32)


def _gate_of(known: Familiarity, features: Floats) -> Callable[[float], float]:
    """How far the gate opens for a picture after a step."""
    if known.gate is None or known.gate_bias is None:
        return lambda step: 1.0
    product = float(features @ known.gate + known.gate_bias[0])
    return lambda step: float(1 / (1 + np.exp(-(product + step))))


def _step(score: Callable[[float], float]) -> float:
    """The least step, 0 or more, after which a score that rises with it is ``GOAL``."""
    if score(0.0) >= GOAL:
        return 0.0
    if score(MAX_STEP) < GOAL:
        raise UsageError(
            "the model has learned too little to be corrected: train it with more pictures"
        )
    low, high = 0.0, MAX_STEP
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if score(middle) < GOAL else (low, middle)
    return high
