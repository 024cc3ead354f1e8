"""Whether a graph's inputs and outputs fit the ``ModelSpec``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pictell.errors import InvalidModelError
from pictell.graphs import Inspection, TensorSpec, Weights
from pictell.inspection import inspect_weights, runnable
from pictell.inspection.quantisation import LEAVE_OUT, check_range
from pictell.inspection.scores import (
    UNKNOWN,
    check_activation,
    check_label_count,
    check_output,
    check_scores,
    count_classes,
)
from pictell.inspection.selection import listed, select, shape_text
from pictell.types import Channels, ModelSpec, PreprocessSpec

# Of numpy, and so of the tensors that preprocessing makes.
FLOATS = frozenset({"float16", "float32", "float64"})
# The channels of an image, by their number.
CHANNELS: Mapping[int, Channels] = {1: "grey", 3: "RGB"}
BATCHES = "(N, H, W, 3) or (N, 3, H, W), or with 1 for grey"
GIVEN = "pictell gives 3 channels (RGB) or 1 (grey)"
OUTPUTS = ("output_name", "embedding", "feature_map", "familiarity")
AXES = {
    "NHWC": ("batch", "height", "width", "channels"),
    "NCHW": ("batch", "channels", "height", "width"),
}


def check_model(weights: Weights, spec: ModelSpec) -> None:
    """Raise ``InvalidModelError`` if a model's files show that it does not fit the spec.

    A runtime may know more, such as a shape that the file does not state: see ``check_fits``.
    """
    outputs = wanted_outputs(spec)
    check_inspected(inspect_weights(weights, outputs), weights, spec)


def check_inspected(
    inspection: Inspection, weights: Weights, spec: ModelSpec, *, count_labels: bool = True
) -> None:
    """``check_model`` for an inspection that has the outputs of the spec.

    Also raises ``InvalidModelError`` if these are random. Without ``count_labels`` the spec may
    have any number of labels.
    """
    inputs = inspection.inputs
    run = runnable(weights, wanted_outputs(spec), spec.input_name).weights
    if weights.format == "frozen-graph":
        # Imported only when needed: the default model starts faster.
        from pictell.inspection.frozen_graph import needed_inputs

        inputs = needed_inputs(run, spec.input_name, wanted_outputs(spec))
        spec = _without_indices(spec)
    check_fits(inputs, inspection.outputs, spec, count_labels=count_labels)
    if spec.output_name != spec.embedding:
        check_output(spec.output_name, inspection)


def check_fits(
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    spec: ModelSpec,
    *,
    count_labels: bool = True,
) -> None:
    """Raise ``InvalidModelError`` if the graph does not have what the spec names.

    ``count_labels``: see ``check_inspected``.
    """
    _check_input(_picture_input(inputs, spec), spec.preprocess)
    _check_outputs({tensor.name: tensor for tensor in outputs}, spec, count_labels)


def wanted_outputs(spec: ModelSpec) -> tuple[str, ...]:
    """The names of the outputs that a spec states, the logits first."""
    return tuple(filter(None, (getattr(spec, key) for key in OUTPUTS)))


def _without_indices(spec: ModelSpec) -> ModelSpec:
    """The spec with the names of outputs as inspections have them: ``node`` for ``node:0``."""
    names = {key: getattr(spec, key) for key in OUTPUTS}
    return replace(spec, **{key: name and name.removesuffix(":0") for key, name in names.items()})


def _check_input(tensor: TensorSpec, spec: PreprocessSpec) -> None:
    """Raise ``InvalidModelError`` if an image preprocessed as ``spec`` says does not fit."""
    wanted = tensor.shape
    if wanted is not None and len(wanted) != 4:
        raise InvalidModelError(
            f"the input {tensor.name!r} has shape {shape_text(wanted)}, "
            f"not that of a batch of images, {BATCHES}"
        )
    given = (None, *spec.shape)
    for size, axis, of_image in zip(wanted or given, AXES[spec.layout], given, strict=True):
        if size is not None and of_image not in (None, size):
            raise InvalidModelError(_misfit(tensor, spec, axis))
    check_numbers(tensor, spec.mean, spec.std)


def check_numbers(
    tensor: TensorSpec, mean: Sequence[float] | None, std: Sequence[float] | None
) -> None:
    """Raise ``InvalidModelError`` if an input does not take what a mean and a std make of pixels.

    Without them it gets pixels as bytes.
    """
    check_type(tensor)
    given = mean is not None or std is not None
    if not given and tensor.dtype not in ("uint8", UNKNOWN):
        raise InvalidModelError(
            f"the input {tensor.name!r} takes {tensor.dtype}, not bytes: give --mean and --std"
        )
    if given and not _takes_numbers(tensor):
        raise InvalidModelError(f"the input {tensor.name!r} takes {tensor.dtype}: {LEAVE_OUT}")
    if given:
        check_range(tensor, mean, std)


def check_type(tensor: TensorSpec) -> None:
    """Raise ``InvalidModelError`` if an input takes neither bytes nor real numbers."""
    if tensor.dtype != "uint8" and not _takes_numbers(tensor):
        raise InvalidModelError(
            f"the input {tensor.name!r} takes {tensor.dtype}: export the model with an input of "
            "float32 or uint8"
        )


def _takes_numbers(tensor: TensorSpec) -> bool:
    return tensor.quantisation is not None or tensor.dtype in {*FLOATS, UNKNOWN}


def _check_outputs(outputs: Mapping[str, TensorSpec], spec: ModelSpec, count_labels: bool) -> None:
    """Raise ``InvalidModelError`` if an output is missing or its classes do not fit."""
    select(wanted_outputs(spec), outputs)
    if spec.output_name == spec.embedding:
        # Its numbers have no labels.
        return
    output = outputs[spec.output_name]
    check_scores(output)
    classes = None if output.shape is None else count_classes(output.name, output.shape)
    if classes is not None:
        check_activation(spec.activation, classes)
        if count_labels:
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
    elsewhere, here = (shape[AXES[layout].index("channels")] for layout in (other, spec.layout))
    if elsewhere in CHANNELS and here not in CHANNELS:
        return f"{text}: give --layout {other}, not {spec.layout}"
    sizes = dict(zip(AXES[spec.layout], shape, strict=True))
    if axis == "channels":
        right = CHANNELS.get(here or 0)
        advice = f"give --channels {right}, not {spec.channels}" if right else GIVEN
        return f"{text}: {advice}"
    wanted = f"{sizes['width'] or spec.width}x{sizes['height'] or spec.height}"
    return f"{text}: give --size {wanted}, not {spec.width}x{spec.height}"
