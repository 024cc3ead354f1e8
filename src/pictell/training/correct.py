"""Correct a trained model by one picture that it got wrong, and take that back.

A correction is a step of one class's weights. The step is orthogonal to the means of the classes,
so that pictures like those that the model was trained on keep their scores.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from pictell.errors import InvalidModelError, UsageError
from pictell.inspection.onnx import read, with_metadata
from pictell.scoring.calibration import Calibration, evidence, to_logits
from pictell.scoring.postprocess import to_probabilities
from pictell.training.graph import read_head, replace_head
from pictell.training.head import Floats, Head
from pictell.training.trained import CORRECTIONS_KEY

# The score that a corrected picture gets: it is sure.
GOAL = 0.95
# A larger step would change the scores of many pictures. Logits of trained models differ by less.
MAX_STEP = 30.0
BISECTIONS = 40
# Less than this much of a picture cannot be told from the means of the classes.
MIN_OWN_PART = 1e-3


class Correction(NamedTuple):
    """The class of a picture, and how far its weights went."""

    class_index: int
    step: float


def correct(
    content: bytes, features: Floats, class_index: int, calibration: Calibration = Calibration()
) -> bytes:
    """The model with a picture's features (D,), of norm 1, corrected to a class.

    Its calibrated score becomes ``GOAL`` or stays if it is higher; it is familiar from then on.
    Raises ``InvalidModelError`` for a model that was not trained by pictell, and ``UsageError``
    for a picture like the mean of the classes, or a model that has learned too little.
    """
    head, before = read_head(content), corrections(content)
    direction = _direction(head, features, len(head.weights))
    step = _step(head, features, class_index, calibration)
    weights = head.weights.copy()
    weights[class_index] += np.float32(step) * direction
    bank = np.vstack([_bank(head), features])
    changed = replace_head(content, replace(head, weights=weights, bank=bank))
    return _with_corrections(changed, [*before, Correction(class_index, step)])


def undo(content: bytes) -> bytes:
    """The model without its last correction. Raises ``UsageError`` if it has none."""
    found = corrections(content)
    if not found:
        raise UsageError("the model has no correction that could be undone")
    *before, last = found
    head = read_head(content)
    bank = _bank(head)
    direction = _direction(head, bank[-1], len(head.weights))
    weights = head.weights.copy()
    weights[last.class_index] -= np.float32(last.step) * direction
    changed = replace_head(content, replace(head, weights=weights, bank=bank[:-1].copy()))
    return _with_corrections(changed, before)


def corrections(content: bytes) -> list[Correction]:
    """The corrections of a model, the first one first. Raises ``InvalidModelError``."""
    texts = {entry.key: entry.value for entry in read(content).metadata_props}
    classes = len(read_head(content).weights)
    try:
        found = [
            Correction(int(one["class_index"]), float(one["step"]))
            for one in list[Any](json.loads(texts.get(CORRECTIONS_KEY, "[]")))
        ]
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise InvalidModelError(f"{CORRECTIONS_KEY} in the model's metadata is damaged") from error
    for one in found:
        if not (0 <= one.class_index < classes and 0 <= one.step <= MAX_STEP):
            raise InvalidModelError(f"{CORRECTIONS_KEY} in the model's metadata is damaged")
    return found


def _with_corrections(content: bytes, found: list[Correction]) -> bytes:
    text = json.dumps([one._asdict() for one in found]) if found else None
    return with_metadata(content, {CORRECTIONS_KEY: text})


def _bank(head: Head) -> Floats:
    if head.bank is None:
        raise InvalidModelError("the model has no familiarity: it was not trained by pictell train")
    return head.bank


def _direction(head: Head, features: Floats, classes: int) -> Floats:
    """The part of the features that is orthogonal to the means of the classes, (D,).

    Its dot product with the features is 1.
    """
    means = _bank(head)[:classes].astype(np.float64)
    own = features.astype(np.float64)
    own = own - means.T @ np.linalg.lstsq(means.T, own, rcond=None)[0]
    length = float(own @ features)
    if length < MIN_OWN_PART:
        raise UsageError("the picture is like the mean of a class: train with more pictures")
    return np.asarray(own / length, np.float32)


def _step(head: Head, features: Floats, class_index: int, calibration: Calibration) -> float:
    """How much the logit of the class must rise for a score of ``GOAL``, 0 or more."""
    logits = (head.weights @ features + head.bias).astype(np.float64)[np.newaxis]

    def score(step: float) -> float:
        changed = logits.copy()
        changed[0, class_index] += step
        calibrated = to_logits(evidence(changed, "softmax"), calibration)
        return float(to_probabilities(calibrated, "softmax")[0, class_index])

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
