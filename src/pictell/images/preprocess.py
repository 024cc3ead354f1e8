"""From a decoded picture to the input tensor of a model, as its ``PreprocessSpec`` says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pictell.images.colour import to_srgb
from pictell.types import DecodedImage, PreprocessSpec

# Pillow's kernels. When they shrink an image, all but nearest average pixels.
RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
# The luma of R, G and B (ITU-R BT.601), as in Pillow's mode L.
LUMA = np.array((0.299, 0.587, 0.114), np.float32)
# A picture with more rows is first shrunk to this many times the size of the tensor.
MAX_NARROWED_PIXELS, REDUCING_GAP = 1 << 24, 2.0


def preprocess(picture: DecodedImage, spec: PreprocessSpec) -> NDArray[np.generic]:
    """Crop, resize and normalise one picture to a batch of one.

    Returns shape (1, height, width, 3) for the layout NHWC or (1, 3, height, width) for NCHW, with
    1 instead of 3 for grey; uint8 if ``spec.mean`` is ``None``, else float32 ``(x - mean) / std``.
    """
    tensor = _crop_and_resize(picture, spec)
    if spec.channels == "grey":
        tensor = _to_grey(tensor)
    if spec.mean is not None and spec.std is not None:
        tensor = _normalise(tensor, spec.mean, spec.std)
    if spec.channels == "BGR":
        tensor = tensor[..., ::-1]
    if spec.layout == "NCHW":
        tensor = tensor.transpose(2, 0, 1)
    return np.ascontiguousarray(tensor[np.newaxis])


def _to_grey(pixels: NDArray[Any]) -> NDArray[Any]:
    """(height, width, 3) -> (height, width, 1), of the same dtype."""
    grey: NDArray[np.float32] = (pixels @ LUMA)[..., np.newaxis]
    return np.rint(grey).astype(np.uint8) if pixels.dtype == np.uint8 else grey


def _normalise(
    pixels: NDArray[Any], mean: Sequence[float], std: Sequence[float]
) -> NDArray[np.float32]:
    """``(x - mean) / std`` for pixels (height, width, channels), in float32."""
    # numpy is several times slower along an axis of 3 numbers than along a whole row.
    height, width, depth = pixels.shape
    means, stds = (np.tile(np.array(one[:depth], np.float32), width) for one in (mean, std))
    normalised: NDArray[np.float32] = pixels.reshape(height, -1) - means
    normalised /= stds
    return normalised.reshape(pixels.shape)


def _crop_and_resize(picture: DecodedImage, spec: PreprocessSpec) -> NDArray[Any]:
    """Shape (height, width, 3), range 0..255, dtype uint8, or float32 from TensorFlow's kernel.

    Pillow rounds to integers. TensorFlow does not; this rounds only if the model takes uint8.
    """
    image, profile = picture.image, picture.profile
    box = crop_box(*image.size, spec)
    if spec.interpolation == "bilinear-tf1":
        pixels = _crop_to_whole_pixels(np.asarray(to_srgb(image, profile)), box)
        exact = resize_bilinear_tf1(pixels, spec.width, spec.height)
        return np.rint(exact, out=exact).astype(np.uint8) if spec.mean is None else exact
    # Pillow first makes all rows narrower. Of a very high picture that can be gigabytes.
    is_high = (box[3] - box[1]) * spec.width > MAX_NARROWED_PIXELS
    resized = image.resize(
        (spec.width, spec.height),
        RESAMPLING[spec.interpolation],
        box,
        reducing_gap=REDUCING_GAP if is_high else None,
    )
    # Fewer pixels than before, and hardly other ones (benchmarks/README.md).
    return np.asarray(to_srgb(resized, profile))


def crop_box(width: int, height: int, spec: PreprocessSpec) -> tuple[float, float, float, float]:
    """The part of an image that is resized: left, top, right, bottom in pixels."""
    if spec.resize_mode == "squash":
        crop_width, crop_height = width * spec.crop_fraction, height * spec.crop_fraction
    else:
        scale = min(width / spec.width, height / spec.height) * spec.crop_fraction
        crop_width, crop_height = spec.width * scale, spec.height * scale
    # With rounding, a box of full width can be slightly too wide.
    left, top = max(0.0, (width - crop_width) / 2), max(0.0, (height - crop_height) / 2)
    return (left, top, min(width, left + crop_width), min(height, top + crop_height))


def shortest_useful_side(spec: PreprocessSpec) -> int | None:
    """The shorter side, in pixels, that an image needs to be resized without enlarging it.

    A decoder may shrink a picture down to it. ``None`` for a kernel that does not average: it picks
    other pixels in a picture that was shrunk.
    """
    if spec.interpolation in {"nearest", "bilinear-tf1"}:
        return None
    return math.ceil(max(spec.width, spec.height) / spec.crop_fraction)


def wants_fast_dct(spec: PreprocessSpec) -> bool:
    """Whether to decode JPEGs with libjpeg's fast DCT, as TensorFlow 1 does by default.

    Without averaging, the DCT alone changes the best class of four pictures in a hundred
    (benchmarks/runtimes.md).
    """
    return spec.interpolation == "bilinear-tf1"


def resize_bilinear_tf1(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.float32]:
    """Resize exactly as TensorFlow 1 does by default.

    ``pixels``: shape (H, W, 3), dtype uint8. Returns shape (height, width, 3), dtype float32,
    range 0..255. Pixel i of the result is interpolated at i * (in / out) between two pixels in each
    direction, however much the image shrinks. Source: the operation ResizeBilinear with
    ``align_corners`` and ``half_pixel_centers`` false, with its order of operations in float32
    (tensorflow/core/kernels/image/resize_bilinear_op.cc).
    """
    top, bottom, down = _neighbours(pixels.shape[0], height)
    left, right, across = _neighbours(pixels.shape[1], width)

    def line(rows: NDArray[np.intp]) -> NDArray[np.float32]:
        needed = pixels.take(rows, axis=0)
        # Whole rows (height, 3 * width): numpy is several times slower along an axis of 3 numbers.
        start, end = (needed.take(at, axis=1).reshape(height, -1) for at in (left, right))
        return _between(start, end, across.repeat(3))

    return _between(line(top), line(bottom), down[:, None]).reshape(height, width, 3)


def _neighbours(
    size: int, out: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """For each of ``out`` pixels (out,): the pixel before, the one after, and its weight."""
    at = np.arange(out, dtype=np.float32) * (np.float32(size) / np.float32(out))
    before = at.astype(np.intp)
    return before, np.minimum(before + 1, size - 1), at - np.floor(at)


def _between(
    start: NDArray[Any], end: NDArray[Any], weight: NDArray[np.float32]
) -> NDArray[np.float32]:
    # In place, because to allocate an array of this size takes longer than the arithmetic.
    between: NDArray[np.float32] = np.subtract(end, start, dtype=np.float32)
    between *= weight
    between += start
    return between


def _crop_to_whole_pixels(
    pixels: NDArray[np.uint8], box: tuple[float, float, float, float]
) -> NDArray[np.uint8]:
    """The box, enlarged symmetrically to whole pixels as in TensorFlow's ``central_crop``."""
    height, width = pixels.shape[:2]
    left, top = int(box[0]), int(box[1])
    return pixels[top : height - top, left : width - left]
