"""Known recipes of preprocessing, by name: what the makers of many models have in common."""

from __future__ import annotations

from dataclasses import fields

from pictell.options import ModelOptions

PRESETS = {
    # The program of 2018 and TensorFlow's first image tutorials: Inception v1 (Szegedy et al.
    # 2015) and its graph inception5h, fed by TensorFlow 1's ResizeBilinear.
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
    # TensorFlow's retrain.py and label_image.py: the whole picture, by ResizeBilinear.
    "retrain": ModelOptions(
        mean=(127.5, 127.5, 127.5),
        std=(127.5, 127.5, 127.5),
        resize_mode="squash",
        crop_fraction=1.0,
        interpolation="bilinear-tf1",
        channels="RGB",
    ),
    # torchvision's reference training: resize to 256, crop 224, mean and deviation of ImageNet.
    "torchvision": ModelOptions(
        mean=(123.675, 116.28, 103.53),
        std=(58.395, 57.12, 57.375),
        resize_mode="crop",
        crop_fraction=0.875,
        interpolation="bilinear",
        channels="RGB",
    ),
    # Caffe's VGG and ResNet, and Keras' mode "caffe": blue first, means only.
    "caffe": ModelOptions(
        mean=(123.68, 116.779, 103.939),
        std=(1.0, 1.0, 1.0),
        resize_mode="crop",
        crop_fraction=0.875,
        interpolation="bilinear",
        channels="BGR",
    ),
    # Pixels in 0..1, the whole picture squashed: Teachable Machine's elder sisters, many phones.
    "unit": ModelOptions(
        mean=(0.0, 0.0, 0.0),
        std=(255.0, 255.0, 255.0),
        resize_mode="squash",
        crop_fraction=1.0,
        interpolation="bilinear",
        channels="RGB",
    ),
}


def merge_options(*statements: ModelOptions) -> ModelOptions:
    """For each thing the first statement that states it."""
    names = [field.name for field in fields(ModelOptions)]
    return ModelOptions(
        **{
            name: next(
                (value for one in statements if (value := getattr(one, name)) is not None), None
            )
            for name in names
        }
    )
