"""The views of a picture in front of a backbone: the picture itself, and its middle, enlarged."""

from __future__ import annotations

import numpy as np

from pictell.errors import InvalidModelError
from pictell.inspection.protobuf import Message
from pictell.training.onnx_parts import FLOAT, UINT8, Parts, sizes_of
from pictell.types import Layout

# The part of the height and of the width that the second view shows: with the usual crop of 0.875
# of a picture's shorter side, it shows 0.75 of it (benchmarks/train.md).
MIDDLE = 6 / 7


def add_views(parts: Parts, image: Message, layout: Layout) -> tuple[str, int]:
    """Add the nodes that make views of a backbone's input (N, H, W, 3) or (N, 3, H, W).

    Returns the name of the views, one after the other on the first axis, (V * N, …), and V. It is
    1, without nodes, for an input whose height and width are not fixed or whose batch is. Raises
    ``InvalidModelError`` for an input that is not a batch of images.
    """
    sizes = sizes_of(image)
    if sizes is None or len(sizes) != 4:
        raise InvalidModelError(f"the input {image.name!r} is not a batch of images with four axes")
    height, width = sizes[1:3] if layout == "NHWC" else sizes[2:4]
    if height is None or width is None or sizes[0] is not None:
        return image.name, 1
    middle = _middle(parts, image, (height, width), layout)
    return parts.node("Concat", [image.name, middle], "views", axis=0), 2


def _middle(parts: Parts, image: Message, size: tuple[int, int], layout: Layout) -> str:
    """The middle of the input, resized linearly in float32 to its size; bytes are rounded."""
    element = image.type.tensor_type.elem_type
    nhwc = layout == "NHWC"
    value = _cropped(parts, image.name, size, (1, 2) if nhwc else (2, 3))
    if element != FLOAT:
        value = parts.node("Cast", [value], "middle_float", to=FLOAT)
    if nhwc:
        # Runtimes resize the last two axes.
        value = parts.node("Transpose", [value], "middle_nchw", perm=[0, 3, 1, 2])
    value = _resized(parts, value, size)
    if nhwc:
        value = parts.node("Transpose", [value], "middle_nhwc", perm=[0, 2, 3, 1])
    if element == UINT8:
        value = parts.node("Round", [value], "middle_rounded")
    return value if element == FLOAT else parts.node("Cast", [value], "middle_view", to=element)


def _cropped(parts: Parts, image: str, size: tuple[int, int], axes: tuple[int, int]) -> str:
    """``MIDDLE`` of the height and the width; of an odd margin, the larger part is after it."""
    lengths = [max(1, round(MIDDLE * length)) for length in size]
    starts = [(whole - part) // 2 for whole, part in zip(size, lengths, strict=True)]
    ends = [start + part for start, part in zip(starts, lengths, strict=True)]
    inputs = [
        image,
        parts.integers("middle_starts", *starts),
        parts.integers("middle_ends", *ends),
        parts.integers("middle_axes", *axes),
    ]
    return parts.node("Slice", inputs, "middle_pixels")


def _resized(parts: Parts, value: str, size: tuple[int, int]) -> str:
    """An NCHW tensor with another height and width; the number of pictures is known only later."""
    first, third = parts.integers("middle_first", 0), parts.integers("middle_third", 2)
    shape = parts.node("Shape", [value], "middle_shape")
    outer = parts.node("Slice", [shape, first, third], "middle_outer")
    wanted = parts.integers("middle_size", *size)
    sizes = parts.node("Concat", [outer, wanted], "middle_sizes", axis=0)
    empty = parts.constant("nothing", np.zeros(0, np.float32))
    return parts.node(
        "Resize",
        [value, empty, empty, sizes],
        "middle_resized",
        mode="linear",
        coordinate_transformation_mode="half_pixel",
    )
