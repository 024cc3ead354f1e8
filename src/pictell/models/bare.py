"""A bare weights file becomes a ``ModelSpec``: what is options, known or found in the file.

What the user states counts first, then a preset, then the catalogue (by checksum), then the file.
How pixels become numbers is never guessed: without it there is an error that says what to give.
Where nothing else is said the whole picture is squashed to the input's size, as the programs that
came with such files do it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pictell.errors import InvalidModelError, UnsafeModelError, UsageError
from pictell.inspection import check_safe, checksum, inspect_weights, read_files, sniff_format
from pictell.inspection.onnx import external_data
from pictell.models import single_file
from pictell.models.labels import IMAGENET, complete, read_labels
from pictell.models.presets import PRESETS, merge_options
from pictell.models.store import catalog
from pictell.options import ModelOptions
from pictell.scoring.postprocess import check_label_count, count_classes
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
# How these engines lay out pictures unless a graph's shapes say otherwise.
USUAL_LAYOUTS: dict[WeightsFormat, Layout] = {
    "frozen-graph": "NHWC",
    "saved-model": "NHWC",
    "tflite": "NHWC",
}
UNKNOWN = "unknown"
# A model.toml can be written down before the labels are there.
NO_LABELS = (Label("?"),)


def describe(path: Path, options: ModelOptions, row: catalog.Row | None = None) -> ModelSpec:
    """The spec of the model at ``path``; ``row`` is its row of the catalogue, if already known.

    An ONNX file that carries its own spec needs nothing stated and takes nothing else. Raises
    ``InvalidModelError``, ``UnsafeModelError``, or ``UsageError`` for what cannot be options.
    """
    with prefix_file_name(path):
        content = read_unchecked(path)
        check_safe(content)
        sha256 = checksum(content.files)
        row = row or catalog.by_checksum(sha256)
        known = all_options(options, row)
        inspection = inspect_weights(content, [known.output_name] if known.output_name else [])
        if single_file.carries_spec(inspection):
            refuse_options(path.name, options)
            return single_file.read_spec_of(path, content, inspection)
        return assemble(path, content, sha256, inspection, known, row, lambda: the_labels(known))


def assemble(
    path: Path,
    content: Weights,
    sha256: str,
    inspection: Inspection,
    known: ModelOptions,
    row: catalog.Row | None,
    read: Callable[[], tuple[Label, ...]],
) -> ModelSpec:
    """The spec, from all that is known and the labels that ``read`` gives.

    Raises ``InvalidModelError`` for all that is missing.
    """
    image, output, activation, preprocess, labels = all_or_missing(
        lambda: the_input(content, inspection, known),
        lambda: the_output(inspection),
        lambda: known.activation or _activation(inspection, the_output(inspection)),
        lambda: the_preprocess(the_input(content, inspection, known), known, content.format),
        read,
    )
    if output.shape is not None:
        classes = count_classes(output.name, output.shape)
        if classes is not None and labels is not NO_LABELS:
            check_label_count(len(labels), classes)
    return ModelSpec(
        name=row.name if row else path.stem,
        format=content.format,
        weights=path,
        external_data=tuple(content.files)[1:] if content.format == "onnx" else (),
        sha256=sha256,
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
    """Let what is wrong with a model's file begin with its name."""
    try:
        yield
    except (InvalidModelError, UnsafeModelError) as error:
        raise type(error)(f"{path.name}: {error}") from error


def all_or_missing(*parts: Callable[[], Any]) -> list[Any]:
    """What the parts give. Raises one ``InvalidModelError`` that tells what any of them lacks."""
    found, missing = [], []
    for part in parts:
        try:
            found.append(part())
        except InvalidModelError as error:
            missing.append(str(error))
    if missing:
        raise InvalidModelError("; ".join(dict.fromkeys(missing)))
    return found


def refuse_options(name: str, options: ModelOptions) -> None:
    """Raise ``UsageError`` if anything is stated of a model that says it all itself."""
    if options != ModelOptions():
        raise UsageError(
            f"{name} brings all that it needs: --labels, --preset and the like are for bare files"
        )


def read_unchecked(path: Path) -> Weights:
    """The files of a bare model, which may hold anything. Raises ``InvalidModelError``."""
    weights_format = sniff_format(path)
    files = read_files(path)
    if weights_format == "onnx":
        files = read_files(path, external_data(next(iter(files.values()))))
    return Weights(weights_format, files)


def all_options(options: ModelOptions, row: catalog.Row | None) -> ModelOptions:
    """What is known of the model besides its file, the user's word first."""
    if options.preset is not None and options.preset not in PRESETS:
        raise UsageError(f"unknown preset {options.preset!r}: give one of {', '.join(PRESETS)}")
    preset = PRESETS[options.preset] if options.preset else ModelOptions()
    published = row.options if row else ModelOptions()
    if options.labels is not None:
        # A path, even where its name is the catalogue's word for pictell's own labels. That they
        # lack a background line was said of the labels that these replace.
        options = replace(options, labels=Path(options.labels))
        published = replace(published, background=None)
    if options.output_name not in (None, published.output_name, f"{published.output_name}:0"):
        published = replace(published, activation=None)
    return merge_options(options, preset, published, DEFAULTS)


def the_input(content: Weights, inspection: Inspection, options: ModelOptions) -> TensorSpec:
    """The one input, or the one options. Raises ``InvalidModelError``, which lists them.

    In a frozen graph any node may be stated: those of ``retrain.py`` take a JPEG file, and pixels
    only behind its decoder.
    """
    name = options.input_name
    known = {tensor.name for tensor in inspection.inputs}
    if name is not None and not known & {name, name.removesuffix(":0")}:
        inner = _inner_node(content, name)
        if inner is not None:
            return inner
    return _only("input", inspection.inputs, name)


def the_output(inspection: Inspection) -> TensorSpec:
    """The one output that was asked for or that there is. Raises ``InvalidModelError``."""
    return _only("output", inspection.outputs, None)


def the_preprocess(image: TensorSpec, options: ModelOptions, kind: WeightsFormat) -> PreprocessSpec:
    """How pictures become this input. Raises ``InvalidModelError`` for what is not known."""
    layout = options.layout or _layout(image, kind)
    width, height = options.size or _size(image, layout)
    mean, std = options.mean, options.std
    if (mean is None) != (std is None):
        missing = "mean" if mean is None else "std"
        raise InvalidModelError(f"mean and std belong together: give --{missing} too")
    if mean is None and image.dtype != "uint8":
        raise InvalidModelError(
            f"nothing says how pixels become the {image.dtype} input {image.name!r}: give --mean "
            f"and --std, or --preset ({', '.join(PRESETS)})"
        )
    if std is not None and min(std) <= 0:
        raise InvalidModelError("std must be above 0")
    return PreprocessSpec(
        width=width,
        height=height,
        resize_mode=options.resize_mode or "squash",
        crop_fraction=options.crop_fraction or 1.0,
        interpolation=options.interpolation or "bilinear",
        layout=layout,
        channels=options.channels or "RGB",
        mean=mean,
        std=std,
    )


def the_labels(options: ModelOptions) -> tuple[Label, ...]:
    """The labels, one for each output. Raises ``InvalidModelError``."""
    if options.labels is None:
        raise InvalidModelError("the model has no labels of its own: give --labels FILE")
    path = IMAGENET if options.labels == catalog.IMAGENET else Path(options.labels)
    return complete(read_labels(path), bool(options.background), options.unlabelled or 0)


def _only(kind: str, tensors: tuple[TensorSpec, ...], wanted: str | None) -> TensorSpec:
    names = ", ".join(tensor.name for tensor in tensors) or "none"
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


def _inner_node(content: Weights, name: str) -> TensorSpec | None:
    if content.format != "frozen-graph":
        return None
    try:
        (node,) = inspect_weights(content, [name]).outputs
    except InvalidModelError:
        return None
    return node


def _layout(image: TensorSpec, kind: WeightsFormat) -> Layout:
    shape = image.shape
    if shape is not None and len(shape) == 4 and 3 in (shape[1], shape[3]):
        return "NHWC" if shape[3] == 3 else "NCHW"
    usual = USUAL_LAYOUTS.get(kind)
    if usual is None:
        raise InvalidModelError(
            f"nothing says which axis of the input {image.name!r} holds the colours: give --layout"
        )
    return usual


def _size(image: TensorSpec, layout: Layout) -> tuple[int, int]:
    shape = image.shape
    if shape is not None and len(shape) == 4:
        height, width = shape[1:3] if layout == "NHWC" else shape[2:]
        if height is not None and width is not None:
            return width, height
    raise InvalidModelError(f"the input {image.name!r} takes pictures of any size: give --size")


def _activation(inspection: Inspection, output: TensorSpec) -> Activation:
    found = inspection.activations.get(output.name)
    if found is None:
        raise InvalidModelError(
            f"the last operation of {output.name!r} does not tell whether it gives probabilities: "
            "give --activation none if it does, softmax if it gives logits"
        )
    return found
