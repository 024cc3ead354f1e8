"""Folders of Ultralytics' exporter: ``metadata.yaml`` and an OpenVINO model, or a SavedModel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pictell.inspection.model_files import SAVED_MODEL
from pictell.models.exports.export import Export
from pictell.models.exports.files import find, only_file, read_text_in
from pictell.models.metadata.ultralytics import stated_by, yaml_entries

METADATA = "metadata.yaml"


def read(folder: Path) -> Export | None:
    """The model of a folder with Ultralytics' ``metadata.yaml``, else ``None``.

    Beside a SavedModel there are TFLite files of the same model, which are not used. Raises
    ``InvalidModelError`` or ``UnsafeModelError``.
    """
    if find(folder, METADATA) is None:
        return None
    stated = stated_by(yaml_entries(read_text_in(folder, METADATA)))
    if stated is None:
        return None
    stated = replace(stated, origin=f"Ultralytics' {METADATA}")
    if find(folder, SAVED_MODEL):
        return Export(folder, stated)
    weights = only_file(folder, ".xml") or only_file(folder, ".onnx", ".tflite")
    return Export(weights, stated) if weights else None
