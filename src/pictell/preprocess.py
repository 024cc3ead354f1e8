"""Pure: an RGB image and a ``PreprocessSpec`` become a model's input tensor."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pictell.types import PreprocessSpec

RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def preprocess(pixels: NDArray[np.uint8], spec: PreprocessSpec) -> NDArray[np.generic]:
    """Crop, resize, normalise and lay out one image for a batch of one.

    ``pixels``: RGB, shape (H, W, 3), dtype uint8, range 0..255. Returns shape
    (1, height, width, 3) or (1, 3, height, width) as ``spec.layout`` says; uint8 in 0..255 when
    ``spec.mean`` is ``None``, else float32 ``(x - mean) / std``.
    """
    height, width = pixels.shape[:2]
    resized = Image.fromarray(pixels).resize(
        (spec.width, spec.height),
        RESAMPLING[spec.interpolation],
        box=crop_box(width, height, spec),
    )
    tensor: NDArray[np.generic] = np.asarray(resized)
    if spec.mean is not None and spec.std is not None:
        mean, std = np.array(spec.mean, np.float32), np.array(spec.std, np.float32)
        tensor = (tensor.astype(np.float32) - mean) / std
    if spec.channels == "BGR":
        tensor = tensor[..., ::-1]
    if spec.layout == "NCHW":
        tensor = tensor.transpose(2, 0, 1)
    return np.ascontiguousarray(tensor[np.newaxis])


def crop_box(width: int, height: int, spec: PreprocessSpec) -> tuple[float, float, float, float]:
    """The part of an image that is kept: left, top, right, bottom in pixels."""
    if spec.crop_fraction is None:
        return (0, 0, width, height)
    scale = min(width / spec.width, height / spec.height) * spec.crop_fraction
    crop_width, crop_height = spec.width * scale, spec.height * scale
    # Rounding may carry a box of full width a hair beyond the edge.
    left, top = max(0.0, (width - crop_width) / 2), max(0.0, (height - crop_height) / 2)
    return (left, top, min(width, left + crop_width), min(height, top + crop_height))


def shortest_useful_side(spec: PreprocessSpec) -> int:
    """The shorter side, in pixels, below which a picture would have to be enlarged."""
    return math.ceil(max(spec.width, spec.height) / (spec.crop_fraction or 1.0))
