"""Folders of Microsoft's Lobe: ``signature.json`` and a SavedModel, a TFLite or an ONNX file.

Its programs crop the middle square and give pixels in 0..1. The model gives probabilities.
"""

from __future__ import annotations

import json
from pathlib import Path

from msgspec import Struct

from pictell.errors import InvalidModelError
from pictell.graphs import Weights
from pictell.inspection import inspect_weights, read_files
from pictell.inspection.model_files import SAVED_MODEL
from pictell.inspection.sniff import sniff_format
from pictell.models.exports.export import Export
from pictell.models.exports.files import convert, find, labels_in, named, read_json, state

SIGNATURE = "signature.json"
# The second names are those of old versions (lobe-python's signature_constants.py).
SCORES = ("Confidences", "Labels")
PREPROCESSING = {
    "resize_mode": "crop",
    "crop_fraction": 1.0,
    # The default of Pillow's resize, which Lobe's example calls.
    "interpolation": "bicubic",
    "mean": (0.0,) * 3,
    "std": (255.0,) * 3,
}
READ = {"saved_model", "tf", "tf_lite", "onnx"}


class Tensor(Struct, frozen=True):
    """A tensor in the graph."""

    name: str


class Classes(Struct, frozen=True):
    """The names of the classes."""

    Label: list[str]


class Signature(Struct, frozen=True):
    """A ``signature.json``."""

    filename: str
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]
    classes: Classes
    format: str


def read(folder: Path) -> Export | None:
    """The model of a folder with Lobe's ``signature.json``, else ``None``.

    Raises ``InvalidModelError`` or ``UnsafeModelError``.
    """
    path = find(folder, SIGNATURE)
    if path is None:
        return None
    values = read_json(path)
    if not {"classes", "filename"} <= values.keys():
        return None
    signature = convert(values, SIGNATURE, Signature)
    if signature.format not in READ:
        raise InvalidModelError(
            f"pictell does not run Lobe's export for {signature.format!r:.60}: export TensorFlow "
            "Lite, TensorFlow or ONNX"
        )
    file = named(folder, signature.filename)
    weights = file.parent if file.name == SAVED_MODEL else file
    options = {**PREPROCESSING, "output_name": _output(signature, weights)}
    problems = dict[str, str]()
    labels = labels_in(json.dumps(signature.classes.Label), f"{SIGNATURE}: classes", problems)
    return Export(weights, state(SIGNATURE, f"Lobe's {SIGNATURE}", options, labels, problems))


def _output(signature: Signature, weights: Path) -> str:
    """The name of the scores: in a SavedModel the key of its signature, else that of the tensor."""
    key = next((key for key in SCORES if key in signature.outputs), None)
    if key is None:
        raise InvalidModelError(f"{SIGNATURE}: outputs has none of {', '.join(SCORES)}")
    name = signature.outputs[key].name
    content = Weights(sniff_format(weights), read_files(weights))
    found = {output.name for output in inspect_weights(content).outputs}
    known = (one for one in (key, name, name.removesuffix(":0")) if one in found)
    return next(known, name)
