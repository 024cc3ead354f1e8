"""Folders of Google's Teachable Machine: a model and ``labels.txt`` with lines ``0 Class 1``.

Its programs crop the middle square and give ``x / 127.5 - 1``; quantised models take bytes.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pictell.errors import InvalidModelError, UnsafeModelError
from pictell.inspection.model_files import SAVED_MODEL
from pictell.models.exports.export import Export
from pictell.models.exports.files import find, labels_in, read_json, read_text_in, state

LABELS = "labels.txt"
FLOAT, QUANTISED, KERAS = "model_unquant.tflite", "model.tflite", "keras_model.h5"
FOLDER = "model.savedmodel"
EDGE_TPU = "model_edgetpu.tflite"
NUMBERED = re.compile(r"[0-9]+ .*")
CROP = {"resize_mode": "crop", "crop_fraction": 1.0}
NORMALISED: dict[str, Any] = {**CROP, "mean": (127.5,) * 3, "std": (127.5,) * 3}


def read(folder: Path) -> Export | None:
    """The model of a Teachable Machine folder, else ``None``.

    Raises ``InvalidModelError`` or ``UnsafeModelError``, also for the forms that pictell does not
    run.
    """
    _refuse_javascript(folder)
    if find(folder, LABELS) is None:
        return None
    for name, options in ((FLOAT, NORMALISED), (f"{FOLDER}/{SAVED_MODEL}", NORMALISED)):
        weights = find(folder, name)
        if weights is not None:
            is_folder = weights.name == SAVED_MODEL
            return _export(folder, weights.parent if is_folder else weights, options)
    _refuse_keras(folder)
    if find(folder, EDGE_TPU) and not find(folder, QUANTISED):
        raise InvalidModelError(
            f"{EDGE_TPU} runs only on an Edge TPU: export TensorFlow Lite, floating point"
        )
    quantised = find(folder, QUANTISED)
    # Other tools use this name too.
    if quantised is None or not _is_numbered(folder):
        return None
    return _export(folder, quantised, CROP)


def _export(folder: Path, weights: Path, options: dict[str, Any]) -> Export:
    problems = dict[str, str]()
    labels = labels_in(read_text_in(folder, LABELS), LABELS, problems)
    origin = f"Teachable Machine's folder with {LABELS}"
    return Export(weights, state(LABELS, origin, options, labels, problems))


def _is_numbered(folder: Path) -> bool:
    lines = read_text_in(folder, LABELS).rstrip().split("\n")
    return all(map(NUMBERED.fullmatch, lines))


def _refuse_keras(folder: Path) -> None:
    path = find(folder, KERAS)
    if path is not None:
        raise UnsafeModelError(
            f"{KERAS} can contain code: export TensorFlow Lite, floating point, in Teachable "
            f"Machine; or with TensorFlow: keras.models.load_model('{KERAS}').export('{FOLDER}'), "
            "and give this folder again"
        )


def _refuse_javascript(folder: Path) -> None:
    metadata = find(folder, "metadata.json")
    if metadata is None or find(folder, "model.json") is None:
        return
    if "tmVersion" in read_json(metadata):
        raise InvalidModelError(
            "a model for TensorFlow.js: in Teachable Machine export TensorFlow Lite, floating point"
        )
