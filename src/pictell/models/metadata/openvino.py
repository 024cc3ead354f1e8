"""What the ``model_info`` of an OpenVINO model states about its use.

OpenVINO's Model API reads it; Training Extensions, Geti and Ultralytics write it. Sources: the
parameters of ``ImageModel`` and ``ClassificationModel`` in model_api/models, ``OTXModelExporter``
in otx/core/exporter/base.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from pictell.errors import InvalidModelError, UsageError
from pictell.graphs import Inspection, Weights
from pictell.models.labels import labels_from_text
from pictell.models.presets import merge_options
from pictell.models.stated import Stated, fitted, unread
from pictell.options import ModelOptions
from pictell.types import Label, ResizeMode

ORIGIN = "the model_info of OpenVINO"
PREFIX = "model_info."
# OpenVINO writes YES, Training Extensions write True.
TRUE = frozenset({"1", "true", "yes"})
PIXEL_KEYS = ("mean_values", "scale_values", "reverse_input_channels")
# The first one is what the Model API does if no ``resize_type`` is stated.
RESIZE_MODES: Mapping[str, ResizeMode] = {"standard": "squash", "crop": "crop"}


def read_openvino(content: Weights, inspection: Inspection) -> Stated | None:
    """What ``model_info`` states; ``None`` for other models and if there is none."""
    info = {
        key.removeprefix(PREFIX): value.strip()
        for key, value in inspection.metadata.items()
        if key.startswith(PREFIX)
    }
    if content.format != "openvino" or not info:
        return None
    problems = dict[str, str]()
    options = ModelOptions(
        activation="sigmoid" if _is_true(info, "multilabel") else None,
        resize_mode=_resize_mode(info, problems),
    )
    takes_bytes = all(image.dtype == "uint8" for image in inspection.inputs)
    for part in (_size(info), _channels(info, problems), _range(info, takes_bytes, problems)):
        options = merge_options(options, part)
    labels = _labels(info, problems)
    stated = Stated(ORIGIN, options, labels, problems=problems, refusal=_refusal(info))
    return fitted(stated, inspection)


def _is_true(info: Mapping[str, str], key: str) -> bool:
    return info.get(key, "").lower() in TRUE


def _refusal(info: Mapping[str, str]) -> str | None:
    """Why the model is no classifier with one row of scores; ``None`` if it may be one."""
    kind = info.get("model_type", "").lower()
    # Ultralytics writes YOLO for classifiers too, but a way to resize only for others.
    yolo_classifier = kind.startswith("yolo") and "resize_type" not in info
    if kind not in ("", "classification") and not yolo_classifier:
        return f"a {info['model_type'][:40]} model: pictell reads classification models"
    if _is_true(info, "hierarchical"):
        return "its outputs are several groups of classes: pictell reads models with one group"
    return None


def _resize_mode(info: Mapping[str, str], problems: dict[str, str]) -> ResizeMode | None:
    stated = info.get("resize_type")
    if stated is not None and stated not in RESIZE_MODES:
        problems["resize_mode"] = f"{unread(ORIGIN, 'resizing', stated)}: give --resize-mode"
    return RESIZE_MODES.get(stated or "")


def _size(info: Mapping[str, str]) -> ModelOptions:
    """The size before the resizing was put into the graph."""
    sides = [info.get(key, "") for key in ("orig_width", "orig_height")]
    if not all(re.fullmatch("[1-9][0-9]{0,3}", side) for side in sides):
        return ModelOptions()
    return ModelOptions(size=(int(sides[0]), int(sides[1])))


def _channels(info: Mapping[str, str], problems: dict[str, str]) -> ModelOptions:
    """The order of the channels, which is known only if pictures in BGR have to be reversed.

    Otherwise the model takes what its program read: BGR with OpenCV, RGB with Training Extensions.
    """
    if not any(key in info for key in PIXEL_KEYS):
        return ModelOptions()
    if _is_true(info, "reverse_input_channels"):
        return ModelOptions(channels="BGR" if _is_true(info, "embedded_processing") else "RGB")
    problems["channels"] = f"{ORIGIN} does not tell RGB from BGR: give --channels"
    return ModelOptions()


def _range(info: Mapping[str, str], takes_bytes: bool, problems: dict[str, str]) -> ModelOptions:
    """The mean and std, none if the graph has them or takes pixels as they are."""
    stated = [info.get(key, "") for key in ("mean_values", "scale_values")]
    if takes_bytes or _is_true(info, "embedded_processing") or not any(stated):
        return ModelOptions()
    try:
        mean, std = _colour(stated[0] or "0"), _colour(stated[1] or "1")
        if "channels" in problems and len({*mean}) + len({*std}) > 2:
            raise ValueError("their order, RGB or BGR, is unknown")
        if "intensity_mode" in info:
            raise ValueError("they are for other pixels than 0..255")
        return ModelOptions(mean=mean, std=std)
    except (UsageError, ValueError) as error:
        shown = f"mean {stated[0][:40]!r} and scale {stated[1][:40]!r}"
        text = f"{ORIGIN} states {shown}: {error}: give --mean and --std"
        problems["mean"] = problems["std"] = text
        return ModelOptions()


def _colour(text: str) -> tuple[float, float, float]:
    """One number for all channels, or three. Raises ``ValueError``."""
    values = [float(value) for value in text.replace(",", " ").split()]
    if len(values) not in (1, 3):
        raise ValueError("not one number or three")
    first, second, third = 3 * values if len(values) == 1 else values
    return first, second, third


def _labels(info: Mapping[str, str], problems: dict[str, str]) -> tuple[Label, ...] | None:
    """The names in ``label_info``, or else the words in ``labels``, which have no spaces."""
    names: object = None
    try:
        if "label_info" in info:
            found = json.loads(info["label_info"])
            names = found.get("label_names") if isinstance(found, dict) else None
        if names is None:
            names = info.get("labels", "").split()
        return labels_from_text(json.dumps(names), "labels") if names else None
    except (InvalidModelError, ValueError, RecursionError) as error:
        problems["labels"] = f"{ORIGIN}: {error}"
        return None
