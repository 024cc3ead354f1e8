"""Folders of Hugging Face's transformers: an ONNX file, config.json, preprocessor_config.json."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any, Literal

from msgspec import Struct

from pictell.errors import InvalidModelError
from pictell.models.exports.export import Export
from pictell.models.exports.files import convert, find, labels_in, read_json, state
from pictell.models.exports.image_processor import read_processor
from pictell.models.exports.onnx_files import find_onnx
from pictell.types import Activation, Label

CONFIG = "config.json"
PROCESSOR, NEW_PROCESSOR = "preprocessor_config.json", "processor_config.json"
# A config.json with one of these is of this form.
# The class of a model for another task, such as ``DetrForObjectDetection``.
OTHER_TASK = re.compile(r"\w+For(?!ImageClassification)[A-Z]\w*")
KEYS = ("id2label", "label2id", "architectures", "model_type", "transformers_version")


class Config(Struct, frozen=True):
    """The keys of a ``config.json`` that matter."""

    model_type: str | None = None
    architectures: list[str] | None = None
    problem_type: (
        Literal["single_label_classification", "multi_label_classification", "regression"] | None
    ) = None
    num_labels: int | None = None
    id2label: dict[str, str] | None = None
    label2id: dict[str, int | str] | None = None


def read(folder: Path) -> Export | None:
    """The model of a folder with a ``config.json`` of transformers, else ``None``.

    Code in the folder is not run. Raises ``InvalidModelError`` or ``UnsafeModelError``.
    """
    path = find(folder, CONFIG)
    if path is None:
        return None
    values = read_json(path)
    if not any(key in values for key in KEYS):
        return None
    weights = find_onnx(folder, _exporting(folder))
    if weights is None:
        return None
    config = convert(values, CONFIG, Config)
    if config.problem_type == "regression":
        raise InvalidModelError(f"{CONFIG}: problem_type is regression, not classification")
    problems = dict[str, str]()
    labels = _labels(config, problems)
    name, processing = _processing(folder, config, problems)
    # Image models of transformers take (N, 3, H, W), in TensorFlow too.
    options = {"layout": "NCHW", "activation": _activation(config, labels), **processing}
    origin = f"{CONFIG} and {name}" if name else CONFIG
    stated = state(name or CONFIG, origin, options, labels, problems)
    return Export(weights, replace(stated, refusal=_refusal(config)))


def _exporting(folder: Path) -> str:
    """How to make the ONNX file. Optimum does not find out the task of a model on disk."""
    graph = quote(str(folder / "onnx"))
    return (
        "install optimum-onnx, run optimum-cli export onnx --task image-classification "
        f"--model {quote(str(folder))} {graph} and give {graph}"
    )


def _refusal(config: Config) -> str | None:
    """Why the model cannot be used, if its class says that it does not classify pictures."""
    for name in config.architectures or ():
        if OTHER_TASK.fullmatch(name):
            return f"{name:.80}: pictell runs models for image classification"
    return None


def _labels(config: Config, problems: dict[str, str]) -> tuple[Label, ...] | None:
    names, numbers = config.id2label or {}, config.label2id or {}
    if not names and not numbers:
        return None
    for name, number in numbers.items():
        if names and names.get(str(number)) != name:
            problems["labels"] = (
                f"{CONFIG}: id2label and label2id disagree about class {number!r:.20}, "
                f"{names.get(str(number))!r:.60} and {name!r:.60}: give --labels FILE"
            )
            return None
    key, value = ("id2label", names) if names else ("label2id", numbers)
    return labels_in(json.dumps({key: value}), f"{CONFIG}: {key}", problems)


def _activation(config: Config, labels: tuple[Label, ...] | None) -> Activation:
    """As the image classification of transformers' pipelines."""
    classes = len(labels) if labels else config.num_labels
    many = config.problem_type == "multi_label_classification"
    return "sigmoid" if many or classes == 1 else "softmax"


def _processing(
    folder: Path, config: Config, problems: dict[str, str]
) -> tuple[str | None, Mapping[str, Any]]:
    """The name of the file with the preprocessing, and its options."""
    path = find(folder, PROCESSOR, NEW_PROCESSOR)
    if path is None:
        return None, {}
    values = read_json(path)
    inner = values.get("image_processor")
    if isinstance(inner, dict):
        values = inner
    elif path.name == NEW_PROCESSOR:
        return None, {}
    return path.name, read_processor(values, path.name, config.model_type, problems)
