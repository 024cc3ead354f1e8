"""Whether a graph's inputs and outputs fit the ``ModelSpec``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pictell.errors import InvalidModelError
from pictell.inspection.selection import listed, select
from pictell.scoring.postprocess import (
    check_activation,
    check_label_count,
    count_classes,
    shape_text,
)
from pictell.types import ModelSpec, PreprocessSpec, TensorSpec

AXES = {
    "NHWC": ("batch", "height", "width", "channels"),
    "NCHW": ("batch", "channels", "height", "width"),
}


def check_fits(
    inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], spec: ModelSpec
) -> None:
    """Raise ``InvalidModelError`` if the graph does not have what the spec names."""
    _check_input(_picture_input(inputs, spec), spec.preprocess)
    _check_outputs({tensor.name: tensor for tensor in outputs}, spec)


def wanted_outputs(spec: ModelSpec) -> tuple[str, ...]:
    """The names of the outputs that a spec states, the logits first."""
    return tuple(
        filter(None, (spec.output_name, spec.embedding, spec.feature_map, spec.familiarity))
    )


def _check_input(tensor: TensorSpec, spec: PreprocessSpec) -> None:
    """Raise ``InvalidModelError`` if an image preprocessed as ``spec`` says does not fit."""
    given = {"batch": None, "height": spec.height, "width": spec.width, "channels": 3}
    wanted = tensor.shape
    if wanted is not None and len(wanted) != 4:
        raise InvalidModelError(
            f"the input {tensor.name!r} has shape {shape_text(wanted)}, "
            "not that of a batch of images, (N, H, W, 3) or (N, 3, H, W)"
        )
    for size, axis in zip(wanted or (None,) * 4, AXES[spec.layout], strict=True):
        if size is not None and given[axis] not in (None, size):
            raise InvalidModelError(_misfit(tensor, spec, axis))
    if spec.mean is None and tensor.dtype != "uint8":
        raise InvalidModelError(
            f"the input {tensor.name!r} takes {tensor.dtype}, not bytes: give --mean and --std"
        )
    if spec.mean is not None and not (tensor.quantisation or tensor.dtype.startswith("float")):
        raise InvalidModelError(
            f"the input {tensor.name!r} takes {tensor.dtype}: give neither --mean nor --std"
        )


def _check_outputs(outputs: Mapping[str, TensorSpec], spec: ModelSpec) -> None:
    """Raise ``InvalidModelError`` if an output is missing or its classes do not fit."""
    select(wanted_outputs(spec), outputs)
    shape = outputs[spec.output_name].shape
    classes = None if shape is None else count_classes(spec.output_name, shape)
    # The numbers of an embedding have no labels.
    if classes is not None and spec.output_name != spec.embedding:
        check_activation(spec.activation, classes)
        check_label_count(spec.labels, classes)


def _picture_input(inputs: Sequence[TensorSpec], spec: ModelSpec) -> TensorSpec:
    named = {tensor.name: tensor for tensor in inputs}
    select([spec.input_name], named, "input")
    if len(named) > 1:
        raise InvalidModelError(
            f"the model takes several inputs ({listed(named)}): pictell gives it images only"
        )
    return named[spec.input_name]


def _misfit(tensor: TensorSpec, spec: PreprocessSpec, axis: str) -> str:
    shape = tensor.shape or ()
    text = f"the input {tensor.name!r} has shape {shape_text(shape)}"
    other = "NCHW" if spec.layout == "NHWC" else "NHWC"
    if shape[AXES[other].index("channels")] == 3 != shape[AXES[spec.layout].index("channels")]:
        return f"{text}: give --layout {other}, not {spec.layout}"
    sizes = dict(zip(AXES[spec.layout], shape, strict=True))
    if axis == "channels":
        return f"{text}: pictell gives 3 channels (RGB), not {sizes[axis]}"
    wanted = f"{sizes['width'] or spec.width}x{sizes['height'] or spec.height}"
    return f"{text}: give --size {wanted}, not {spec.width}x{spec.height}"
