"""Folders of timm: an ONNX file and a ``config.json`` with ``pretrained_cfg``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct, field

from pictell.graphs import Weights
from pictell.inspection import inspect_weights, read_files
from pictell.models.exports.export import Export
from pictell.models.exports.files import convert, find, labels_in, read_json, state
from pictell.models.exports.onnx_files import find_onnx
from pictell.models.labels import IMAGENET, IMAGENET_CLASSES, read_labels
from pictell.types import MAX_INPUT_SIDE, Label

CONFIG = "config.json"
# The data of the last training, as the tags of timm's weights name it: ``augreg_in21k_ft_in1k``.
IMAGENET_TAG = re.compile(r"(.*_)?in1k(_\d+)?")
# transformers writes it where it wraps a model of timm.
MULTI_LABEL = "multi_label_classification"
SYNSET = re.compile(r"n\d{8}")
RESIZE_MODES = {"center": "crop", "squash": "squash"}
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")

Side = Annotated[int, Meta(ge=1, le=MAX_INPUT_SIDE)]
Fraction = Annotated[float, Meta(ge=0.01, le=1)]
Colour = Annotated[list[float], Meta(min_length=3, max_length=3)]


class Pretrained(Struct, frozen=True):
    """``pretrained_cfg``: sizes are channels, height and width; mean and std for pixels in 0..1."""

    tag: str | None = None
    input_size: tuple[int, Side, Side] | None = None
    test_input_size: tuple[int, Side, Side] | None = None
    interpolation: str | None = None
    crop_pct: Fraction | None = None
    test_crop_pct: Fraction | None = None
    crop_mode: str | None = None
    mean: Colour | None = None
    std: Colour | None = None
    num_classes: int | None = None
    label_names: list[str] | None = None
    label_descriptions: dict[str, str] | None = None


class Config(Struct, frozen=True):
    """A ``config.json`` of timm."""

    pretrained_cfg: Pretrained
    num_classes: int | None = None
    problem_type: str | None = None
    label_names: list[str] | None = None
    label_descriptions: dict[str, str] = field(default_factory=dict)


def read(folder: Path) -> Export | None:
    """The model of a folder with a ``config.json`` of timm, else ``None``.

    Raises ``InvalidModelError`` or ``UnsafeModelError``.
    """
    path = find(folder, CONFIG)
    if path is None:
        return None
    values = read_json(path)
    if "pretrained_cfg" not in values:
        return None
    weights = find_onnx(folder, _exporting(folder))
    if weights is None:
        return None
    config = convert(values, CONFIG, Config)
    size, crop_pct = _size(config.pretrained_cfg, weights)
    problems = dict[str, str]()
    options = {
        "layout": "NCHW",
        "activation": "sigmoid" if config.problem_type == MULTI_LABEL else "softmax",
        **_colours(config.pretrained_cfg),
        **_resize(config.pretrained_cfg, size, crop_pct, problems),
    }
    labels = _labels(config, problems)
    return Export(weights, state(CONFIG, f"timm's {CONFIG}", options, labels, problems))


def _exporting(folder: Path) -> str:
    """How to make the ONNX file. Optimum loads models of timm from the Hub only."""
    return (
        f"run in Python: model = timm.create_model({f'local-dir:{folder}'!r}, pretrained=True); "
        "torch.onnx.export(model.eval(), torch.randn(1, *model.pretrained_cfg['input_size']), "
        f"{str(folder / 'model.onnx')!r})"
    )


def _size(config: Pretrained, weights: Path) -> tuple[tuple[int, int, int] | None, float | None]:
    """The size that the model was exported for, and the share of the picture for that size."""
    size, larger = config.input_size, config.test_input_size
    if larger is None or larger == size:
        return size, config.crop_pct
    # timm has a second size for tests; the graph shows which one it is.
    inspection = inspect_weights(Weights("onnx", read_files(weights)))
    shapes = [image.shape for image in inspection.inputs if image.shape is not None]
    if any(shape[1:] == tuple(larger) for shape in shapes):
        return larger, config.test_crop_pct or config.crop_pct
    return size, config.crop_pct


def _resize(
    config: Pretrained,
    size: tuple[int, int, int] | None,
    crop_pct: float | None,
    problems: dict[str, str],
) -> Mapping[str, Any]:
    """How a picture is resized; what pictell cannot do goes to ``problems``."""
    options: dict[str, Any] = {}
    if config.interpolation in INTERPOLATIONS:
        options["interpolation"] = config.interpolation
    else:
        problems["interpolation"] = (
            f"{CONFIG} has the interpolation {config.interpolation!r:.60}, not one of "
            f"{', '.join(INTERPOLATIONS)}: give --interpolation"
        )
    # Older versions have no crop_mode: all of them crop.
    mode = config.crop_mode or "center"
    if mode in RESIZE_MODES and size is not None and crop_pct is not None:
        # timm rounds the size of the resized picture down.
        fraction = size[1] / int(size[1] / crop_pct)
        options |= {"resize_mode": RESIZE_MODES[mode], "crop_fraction": fraction}
    else:
        problems["resize_mode"] = (
            f"{CONFIG} must have input_size, crop_pct and the crop_mode {' or '.join(RESIZE_MODES)}"
            f", not {mode!r:.60}: give --resize-mode and --crop-fraction"
        )
    return options if size is None else {**options, "size": (size[2], size[1])}


def _colours(config: Pretrained) -> Mapping[str, Any]:
    if config.mean is None or config.std is None:
        return {}
    return {
        "mean": tuple(255 * one for one in config.mean),
        "std": tuple(255 * one for one in config.std),
    }


def _labels(config: Config, problems: dict[str, str]) -> tuple[Label, ...] | None:
    pretrained = config.pretrained_cfg
    names = config.label_names or pretrained.label_names
    if names:
        described = config.label_descriptions or pretrained.label_descriptions or {}
        lines = [
            f"{name} {described[name]}" if SYNSET.fullmatch(name) and name in described else name
            for name in names
        ]
        return labels_in(json.dumps(lines), f"{CONFIG}: label_names", problems)
    classes = {config.num_classes, pretrained.num_classes} - {None}
    if classes == {IMAGENET_CLASSES} and IMAGENET_TAG.fullmatch(pretrained.tag or ""):
        return read_labels(IMAGENET)
    return None
