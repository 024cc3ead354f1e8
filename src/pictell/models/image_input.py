"""The input of a bare model that takes pictures, and the preprocessing for it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from pictell.errors import InvalidModelError
from pictell.graphs import Inspection, TensorSpec, Weights
from pictell.inspection import inspect_weights
from pictell.inspection.fit import BATCHES, CHANNELS, GIVEN, check_numbers, check_type
from pictell.inspection.frozen_graph import pixel_nodes
from pictell.inspection.selection import MAX_NAMES, listed, shape_text
from pictell.models.bare_options import RESCALES
from pictell.models.guess import Guess, guess
from pictell.models.missing import all_or_missing, only
from pictell.models.presets import PRESETS
from pictell.options import ModelOptions
from pictell.types import Channels, Layout, PreprocessSpec, WeightsFormat

# Options that are fields of a ``PreprocessSpec`` as they are.
PREPROCESSING = ("resize_mode", "crop_fraction", "interpolation", "channels", "mean", "std")


def check_takes_pictures(inspection: Inspection) -> None:
    """Raise ``InvalidModelError`` for a model that takes something else than pixels."""
    inputs = inspection.inputs
    texts = [one.name for one in inputs if one.dtype == "string"]
    if texts:
        raise InvalidModelError(
            f"the model takes text or files of pictures ({listed(texts)}), not pixels: export it "
            f"with one input of pixels, {BATCHES}"
        )
    shapes = [one.shape for one in inputs]
    if inputs and all(shape is not None and len(shape) != 4 for shape in shapes):
        text = ", ".join(f"{one.name} {shape_text(one.shape or ())}" for one in inputs[:MAX_NAMES])
        found = f"the model takes no batch of pictures ({text})"
        if all(len(shape or ()) < 3 for shape in shapes):
            raise InvalidModelError(
                f"{found} but rows of numbers: if these are pixels, export it with a Flatten "
                f"before it and an input {BATCHES}; pictell runs no models for tables"
            )
        raise InvalidModelError(f"{found}: export it with an input {BATCHES}")


def find_image_input(
    content: Weights, inspection: Inspection, options: ModelOptions
) -> tuple[TensorSpec, PreprocessSpec]:
    """The input that takes pictures, and the preprocessing. Raises ``InvalidModelError``."""
    image = _find_input(content, inspection, options.input_name)
    (layout, channels, (width, height)), _ = all_or_missing(
        lambda: _layout_and_size(image, options, content.format),
        lambda: _check_normalisation(image, options, partial(guess, inspection, content)),
    )
    values = {name: getattr(options, name) for name in PREPROCESSING} | {"channels": channels}
    preprocess = PreprocessSpec(width=width, height=height, layout=layout, **values)
    return image, preprocess


def _find_input(content: Weights, inspection: Inspection, name: str | None) -> TensorSpec:
    """The only input, or the one of that name.

    In a frozen graph it may be any node: the graphs of ``retrain.py`` take a JPEG file, and pixels
    only behind its decoder.
    """
    inputs = inspection.inputs
    if name is not None and content.format == "frozen-graph":
        with suppress(InvalidModelError):
            return inspect_weights(content, [name]).outputs[0]
    if not inputs and content.format == "frozen-graph":
        wrong = "" if name is None else f"the model has no input {name!r}, and "
        nodes = " or ".join(pixel_nodes(content)[:MAX_NAMES]) or "NODE"
        raise InvalidModelError(
            f"{wrong}the graph takes files of pictures, not pixels: give --input {nodes}, which "
            "has the pixels, with --size and --preset"
        )
    batches = tuple(one for one in inputs if one.shape is not None and len(one.shape) == 4)
    # Others, such as the probability to keep of a dropout, may not be needed.
    return only("input", batches if name is None and len(batches) == 1 else inputs, name)


def _check_normalisation(
    image: TensorSpec, options: ModelOptions, find_preset: Callable[[], Guess | None]
) -> None:
    check_type(image)
    mean, std = options.mean, options.std
    is_grey = "grey" in (options.channels, _channels(image, options))
    if is_grey and any(len(set(one)) > 1 for one in (mean, std) if one):
        raise InvalidModelError(
            f"the grey input {image.name!r} takes one number for mean and one for std: give --mean "
            f"and --std, or --preset ({_presets(is_grey)})"
        )
    if mean is None and std is None and image.dtype != "uint8":
        numbers = "--mean and --std, one number each" if is_grey else "--mean and --std"
        raise InvalidModelError(
            f"the mean and std of the {image.dtype} input {image.name!r} are unknown: "
            f"{_advice(find_preset())}give {numbers}, or --preset ({_presets(is_grey)}; raw for "
            f"{RESCALES})"
        )
    check_numbers(image, mean, std)


def _advice(guessed: Guess | None) -> str:
    """The preset that may be right."""
    if guessed is None:
        return ""
    return f"give --preset {guessed.preset} if it is right ({guessed.sure}: {guessed.reason}), or "


def _presets(is_grey: bool) -> str:
    """The names of the presets that fit."""
    of_grey = (name for name, one in PRESETS.items() if one.mean and len(set(one.mean)) == 1)
    return ", ".join(of_grey if is_grey else PRESETS)


def _channels(image: TensorSpec, options: ModelOptions) -> Channels | None:
    """What the shape says, ``None`` if that is not clear."""
    ends = _ends(image)
    layout = options.layout or _find_layout(ends, options.channels)
    if layout is None:
        return None
    return CHANNELS.get(ends[layout == "NHWC"] or 0)


def _layout_and_size(
    image: TensorSpec, options: ModelOptions, weights_format: WeightsFormat
) -> tuple[Layout, Channels, tuple[int, int]]:
    shape, ends = _shape(image), _ends(image)
    if None not in ends and CHANNELS.keys().isdisjoint(ends):
        raise InvalidModelError(f"the input {image.name!r} has shape {shape_text(shape)}: {GIVEN}")
    layout = options.layout or _find_layout(ends, options.channels)
    if layout is None and weights_format in ("onnx", "openvino"):
        raise InvalidModelError(
            f"the channel axis of the input {image.name!r} is unknown: give --layout"
        )
    depth, *sides = shape[1:] if layout == "NCHW" else (shape[3], *shape[1:3])
    channels = options.channels or CHANNELS.get(depth or 3, "RGB")
    height, width = sides
    if options.size is not None:
        width, height = options.size
    if height is None or width is None:
        raise InvalidModelError(f"the input {image.name!r} takes images of any size: give --size")
    return layout or "NHWC", channels, (width, height)


def _shape(image: TensorSpec) -> tuple[int | None, ...]:
    return image.shape if image.shape is not None and len(image.shape) == 4 else 4 * (None,)


def _ends(image: TensorSpec) -> tuple[int | None, int | None]:
    """The sizes of the axes that may be that of the channels, the second and the last."""
    shape = _shape(image)
    return shape[1], shape[3]


def _find_layout(
    ends: tuple[int | None, int | None], channels: Channels | None = None
) -> Layout | None:
    """The layout, if one of these axes can be that of the channels and the other one cannot.

    If both can, ``channels`` of the user may tell.
    """
    wanted = {depth for depth, name in CHANNELS.items() if (name == "grey") == (channels == "grey")}
    for depths in ({*CHANNELS}, wanted if channels else set[int]()):
        second, last = (size in depths for size in ends)
        if second != last:
            return "NCHW" if second else "NHWC"
    return None
