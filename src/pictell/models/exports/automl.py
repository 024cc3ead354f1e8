"""Folders of AutoML Vision Edge: ``model.tflite``, ``dict.txt``, ``tflite_metadata.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec import Struct

from pictell.errors import InvalidModelError
from pictell.models.exports.export import Export
from pictell.models.exports.files import (
    convert,
    find,
    labels_in,
    only_file,
    read_json,
    read_text_in,
    state,
)

METADATA, LABELS = "tflite_metadata.json", "dict.txt"


class Metadata(Struct, frozen=True, rename="camel"):
    """The keys of a ``tflite_metadata.json`` that matter."""

    output_tensors: Any = None
    max_detections: Any = None


def read(folder: Path) -> Export | None:
    """The model of a folder with a ``tflite_metadata.json``, else ``None``.

    Nothing in it states the mean and std of a float input. Raises ``InvalidModelError`` or
    ``UnsafeModelError``.
    """
    path = find(folder, METADATA)
    weights = only_file(folder, ".tflite") if path else None
    if path is None or weights is None:
        return None
    metadata = convert(read_json(path), METADATA, Metadata)
    if metadata.max_detections is not None or metadata.output_tensors is not None:
        raise InvalidModelError(
            "an AutoML model that detects objects: pictell runs those that classify pictures"
        )
    problems = dict[str, str]()
    text = read_text_in(folder, LABELS) if find(folder, LABELS) else None
    labels = None if text is None else labels_in(text, LABELS, problems)
    origin = f"AutoML's {METADATA}" + f" and {LABELS}" * (text is not None)
    return Export(weights, state(METADATA, origin, {}, labels, problems))
