"""Published preprocessing of well-known model families, by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pictell.options import ModelOptions
from pictell.types import Channels, Interpolation, ResizeMode

Colour = tuple[float, float, float]


def _preset(
    mean: Colour | float,
    std: Colour | float,
    resize_mode: ResizeMode,
    crop_fraction: float,
    interpolation: Interpolation,
    channels: Channels | None = None,
) -> ModelOptions:
    return ModelOptions(
        mean=mean if isinstance(mean, tuple) else (mean, mean, mean),
        std=std if isinstance(std, tuple) else (std, std, std),
        resize_mode=resize_mode,
        crop_fraction=crop_fraction,
        interpolation=interpolation,
        channels=channels,
    )


PRESETS = {
    # The program of 2018 and TensorFlow's first image tutorials: Inception v1 (Szegedy et al.
    # 2015) and its graph inception5h, with TensorFlow 1's ResizeBilinear.
    "inception": _preset(117.0, 1.0, "squash", 1.0, "bilinear-tf1"),
    # TF-Slim's inception_preprocessing at evaluation, which its MobileNets share: central_crop,
    # then ResizeBilinear.
    "tf-slim": _preset(127.5, 127.5, "squash", 0.875, "bilinear-tf1"),
    # TensorFlow's retrain.py and label_image.py: the whole image, by ResizeBilinear.
    "retrain": _preset(127.5, 127.5, "squash", 1.0, "bilinear-tf1"),
    # TensorFlow Hub's retrain.py, of 2018: the same, but its modules take pixels in 0..1.
    "retrain-hub": _preset(0.0, 255.0, "squash", 1.0, "bilinear-tf1"),
    # torchvision's reference training: resize to 256, crop 224, mean and std of ImageNet.
    "torchvision": _preset(
        (123.675, 116.28, 103.53), (58.395, 57.12, 57.375), "crop", 0.875, "bilinear"
    ),
    # Caffe's VGG and ResNet, and Keras' mode "caffe": BGR, only the mean is subtracted.
    "caffe": _preset((123.68, 116.779, 103.939), 1.0, "crop", 0.875, "bilinear", "BGR"),
    # Pixels in 0..1: many models for phones, Keras models whose data was divided by 255 outside.
    "unit": _preset(0.0, 255.0, "squash", 1.0, "bilinear"),
    # Pixels in 0..255 as floats, for graphs that rescale inside: Keras models with a Rescaling or
    # Normalization layer, Keras' EfficientNet.
    "raw": _preset(0.0, 1.0, "squash", 1.0, "bilinear"),
}


def is_raw(mean: Sequence[float] | None, std: Sequence[float] | None) -> bool:
    """Whether these leave pixels as they are."""
    return mean is not None and std is not None and not any(mean) and set(std) == {1}


def merge_options(*options: ModelOptions) -> ModelOptions:
    """For each field the first value that is not ``None``."""
    merged: dict[str, Any] = {}
    for one in reversed(options):
        values = {name: getattr(one, name) for name in ModelOptions.__slots__}
        merged |= {name: value for name, value in values.items() if value is not None}
    return ModelOptions(**merged)
