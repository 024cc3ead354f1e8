"""A bare weights file becomes a ``ModelSpec``.

Each value comes from the first place that has it: the user's options, the preset, the catalogue
(by checksum), the file. Resize and channel order have defaults, those of the programs that came
with such files. Mean and std have none: if they are not found, the error says what to give.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pictell.errors import InvalidModelError, ModelWarning, UnsafeModelError, UsageError
from pictell.images.formats import HEAD_BYTES, sniff
from pictell.inspection import check_safe, checksum, inspect_weights, read_files
from pictell.inspection.model_files import read_head
from pictell.inspection.onnx import external_data
from pictell.inspection.selection import listed
from pictell.inspection.sniff import READ, sniff_format
from pictell.models import single_file
from pictell.models.labels import IMAGENET, complete, read_labels
from pictell.models.presets import PRESETS, is_raw, merge_options
from pictell.models.store import catalog
from pictell.options import ModelOptions
from pictell.scoring.postprocess import check_activation, check_label_count, count_classes
from pictell.types import (
    Activation,
    Inspection,
    Label,
    Layout,
    ModelSpec,
    PreprocessSpec,
    TensorSpec,
    Weights,
    WeightsFormat,
)

DEFAULTS = ModelOptions(
    resize_mode="squash",
    crop_fraction=1.0,
    interpolation="bilinear",
    channels="RGB",
    background=False,
    unlabelled=0,
)
UNKNOWN = "unknown"
RESCALES = "a model that rescales inside, such as Keras with a Rescaling layer"
# Options that are fields of a ``PreprocessSpec`` as they are.
PREPROCESSING = ("resize_mode", "crop_fraction", "interpolation", "channels", "mean", "std")


@dataclass(frozen=True, slots=True)
class BareModel:
    """A model's files, what is in them, its row of the catalogue and the user's options."""

    path: Path
    content: Weights
    sha256: str
    row: catalog.Row | None
    options: ModelOptions
    inspection: Inspection


def describe(path: Path, options: ModelOptions, row: catalog.Row | None = None) -> ModelSpec:
    """The spec of the model at ``path``; ``row`` is its row of the catalogue, if already known.

    An ONNX file that carries its own spec takes no options. Raises ``InvalidModelError``,
    ``UnsafeModelError``, or ``UsageError`` for wrong options. Warns with ``ModelWarning`` if the
    options differ from what the publisher of the file states.
    """
    with prefix_file_name(path):
        content = read_unchecked(path)
        check_safe(content)
        model = inspect_bare(path, content, options, row)
        spec = spec_of(model)
    if model.row and (warning := model.row.differences(spec.preprocess)):
        # The level is that of the caller of pictell.load().
        warnings.warn(f"{path.name}: {warning}", ModelWarning, stacklevel=4)
    return spec


def inspect_bare(
    path: Path, content: Weights, options: ModelOptions, row: catalog.Row | None = None
) -> BareModel:
    """What is in the files and in the catalogue. Raises ``InvalidModelError`` or ``UsageError``."""
    sha256 = checksum(content.files)
    row = row or catalog.by_checksum(sha256)
    output = all_options(options, row).output_name
    inspection = inspect_weights(content, [output] if output else [])
    return BareModel(path, content, sha256, row, options, inspection)


def spec_of(model: BareModel) -> ModelSpec:
    """The spec in the file, or from the options, the catalogue and the file.

    Raises ``InvalidModelError``, or ``UsageError`` for options of a file that carries its spec.
    """
    if not single_file.carries_spec(model.inspection):
        return assemble(model)
    refuse_options(model.path.name, model.options)
    return single_file.read_spec_of(model.path, model.content, model.inspection)


def assemble(model: BareModel, *, count_labels: bool = True) -> ModelSpec:
    """The spec of a file that does not carry one; without labels if they are not to be counted.

    Raises one ``InvalidModelError`` that lists everything that is missing.
    """
    row, options = model.row, all_options(model.options, model.row)
    (image, preprocess), (output, activation), labels = _all_or_missing(
        lambda: _image(model, options),
        lambda: _output(model.inspection, options),
        lambda: _labels(options) if count_labels else (),
    )
    classes = None if output.shape is None else count_classes(output.name, output.shape)
    if classes is not None and count_labels:
        check_activation(activation, classes)
        check_label_count(labels, classes)
    return ModelSpec(
        name=row.name if row else model.path.stem,
        format=model.content.format,
        weights=model.path,
        external_data=tuple(model.content.files)[1:] if model.content.format == "onnx" else (),
        sha256=model.sha256,
        licence=row.licence if row else UNKNOWN,
        source=row.source if row else UNKNOWN,
        top1_accuracy=row.top1_accuracy if row else None,
        input_name=image.name,
        output_name=output.name,
        activation=activation,
        preprocess=preprocess,
        labels=labels,
    )


@contextmanager
def prefix_file_name(path: Path) -> Iterator[None]:
    """Put the file's name before the message of an error in the model."""
    try:
        yield
    except (InvalidModelError, UnsafeModelError) as error:
        raise type(error)(f"{path.name}: {error}") from error


def refuse_options(name: str, options: ModelOptions) -> None:
    """Raise ``UsageError`` if the user overrides values of a model that has them all."""
    if options != ModelOptions():
        raise UsageError(
            f"{name} has its own labels and preprocessing: --labels, --preset and the like are "
            "only for bare files"
        )


def read_unchecked(path: Path) -> Weights:
    """The files of a bare model, which may hold anything. Raises ``InvalidModelError``."""
    if not os.path.isdir(path) and sniff(read_head(path, HEAD_BYTES)):
        raise InvalidModelError(f"a picture, not a model: {READ}")
    weights_format = sniff_format(path)
    files = read_files(path)
    if weights_format == "onnx":
        files = read_files(path, external_data(next(iter(files.values()))))
    return Weights(weights_format, files)


def all_options(options: ModelOptions, row: catalog.Row | None) -> ModelOptions:
    """The user's options, completed by the preset, the catalogue and the defaults.

    Raises ``UsageError``.
    """
    if options.preset is not None and options.preset not in PRESETS:
        raise UsageError(f"unknown preset {options.preset!r}: give one of {', '.join(PRESETS)}")
    if is_raw(options.mean, options.std):
        raise UsageError(
            "mean 0 and std 1 are ambiguous: give the preset unit for pixels in 0..1, or raw for "
            f"pixels in 0..255 ({RESCALES})"
        )
    preset = PRESETS[options.preset] if options.preset else ModelOptions()
    published = row.options if row else ModelOptions()
    modes = (options.resize_mode, preset.resize_mode, published.resize_mode)
    if options.crop_fraction is not None and not any(modes):
        raise UsageError("crop_fraction needs a resize mode: give --resize-mode crop or squash")
    if options.labels is not None:
        # Always a path, even if it is called like the catalogue's word for pictell's own labels.
        # The background of the published labels does not apply to other labels.
        options = replace(options, labels=Path(options.labels))
        published = replace(published, background=None)
    if options.output_name not in (None, published.output_name, f"{published.output_name}:0"):
        published = replace(published, activation=None)
    return merge_options(options, preset, published, DEFAULTS)


def _all_or_missing(*parts: Callable[[], Any]) -> list[Any]:
    found, missing = [], []
    for part in parts:
        try:
            found.append(part())
        except InvalidModelError as error:
            missing.append(str(error))
    if missing:
        raise InvalidModelError("; ".join(missing))
    return found


def _image(model: BareModel, options: ModelOptions) -> tuple[TensorSpec, PreprocessSpec]:
    image = _find_input(model, options.input_name)
    (layout, (width, height)), _ = _all_or_missing(
        lambda: _layout_and_size(image, options, model.content.format),
        lambda: _check_normalisation(image, options),
    )
    preprocess = PreprocessSpec(
        width=width,
        height=height,
        layout=layout,
        **{name: getattr(options, name) for name in PREPROCESSING},
    )
    return image, preprocess


def _find_input(model: BareModel, name: str | None) -> TensorSpec:
    """The only input, or the one of that name.

    In a frozen graph it may be any node: the graphs of ``retrain.py`` take a JPEG file, and pixels
    only behind its decoder.
    """
    inputs = model.inspection.inputs
    if name is not None and model.content.format == "frozen-graph":
        with suppress(InvalidModelError):
            return inspect_weights(model.content, [name]).outputs[0]
    return _only("input", inputs, name)


def _output(inspection: Inspection, options: ModelOptions) -> tuple[TensorSpec, Activation]:
    output = _only("output", inspection.outputs, None)
    activation = options.activation or inspection.activations.get(output.name)
    if activation is None:
        raise InvalidModelError(
            f"the last operation of {output.name!r} does not show whether it gives probabilities: "
            "give --activation none for probabilities, softmax for logits"
        )
    return output, activation


def _labels(options: ModelOptions) -> tuple[Label, ...]:
    if options.labels is None:
        raise InvalidModelError("the model has no labels: give --labels FILE")
    path = IMAGENET if options.labels == catalog.IMAGENET else Path(options.labels)
    return complete(read_labels(path), bool(options.background), options.unlabelled or 0)


def _only(kind: str, tensors: tuple[TensorSpec, ...], wanted: str | None) -> TensorSpec:
    names = listed([tensor.name for tensor in tensors])
    if wanted is not None:
        for tensor in tensors:
            if wanted in (tensor.name, f"{tensor.name}:0"):
                return tensor
        raise InvalidModelError(f"the model has no {kind} {wanted!r}: it has {names}")
    if len(tensors) != 1:
        raise InvalidModelError(
            f"the model has {len(tensors)} {kind}s: give --{kind} with one of {names}"
        )
    return tensors[0]


def _check_normalisation(image: TensorSpec, options: ModelOptions) -> None:
    if options.mean is None and options.std is None and image.dtype != "uint8":
        raise InvalidModelError(
            f"the mean and std of the {image.dtype} input {image.name!r} are unknown: give --mean "
            f"and --std, or --preset ({', '.join(PRESETS)}; raw for {RESCALES})"
        )


def _layout_and_size(
    image: TensorSpec, options: ModelOptions, weights_format: WeightsFormat
) -> tuple[Layout, tuple[int, int]]:
    shape = image.shape if image.shape is not None and len(image.shape) == 4 else 4 * (None,)
    layout = options.layout
    if layout is None and 3 in (shape[1], shape[3]):
        layout = "NHWC" if shape[3] == 3 else "NCHW"
    if layout is None and weights_format == "onnx":
        raise InvalidModelError(
            f"the channel axis of the input {image.name!r} is unknown: give --layout"
        )
    height, width = shape[2:] if layout == "NCHW" else shape[1:3]
    if options.size is not None:
        width, height = options.size
    if height is None or width is None:
        raise InvalidModelError(f"the input {image.name!r} takes images of any size: give --size")
    return layout or "NHWC", (width, height)
