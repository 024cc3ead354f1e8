"""The numbers of each preset, and tf-slim against TensorFlow itself."""

from dataclasses import asdict

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pictell.images.preprocess import preprocess
from pictell.models.presets import PRESETS, is_raw, merge_options
from pictell.models.store import catalog
from pictell.options import ModelOptions
from pictell.types import PreprocessSpec
from pictures import as_decoded, photo

# mean, std, resize mode, crop fraction, interpolation, channels
NUMBERS = {
    "inception": (3 * (117,), 3 * (1,), "squash", 1, "bilinear-tf1", None),
    "tf-slim": (3 * (127.5,), 3 * (127.5,), "squash", 0.875, "bilinear-tf1", None),
    "retrain": (3 * (127.5,), 3 * (127.5,), "squash", 1, "bilinear-tf1", None),
    "retrain-hub": (3 * (0,), 3 * (255,), "squash", 1, "bilinear-tf1", None),
    "torchvision": (
        (123.675, 116.28, 103.53),
        (58.395, 57.12, 57.375),
        "crop",
        0.875,
        "bilinear",
        None,
    ),
    "caffe": ((123.68, 116.779, 103.939), 3 * (1,), "crop", 0.875, "bilinear", "BGR"),
    "unit": (3 * (0,), 3 * (255,), "squash", 1, "bilinear", None),
    "raw": (3 * (0,), 3 * (1,), "squash", 1, "bilinear", None),
}


def spec_of(preset: str, width: int, height: int) -> PreprocessSpec:
    fields = {name: value for name, value in asdict(PRESETS[preset]).items() if value is not None}
    return PreprocessSpec(width=width, height=height, layout="NHWC", **{"channels": "RGB"} | fields)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_numbers_of_each_preset(preset: str) -> None:
    found = PRESETS[preset]
    numbers = (
        found.mean,
        found.std,
        found.resize_mode,
        found.crop_fraction,
        found.interpolation,
        found.channels,
    )
    assert numbers == NUMBERS[preset]
    assert is_raw(found.mean, found.std) == (preset == "raw")


def test_torchvisions_numbers_are_those_of_imagenet_for_pixels_in_0_to_1() -> None:
    found = PRESETS["torchvision"]
    assert np.divide(found.mean, 255) == pytest.approx((0.485, 0.456, 0.406))
    assert np.divide(found.std, 255) == pytest.approx((0.229, 0.224, 0.225))


@pytest.mark.parametrize("size", [(640, 427), (427, 640), (100, 100), (224, 224), (33, 500)])
@pytest.mark.parametrize("side", [128, 224, 299])
def test_tf_slim_is_the_preprocessing_of_tf_slim(size: tuple[int, int], side: int) -> None:
    """As in preprocess_for_eval of tensorflow/models, research/slim, inception_preprocessing.py."""
    pixels = np.asarray(photo().resize(size, Image.Resampling.BICUBIC))
    image = tf.image.convert_image_dtype(pixels, tf.float32)
    image = tf.image.central_crop(image, 0.875)
    (image,) = tf.compat.v1.image.resize_bilinear(image[tf.newaxis], [side, side])
    expected = (image.numpy() - 0.5) * 2
    found = preprocess(as_decoded(pixels), spec_of("tf-slim", side, side))
    np.testing.assert_allclose(found[0], expected, atol=1e-6)


@pytest.mark.parametrize(
    "row",
    [row for row in catalog.load().values() if "obilenet" in row.name and "-12" not in row.name],
)
def test_tf_slims_models_in_the_catalogue_resize_as_tf_slim_does(row: catalog.Row) -> None:
    found, slim = row.options, PRESETS["tf-slim"]
    assert (found.resize_mode, found.crop_fraction) == (slim.resize_mode, slim.crop_fraction)
    assert found.interpolation == slim.interpolation


def test_the_first_value_counts() -> None:
    one, two = ModelOptions(size=(1, 2)), ModelOptions(size=(3, 4), channels="BGR")
    assert merge_options(one, two) == ModelOptions(size=(1, 2), channels="BGR")
