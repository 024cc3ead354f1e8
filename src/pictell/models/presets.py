"""Published preprocessing of well-known model families, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from pictell.options import ModelOptions

PRESETS = {
    # The program of 2018 and TensorFlow's first image tutorials: Inception v1 (Szegedy et al.
    # 2015) and its graph inception5h, with TensorFlow 1's ResizeBilinear.
    "inception": ModelOptions(
        mean=(117.0, 117.0, 117.0),
        std=(1.0, 1.0, 1.0),
        resize_mode="squash",
        crop_fraction=1.0,
        interpolation="bilinear-tf1",
        channels="RGB",
    ),
    # TF-Slim's inception_preprocessing at evaluation, which its MobileNets share: central_crop,
    # then ResizeBilinear.
    "tf-slim": ModelOptions(
        mean=(127.5, 127.5, 127.5),
        std=(127.5, 127.5, 127.5),
        resize_mode="squash",
        crop_fraction=0.875,
        interpolation="bilinear-tf1",
        channels="RGB",
    ),
    # TensorFlow's retrain.py and label_image.py: the whole image, by ResizeBilinear.
    "retrain": ModelOptions(
        mean=(127.5, 127.5, 127.5),
        std=(127.5, 127.5, 127.5),
        resize_mode="squash",
        crop_fraction=1.0,
        interpolation="bilinear-tf1",
        channels="RGB",
    ),
    # torchvision's reference training: resize to 256, crop 224, mean and std of ImageNet.
    "torchvision": ModelOptions(
        mean=(123.675, 116.28, 103.53),
        std=(58.395, 57.12, 57.375),
        resize_mode="crop",
        crop_fraction=0.875,
        interpolation="bilinear",
        channels="RGB",
    ),
    # Caffe's VGG and ResNet, and Keras' mode "caffe": BGR, only the mean is subtracted.
    "caffe": ModelOptions(
        mean=(123.68, 116.779, 103.939),
        std=(1.0, 1.0, 1.0),
        resize_mode="crop",
        crop_fraction=0.875,
        interpolation="bilinear",
        channels="BGR",
    ),
    # Pixels in 0..1: many models for phones, Keras' Rescaling(1/255).
    "unit": ModelOptions(
        mean=(0.0, 0.0, 0.0),
        std=(255.0, 255.0, 255.0),
        resize_mode="squash",
        crop_fraction=1.0,
        interpolation="bilinear",
        channels="RGB",
    ),
    # Pixels in 0..255 as floats, for graphs that normalise inside: Keras' EfficientNet.
    "raw": ModelOptions(
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        resize_mode="squash",
        crop_fraction=1.0,
        interpolation="bilinear",
        channels="RGB",
    ),
}


def is_raw(mean: Sequence[float] | None, std: Sequence[float] | None) -> bool:
    """Whether these leave pixels as they are."""
    return mean is not None and std is not None and not any(mean) and set(std) == {1}


def merge_options(*options: ModelOptions) -> ModelOptions:
    """For each field the first value that is not ``None``."""
    values = {
        field.name: [getattr(one, field.name) for one in options] for field in fields(ModelOptions)
    }
    return ModelOptions(
        **{
            name: next((value for value in candidates if value is not None), None)
            for name, candidates in values.items()
        }
    )
