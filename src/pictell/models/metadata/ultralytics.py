"""What Ultralytics' exporter writes into a model: ``names``, ``task``, ``imgsz`` and more.

An ONNX file has them as entries of its metadata. A TFLite file has them in its appended archive, as
Python's text of a dict (``temp_meta.txt``) or as JSON (``metadata.json``). Folders have a
``metadata.yaml``. Source: ``Exporter`` in ultralytics/engine/exporter.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pictell.errors import InvalidModelError
from pictell.graphs import Inspection, Weights
from pictell.inspection.appended_zip import AppendedZip
from pictell.models.label_forms import FormError
from pictell.models.label_forms.python_text import read_dict
from pictell.models.label_forms.values import Pairs
from pictell.models.labels import labels_from_text
from pictell.models.metadata.tflite import text_of
from pictell.models.presets import merge_options
from pictell.models.stated import Stated
from pictell.options import ModelOptions

ORIGIN = "the Ultralytics metadata"
TFLITE_FILES = ("metadata.json", "temp_meta.txt")
MAX_JSON_LENGTH = 4 * 1024 * 1024
# A key at the start of a line, with its value in the line or in the lines below it.
YAML_ENTRY = re.compile(r"^(\w+):[ \t]*(.*(?:\n(?:[ \t]|- ).*)*)", re.MULTILINE)
CLASSIFY = "classify"
TASKS = {
    "detect": "detection",
    "segment": "segmentation",
    "pose": "pose",
    "obb": "detection (rotated boxes)",
}
# ``classify_transforms`` in ultralytics/data/augment.py: the short side is resized to the input's,
# then the middle is cropped; pixels in 0..1, without ImageNet's mean and std.
PREPROCESSING = ModelOptions(
    mean=(0.0, 0.0, 0.0),
    std=(255.0, 255.0, 255.0),
    resize_mode="crop",
    crop_fraction=1.0,
    interpolation="bilinear",
)
# For an input that is not square it squashes the whole picture.
SQUASHED = ModelOptions(resize_mode="squash")


def read_ultralytics(content: Weights, inspection: Inspection) -> Stated | None:
    """What an ONNX or TFLite file from Ultralytics states; ``None`` for other models."""
    if content.format == "onnx":
        return stated_by(inspection.metadata)
    return stated_by(_tflite_entries(content.graph)) if content.format == "tflite" else None


def stated_by(entries: Mapping[str, str]) -> Stated | None:
    """What entries of Ultralytics' metadata state; ``None`` if they are not from Ultralytics."""
    if "names" not in entries or not {"task", "stride"} & set(entries):
        return None
    task = entries.get("task")
    if task is not None and task != CLASSIFY:
        refusal = f"a YOLO {TASKS.get(task, task)[:40]} model: pictell reads classification models"
        return Stated(ORIGIN, ModelOptions(), facts=entries, refusal=refusal)
    # YOLOv5 writes no task, and has other preprocessing.
    options = ModelOptions() if task is None else _options(entries.get("imgsz", ""))
    try:
        labels = labels_from_text(entries["names"], "names")
    except InvalidModelError as error:
        return Stated(ORIGIN, options, facts=entries, problems={"labels": f"{ORIGIN}: {error}"})
    return Stated(ORIGIN, options, labels, entries)


def yaml_entries(text: str) -> dict[str, str]:
    """The entries at the top of a ``metadata.yaml``; the value of ``names`` is YAML too."""
    found = {match[1]: match[2].strip(" ") for match in YAML_ENTRY.finditer(text)}
    return {
        key: f"{key}:{value}" if value.startswith("\n") else value.strip("'\"\n")
        for key, value in found.items()
    }


def _options(imgsz: str) -> ModelOptions:
    """The preprocessing; ``imgsz`` is height and width, or one number."""
    sides = [int(number) for number in re.findall("[0-9]{1,5}", imgsz)[:2]]
    if not sides or not all(sides):
        return PREPROCESSING
    squared = sides[0] == sides[-1]
    options = PREPROCESSING if squared else merge_options(SQUASHED, PREPROCESSING)
    return merge_options(ModelOptions(size=(sides[-1], sides[0])), options)


def _tflite_entries(graph: bytes) -> dict[str, str]:
    """The entries in the archive of a TFLite file, none if it has no text of Ultralytics."""
    try:
        archive = AppendedZip(graph)
        names = [name for name in TFLITE_FILES if name in archive.names]
        value = _value(text_of(archive, names[0])) if names else None
        if not isinstance(value, dict):
            return {}
        return {str(key): _text(one) for key, one in value.items()}
    except (InvalidModelError, FormError, RecursionError):
        return {}


def _value(text: str) -> Any:
    """The value of JSON or of Python's text of a dict. Raises ``FormError``."""
    if len(text) <= MAX_JSON_LENGTH:
        try:
            return json.loads(text)
        except ValueError:
            pass
    return _plain(read_dict(text))


def _plain(value: Any) -> Any:
    """Pairs as a dict; their depth is limited."""
    if isinstance(value, Pairs):
        return {str(key): _plain(one) for key, one in value}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
