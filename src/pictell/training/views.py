"""Views of the picture in front of a backbone: its middle, the whole of it, its mirror image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pictell.errors import InvalidModelError, UsageError
from pictell.inspection.protobuf import Message
from pictell.training.onnx_parts import FLOAT, UINT8, Parts, sizes_of
from pictell.training.recipe import View
from pictell.types import Layout

# As a Slice's end: beyond the first pixel, backwards.
BEFORE_START = -(2**31)


class Frame(NamedTuple):
    """The sizes of an input, (height, width), and where its axes are."""

    own: tuple[int, int]
    given: tuple[int, int]
    layout: Layout

    @property
    def axes(self) -> tuple[int, int]:
        """The axes of height and width."""
        return (1, 2) if self.layout == "NHWC" else (2, 3)


def add_views(
    parts: Parts,
    image: Message,
    views: Sequence[View],
    layout: Layout,
    size: tuple[int, int] | None,
) -> str:
    """Add the nodes from an input of ``size`` (height, width) to the backbone's own input.

    ``image`` is the ``ValueInfoProto`` of the backbone's input, (N, H, W, 3) or (N, 3, H, W); it
    gets the new size. Returns the name of the views, one after the other on the first axis
    (V * N, …). Raises ``InvalidModelError`` or ``UsageError`` if the sizes do not fit.
    """
    frame = _frame(image, layout, size)
    if frame is not None:
        dims = image.type.tensor_type.shape.dim
        for axis, length in zip(frame.axes, frame.given, strict=True):
            dims[axis].dim_value = length
    tensors: list[str] = []
    for view in views:
        if view == "mirror":
            tensors.append(_mirrored(parts, tensors[0], layout))
        elif frame is None:
            tensors.append(image.name)
        elif view == "centre":
            tensors.append(_centre(parts, image.name, frame))
        else:
            tensors.append(_whole(parts, image, frame))
    if len(tensors) == 1:
        return tensors[0]
    _check_batch(image)
    return parts.node("Concat", tensors, "views", axis=0)


def _frame(image: Message, layout: Layout, size: tuple[int, int] | None) -> Frame | None:
    """The sizes, ``None`` if the input keeps the backbone's own."""
    sizes = sizes_of(image)
    if sizes is None or len(sizes) != 4:
        raise InvalidModelError(f"the input {image.name!r} is not a batch of images with four axes")
    height, width = sizes[1:3] if layout == "NHWC" else sizes[2:4]
    if size is None or size == (height, width):
        return None
    if height is None or width is None:
        raise InvalidModelError(
            f"the input {image.name!r} takes any size, so that it has no middle: "
            "export the model with a fixed height and width"
        )
    if size[0] < height or size[1] < width:
        raise UsageError(
            f"an input of {size[1]} x {size[0]} pixels is smaller than the model's own, "
            f"{width} x {height}: give a larger one"
        )
    return Frame((height, width), size, layout)


def _check_batch(image: Message) -> None:
    batch = image.type.tensor_type.shape.dim[0].dim_value
    if batch > 0:
        raise InvalidModelError(
            f"the model takes batches of {batch} only: use one view, "
            "or export the model with a batch of any size"
        )


def _centre(parts: Parts, image: str, frame: Frame) -> str:
    """The middle; of an odd margin, the larger part is right or below."""
    starts = [(given - own) // 2 for own, given in zip(frame.own, frame.given, strict=True)]
    ends = [start + own for start, own in zip(starts, frame.own, strict=True)]
    inputs = [
        image,
        parts.integers("centre_starts", *starts),
        parts.integers("centre_ends", *ends),
        parts.integers("centre_axes", *frame.axes),
    ]
    return parts.node("Slice", inputs, "centre_view")


def _mirrored(parts: Parts, image: str, layout: Layout) -> str:
    inputs = [
        image,
        parts.integers("mirror_start", -1),
        parts.integers("mirror_end", BEFORE_START),
        parts.integers("mirror_axis", 2 if layout == "NHWC" else 3),
        parts.integers("mirror_step", -1),
    ]
    return parts.node("Slice", inputs, "mirror_view")


def _whole(parts: Parts, image: Message, frame: Frame) -> str:
    """The whole input, resized linearly in float32; bytes are rounded."""
    element = image.type.tensor_type.elem_type
    nhwc = frame.layout == "NHWC"
    value = image.name if element == FLOAT else parts.node("Cast", [image.name], "whole", to=FLOAT)
    if nhwc:
        # Runtimes resize the last two axes.
        value = parts.node("Transpose", [value], "whole_nchw", perm=[0, 3, 1, 2])
    value = _resized(parts, value, frame.own)
    if nhwc:
        value = parts.node("Transpose", [value], "whole_nhwc", perm=[0, 2, 3, 1])
    if element == UINT8:
        value = parts.node("Round", [value], "whole_rounded")
    return value if element == FLOAT else parts.node("Cast", [value], "whole_view", to=element)


def _resized(parts: Parts, value: str, size: tuple[int, int]) -> str:
    """An NCHW tensor with another height and width; the number of pictures is known only later."""
    first, third = parts.integers("whole_first", 0), parts.integers("whole_third", 2)
    shape = parts.node("Shape", [value], "whole_shape")
    outer = parts.node("Slice", [shape, first, third], "whole_outer")
    sizes = parts.node(
        "Concat", [outer, parts.integers("whole_size", *size)], "whole_sizes", axis=0
    )
    empty = parts.constant("nothing", np.zeros(0, np.float32))
    return parts.node(
        "Resize",
        [value, empty, empty, sizes],
        "whole_resized",
        mode="linear",
        coordinate_transformation_mode="half_pixel",
    )
