"""From pixels to a tensor, against explicit arithmetic."""

import math
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pictell.images.decode import decode
from pictell.images.preprocess import (
    crop_box,
    preprocess,
    resize_bilinear_tf1,
    shortest_useful_side,
)
from pictell.types import DecodedImage, Interpolation, PreprocessSpec, ResizeMode
from pictures import (
    MAX_PIXELS,
    as_decoded,
    colour_distance,
    encoded,
    photo,
    pixels_of,
    rotated_profile,
)

SPEC = PreprocessSpec(224, 224, "crop", 0.875, "bicubic", "NHWC", "RGB", None, None)
WHOLE = PreprocessSpec(4, 2, "squash", 1.0, "nearest", "NHWC", "RGB", None, None)

specs = st.builds(
    PreprocessSpec,
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    resize_mode=st.sampled_from(get_args(ResizeMode)),
    crop_fraction=st.floats(0.05, 1),
    interpolation=st.sampled_from(get_args(Interpolation)),
    layout=st.sampled_from(["NHWC", "NCHW"]),
    mean=st.none(),
    std=st.none(),
)
sizes = st.tuples(st.integers(1, 60), st.integers(1, 60))


@pytest.mark.parametrize(
    ("size", "spec", "box"),
    [
        ((448, 448), SPEC, (28, 28, 420, 420)),
        ((640, 480), SPEC, (110, 30, 530, 450)),
        ((480, 640), SPEC, (30, 110, 450, 530)),
        ((100, 100), replace(SPEC, crop_fraction=1.0), (0, 0, 100, 100)),
        ((300, 100), replace(SPEC, width=448, crop_fraction=1.0), (50, 0, 250, 100)),
        ((300, 100), replace(SPEC, resize_mode="squash", crop_fraction=1.0), (0, 0, 300, 100)),
        ((320, 160), replace(SPEC, resize_mode="squash"), (20, 10, 300, 150)),
        ((1, 5000), SPEC, (0.0625, 2499.5625, 0.9375, 2500.4375)),
    ],
)
def test_crop_box(
    size: tuple[int, int], spec: PreprocessSpec, box: tuple[float, float, float, float]
) -> None:
    assert crop_box(*size, spec) == pytest.approx(box)


@given(size=sizes, spec=specs)
def test_the_crop_is_centred_and_has_the_proportions_of_the_input(
    size: tuple[int, int], spec: PreprocessSpec
) -> None:
    spec = replace(spec, resize_mode="crop")
    (width, height), (left, top, right, bottom) = size, crop_box(*size, spec)
    assert left >= -1e-9
    assert top >= -1e-9
    assert (left + right, top + bottom) == pytest.approx((width, height))
    assert (right - left) * spec.height == pytest.approx((bottom - top) * spec.width)
    longest = max((right - left) / width, (bottom - top) / height)
    assert longest == pytest.approx(spec.crop_fraction)


def test_without_resizing_the_pixels_are_those_of_the_crop() -> None:
    pixels = np.asarray(photo())[:64, :96]
    spec = replace(SPEC, width=32, height=32, crop_fraction=0.5)
    np.testing.assert_array_equal(preprocess(as_decoded(pixels), spec)[0], pixels[16:48, 32:64])


def test_halving_with_bilinear_uses_a_triangle_filter() -> None:
    line = np.array([0, 0, 0, 0, 200, 0, 0, 0], np.uint8)
    pixels = np.broadcast_to(line[None, :, None], (8, 8, 3)).copy()
    spec = replace(WHOLE, width=4, height=4, interpolation="bilinear")
    # The triangle of support 2 has the weights 1, 3, 3, 1 eighths at every second pixel.
    assert preprocess(as_decoded(pixels), spec)[0, 1, :, 0].tolist() == [0, 25, 75, 0]


def test_halving_as_tensorflow_1_does_takes_every_second_pixel() -> None:
    pixels = np.asarray(photo())
    halved = resize_bilinear_tf1(pixels, photo().width // 2, photo().height // 2)
    assert halved.dtype == np.float32
    np.testing.assert_array_equal(halved, pixels[::2, ::2])


def test_enlarging_as_tensorflow_1_does_has_its_origin_in_the_corner() -> None:
    pixels = np.broadcast_to(np.array([0, 30, 90], np.uint8)[None, :, None], (1, 3, 3))
    enlarged = resize_bilinear_tf1(pixels, 6, 1)
    # The last pixel has no further neighbour and keeps its value.
    assert enlarged[0, :, 0].tolist() == [0, 15, 30, 60, 90, 90]


def test_both_directions_are_interpolated() -> None:
    pixels = np.array([[0, 100], [200, 40]], np.uint8)[..., None].repeat(3, axis=2)
    # Output pixel 1 of 3 lies at 2/3: 66.67 above, 93.33 below, two thirds of the way down.
    assert resize_bilinear_tf1(pixels, 3, 3)[1, 1, 0] == pytest.approx(84.444, abs=1e-3)


def test_the_result_of_tensorflow_1s_resize_is_rounded_for_uint8_inputs() -> None:
    pixels = np.array([[0, 1], [2, 5]], np.uint8)[..., None].repeat(3, axis=2)
    spec = replace(WHOLE, width=3, height=3, interpolation="bilinear-tf1")
    exact = resize_bilinear_tf1(pixels, 3, 3)
    as_bytes = preprocess(as_decoded(pixels), spec)[0]
    assert as_bytes.dtype == np.uint8
    np.testing.assert_array_equal(as_bytes, np.rint(exact))
    normalised = replace(spec, mean=(117, 117, 117), std=(1, 1, 1))
    np.testing.assert_array_equal(
        preprocess(as_decoded(pixels), normalised)[0], exact - np.float32(117)
    )


@pytest.mark.parametrize(
    ("size", "fraction", "kept"),
    [
        # tf.image.central_crop removes int((size - size * fraction) / 2) on each side.
        ((100, 100), 0.875, (slice(6, 94), slice(6, 94))),
        ((100, 60), 0.875, (slice(3, 57), slice(23, 77))),
        ((3, 3), 0.5, (slice(0, 3), slice(0, 3))),
        ((61, 61), 1.0, (slice(0, 61), slice(0, 61))),
    ],
)
def test_tensorflow_1_crops_whole_pixels(
    size: tuple[int, int], fraction: float, kept: tuple[slice, slice]
) -> None:
    pixels = np.asarray(photo().resize(size))
    spec = replace(SPEC, interpolation="bilinear-tf1", crop_fraction=fraction)
    by_hand = np.rint(resize_bilinear_tf1(pixels[kept], spec.width, spec.height))
    np.testing.assert_array_equal(preprocess(as_decoded(pixels), spec)[0], by_hand)


def test_a_picture_is_decoded_whole_for_a_kernel_that_does_not_average() -> None:
    data = encoded(photo().resize((2048, 1600)), "JPEG", quality=90)
    spec = replace(SPEC, interpolation="bilinear-tf1")
    assert decode(data, MAX_PIXELS, shortest_useful_side(SPEC)).image.width < 2048
    assert decode(data, MAX_PIXELS, shortest_useful_side(spec)).image.width == 2048


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_mean_and_std_are_of_each_channel_in_order(layout: str) -> None:
    pixels = np.array([[[10, 20, 30], [40, 50, 60]]], np.uint8)
    mean, std = (1.0, 2.0, 3.0), (2.0, 4.0, 8.0)
    spec = replace(WHOLE, width=2, height=1, layout=layout, mean=mean, std=std)
    by_hand = np.array([[[4.5, 4.5, 3.375], [19.5, 12.0, 7.125]]], np.float32)
    tensor = preprocess(as_decoded(pixels), spec)
    assert tensor.dtype == np.float32
    np.testing.assert_array_equal(
        tensor[0] if layout == "NHWC" else tensor[0].transpose(1, 2, 0), by_hand
    )


@settings(deadline=None)
@given(size=sizes, spec=specs, data=st.data())
def test_shape_type_and_range_hold_for_every_picture(
    size: tuple[int, int], spec: PreprocessSpec, data: st.DataObject
) -> None:
    pixels = data.draw(arrays(np.uint8, (*size, 3)))
    tensor = preprocess(as_decoded(pixels), spec)
    depth = 1 if spec.channels == "grey" else 3
    sides = (spec.height, spec.width)
    shapes = {"NHWC": (1, *sides, depth), "NCHW": (1, depth, *sides)}
    assert tensor.shape == shapes[spec.layout]
    assert tensor.dtype == np.uint8
    assert tensor.flags.c_contiguous
    if spec.interpolation in {"nearest", "bilinear", "bilinear-tf1"}:
        assert tensor.min() >= pixels.min()
        assert tensor.max() <= pixels.max()


@settings(deadline=None)
@given(size=sizes, spec=specs, colour=st.tuples(*[st.integers(0, 255)] * 3))
def test_a_plain_image_stays_plain(
    size: tuple[int, int], spec: PreprocessSpec, colour: tuple[int, int, int]
) -> None:
    pixels = np.full((*size, 3), colour, np.uint8)
    tensor = preprocess(as_decoded(pixels), replace(spec, layout="NHWC", channels="RGB"))
    assert (tensor == np.array(colour, np.uint8)).all()


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 5000, 3), (5000, 1, 3)])
@pytest.mark.parametrize("resize_mode", ["crop", "squash"])
@pytest.mark.parametrize("crop_fraction", [0.875, 1.0])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear-tf1"])
def test_very_thin_images(
    shape: tuple[int, int, int],
    resize_mode: ResizeMode,
    crop_fraction: float,
    interpolation: Interpolation,
) -> None:
    pixels = np.full(shape, 77, np.uint8)
    spec = replace(
        SPEC, resize_mode=resize_mode, crop_fraction=crop_fraction, interpolation=interpolation
    )
    tensor = preprocess(as_decoded(pixels), spec)
    assert tensor.shape == (1, 224, 224, 3)
    assert (tensor == 77).all()


@pytest.mark.parametrize(
    ("spec", "side"),
    [
        (SPEC, 256),
        (replace(SPEC, crop_fraction=1.0), 224),
        (replace(SPEC, resize_mode="squash"), 256),
        (replace(SPEC, crop_fraction=0.9), 249),
        (replace(SPEC, width=448), 512),
        (replace(SPEC, interpolation="nearest"), None),
        (replace(SPEC, interpolation="bilinear-tf1"), None),
    ],
)
def test_shortest_useful_side(spec: PreprocessSpec, side: int | None) -> None:
    assert shortest_useful_side(spec) == side


@given(spec=specs)
def test_a_square_image_of_the_useful_side_is_never_enlarged(spec: PreprocessSpec) -> None:
    side = shortest_useful_side(spec)
    if side is None:
        return
    left, top, right, bottom = crop_box(side, side, spec)
    assert right - left >= spec.width or math.isclose(right - left, spec.width)
    assert bottom - top >= spec.height or math.isclose(bottom - top, spec.height)


def test_a_box_of_full_width_stays_inside_the_image() -> None:
    spec = PreprocessSpec(7, 1, "crop", 1.0, "bilinear", "NHWC", "RGB", None, None)
    left, top, right, bottom = crop_box(5, 29, spec)
    assert 0 <= left < right <= 5
    assert 0 <= top < bottom <= 29
    assert preprocess(as_decoded(np.zeros((29, 5, 3), np.uint8)), spec).shape == (1, 1, 7, 3)


def test_bgr_is_rgb_backwards() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    spec = replace(WHOLE, mean=(1.0, 2.0, 3.0), std=(1.0, 2.0, 4.0))
    swapped = preprocess(as_decoded(pixels), replace(spec, channels="BGR"))
    np.testing.assert_array_equal(swapped, preprocess(as_decoded(pixels), spec)[..., ::-1])


@pytest.mark.parametrize("interpolation", get_args(Interpolation))
def test_a_grey_picture_gives_three_equal_channels(interpolation: Interpolation) -> None:
    grey = photo().convert("L")
    spec = replace(SPEC, interpolation=interpolation)
    found = preprocess(DecodedImage(grey, *grey.size), spec)
    coloured = preprocess(as_decoded(np.asarray(grey.convert("RGB"))), spec)
    np.testing.assert_array_equal(found, coloured)


@pytest.mark.parametrize("interpolation", get_args(Interpolation))
def test_the_tensor_is_in_srgb(interpolation: Interpolation) -> None:
    """It hardly matters whether colours are converted before or after the resize."""
    picture = DecodedImage(photo(), *photo().size, rotated_profile())
    spec = replace(SPEC, interpolation=interpolation)
    (found,), (expected,) = (
        preprocess(one, spec) for one in (picture, as_decoded(pixels_of(picture)))
    )
    assert colour_distance(found, expected) < 1
