"""Folders of Azure Custom Vision: ``cvexport.manifest``, ``labels.txt`` and the model.

The preprocessing is that of the samples that Microsoft publishes for these exports
(Azure-Samples/customvision-export-samples): the whole picture, resized by Pillow; with TensorFlow
and TFLite the bytes of B, G and R; with ONNX what the metadata of the file says.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from pictell.errors import InvalidModelError
from pictell.inspection.model_files import SAVED_MODEL
from pictell.models.exports.export import Export
from pictell.models.exports.files import (
    convert,
    find,
    labels_in,
    named,
    read_json,
    read_text_in,
    state,
)

MANIFEST, LABELS = "cvexport.manifest", "labels.txt"
WHOLE = {"resize_mode": "squash", "crop_fraction": 1.0, "interpolation": "bicubic"}
BYTES = {**WHOLE, "channels": "BGR", "mean": (0.0,) * 3, "std": (1.0,) * 3}
OPTIONS = {"onnx": WHOLE, "tensorflow": BYTES, "tensorflowlite": BYTES}


class Manifest(Struct, frozen=True, rename="pascal"):
    """A ``cvexport.manifest``."""

    domain_type: str
    platform: str
    model_file_name: str
    label_file_name: str | None = None


def read(folder: Path) -> Export | None:
    """The model of a folder with a ``cvexport.manifest``, else ``None``.

    Raises ``InvalidModelError`` or ``UnsafeModelError``.
    """
    path = find(folder, MANIFEST)
    if path is None:
        return None
    manifest = convert(read_json(path), MANIFEST, Manifest)
    if manifest.domain_type != "Classification":
        raise InvalidModelError(
            f"a Custom Vision model of the type {manifest.domain_type!r:.60}: pictell runs those "
            "that classify pictures"
        )
    options = OPTIONS.get(manifest.platform.lower().replace(" ", ""))
    if options is None:
        raise InvalidModelError(
            f"pictell does not run Custom Vision's export for {manifest.platform!r:.60}: export "
            "ONNX"
        )
    weights = named(folder, manifest.model_file_name)
    problems = dict[str, str]()
    name = manifest.label_file_name or LABELS
    text = read_text_in(folder, name) if find(folder, name) else None
    labels = None if text is None else labels_in(text, name, problems)
    weights = weights.parent if weights.name == SAVED_MODEL else weights
    origin = "Custom Vision's folder"
    return Export(weights, state(MANIFEST, origin, options, labels, problems))
