"""Whole pictures of every format become the right pixels."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pictell.errors import BrokenPictureError, NotAPictureError, PictureTooLargeError
from pictell.images.decode import SHRINK_MARGIN, decode
from pictures import (
    FLAVOURS,
    LOSSLESS,
    MAX_PIXELS,
    animation,
    colour_distance,
    encoded,
    photo,
    photo_as,
    pixels_of,
)

GREY = photo().convert("L")
CMYK = photo().convert("CMYK")


def colour_of(data: bytes) -> list[int]:
    """The mean colour."""
    mean = pixels_of(decode(data, MAX_PIXELS)).mean(axis=(0, 1))
    return [round(channel) for channel in mean]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_photo_decodes_to_its_pixels(flavour: str) -> None:
    picture = decode(photo_as(flavour), MAX_PIXELS)
    assert (picture.width, picture.height) == photo().size
    pixels = pixels_of(picture)
    assert pixels.dtype == np.uint8
    assert colour_distance(pixels, np.asarray(photo())) < (0.001 if flavour in LOSSLESS else 4)


@pytest.mark.parametrize(
    ("data", "twin"),
    [
        pytest.param(encoded(GREY, "JPEG", quality=95), GREY, id="JPEG"),
        pytest.param(encoded(GREY, "PNG"), GREY, id="PNG"),
        pytest.param(encoded(GREY, "TIFF"), GREY, id="TIFF"),
        pytest.param(encoded(GREY, "BMP"), GREY, id="BMP"),
        pytest.param(encoded(GREY.convert("LA"), "PNG"), GREY, id="PNG with alpha"),
        pytest.param(encoded(GREY.convert("1"), "TIFF"), GREY.convert("1"), id="TIFF of one bit"),
    ],
)
def test_grey_becomes_three_equal_channels(data: bytes, twin: Image.Image) -> None:
    pixels = pixels_of(decode(data, MAX_PIXELS))
    assert colour_distance(pixels, np.asarray(twin.convert("RGB"))) < 1.5
    assert (pixels == pixels[..., :1]).all()


@pytest.mark.parametrize(("format_", "options"), [("JPEG", {"quality": 95}), ("TIFF", {})])
def test_cmyk_becomes_rgb(format_: str, options: dict[str, int]) -> None:
    picture = decode(encoded(CMYK, format_, **options), MAX_PIXELS)
    assert colour_distance(pixels_of(picture), np.asarray(photo())) < 3


@pytest.mark.parametrize("byte_order", ["<u2", ">u2"])
def test_16_bit_grey_tiff_keeps_its_high_bytes(byte_order: str) -> None:
    levels = np.arange(65536, dtype=byte_order).reshape(256, 256)
    data = encoded(Image.fromarray(levels), "TIFF")
    np.testing.assert_array_equal(pixels_of(decode(data, MAX_PIXELS))[..., 0], levels >> 8)


def test_a_tiff_of_floats_is_refused_because_their_range_is_unknown() -> None:
    with pytest.raises(NotAPictureError, match="floating-point samples of 32 bits"):
        decode(encoded(Image.new("F", (4, 4), 0.5), "TIFF"), MAX_PIXELS)


@pytest.mark.parametrize(
    ("format_", "options"),
    [
        ("GIF", {}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("AVIF", {"quality": 100}),
        ("HEIF", {"quality": 100}),
    ],
)
def test_the_first_frame_is_decoded(format_: str, options: dict[str, object]) -> None:
    data = animation(format_, ["red", "lime", "blue"], **options)
    assert colour_of(data) == pytest.approx([255, 0, 0], abs=4)


def gif_with_small_frame(transparent: int | None) -> bytes:
    """A GIF of 30 x 20 pixels. Its frame of 10 x 10 in the middle has the colours 1 and 2."""
    frame = Image.fromarray(np.array([[1, 2] * 5] * 10, np.uint8), "P")
    frame.putpalette([200, 0, 0, 0, 200, 0, 0, 0, 200])
    options = {} if transparent is None else {"transparency": transparent}
    data = bytearray(encoded(frame, "GIF", optimize=False, **options))
    data[6:10] = struct.pack("<HH", 30, 20)
    at = data.index(b",", 13 + (6 << (data[10] & 7)))
    data[at + 1 : at + 5] = struct.pack("<HH", 10, 5)
    return bytes(data)


@pytest.mark.parametrize("transparent", [None, 0, 2])
@pytest.mark.parametrize("side", [None, 5])
def test_what_the_frame_of_a_gif_does_not_cover_is_transparent(
    transparent: int | None, side: int | None
) -> None:
    expected = np.full((20, 30, 3), 255)
    expected[5:15, 10:20:2] = [0, 200, 0]
    expected[5:15, 11:20:2] = 255 if transparent == 2 else [0, 0, 200]
    found = pixels_of(decode(gif_with_small_frame(transparent), MAX_PIXELS, side))
    step = len(expected) // len(found)
    mean = expected.reshape(20 // step, step, 30 // step, step, 3).mean((1, 3))
    np.testing.assert_allclose(found, mean, atol=1)


def test_later_gif_frames_are_not_read() -> None:
    one = encoded(Image.new("P", (40, 30), 0), "GIF")
    frame, end = one[one.index(b",") :][:-1], one[-1:]
    thousands = one[:-1] + 5000 * frame + b"\x2c not a frame" + end
    np.testing.assert_array_equal(
        pixels_of(decode(thousands, MAX_PIXELS)), pixels_of(decode(one, MAX_PIXELS))
    )


@settings(max_examples=30, deadline=None)
@given(
    flavour=st.sampled_from(["jpeg", "jpeg-progressive", "png", "webp-lossy", "gif"]),
    useful_side=st.integers(10, 300),
)
def test_a_shrunk_picture_keeps_enough_pixels_and_its_colour(
    flavour: str, useful_side: int
) -> None:
    whole = decode(photo_as(flavour), MAX_PIXELS)
    picture = decode(photo_as(flavour), MAX_PIXELS, useful_side)
    assert (picture.width, picture.height) == (whole.width, whole.height)
    assert min(picture.image.size) >= min(200, SHRINK_MARGIN * useful_side)
    np.testing.assert_allclose(
        pixels_of(picture).mean(axis=(0, 1)), pixels_of(whole).mean(axis=(0, 1)), atol=3
    )


@pytest.mark.parametrize("format_", ["JPEG", "PNG"])
def test_a_large_picture_is_shrunk_to_twice_the_useful_side(format_: str) -> None:
    """Less would lose detail that the model uses; more would cost time."""
    data = encoded(photo().resize((2000, 1600)), format_)
    image = decode(data, MAX_PIXELS, useful_side=100)
    assert image.image.size == (250, 200)
    assert (image.width, image.height) == (2000, 1600)


def test_an_open_image_is_not_changed() -> None:
    with Image.open(io.BytesIO(photo_as("jpeg"))) as image:
        picture = decode(image, MAX_PIXELS, useful_side=10)
        assert (image.size, image.mode) == (photo().size, "RGB")
        assert np.asarray(image).shape == (200, 256, 3)
    assert min(picture.image.size) < 100


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV"]
)
def test_an_image_of_any_mode_is_taken(mode: str) -> None:
    source = photo().convert("P") if mode == "PA" else photo()
    image = source.convert(mode)
    before = image.tobytes()
    picture = decode(image, MAX_PIXELS)
    assert colour_distance(pixels_of(picture), np.asarray(image.convert("RGB"))) < 1
    assert (image.mode, image.tobytes()) == (mode, before)


def test_max_pixels_applies_to_images() -> None:
    with pytest.raises(PictureTooLargeError, match="256 x 200 pixels, more than the 51199 allowed"):
        decode(photo(), 256 * 200 - 1)
    assert decode(photo(), 256 * 200).width == 256


def test_a_closed_image_is_broken() -> None:
    image = Image.open(io.BytesIO(photo_as("jpeg")))
    image.close()
    with pytest.raises(BrokenPictureError, match="JPEG"):
        decode(image, MAX_PIXELS)


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(np.s_[:, :], id="whole"),
        pytest.param(np.s_[::-1, ::-1], id="upside down"),
        pytest.param(np.s_[::2, ::3], id="every other"),
    ],
)
def test_an_array_is_taken_as_it_is(view: tuple[slice, slice]) -> None:
    array = np.asarray(photo())[view]
    picture = decode(array, MAX_PIXELS)
    np.testing.assert_array_equal(pixels_of(picture), array)
    assert (picture.height, picture.width) == array.shape[:2]


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((4, 4), np.uint8),
        ((4, 4, 1), np.uint8),
        ((4, 4, 4), np.uint8),
        ((3, 4, 4), np.uint8),
        ((1, 4, 4, 3), np.uint8),
        ((0, 4, 3), np.uint8),
        ((4, 0, 3), np.uint8),
        ((4, 4, 3), np.float32),
        ((4, 4, 3), np.int8),
        ((4, 4, 3), np.uint16),
        ((4, 4, 3), np.bool_),
    ],
)
def test_an_array_of_another_shape_or_type_is_refused(
    shape: tuple[int, ...], dtype: type[np.generic]
) -> None:
    with pytest.raises(NotAPictureError, match=r"must be RGB of shape \(H, W, 3\) and dtype uint8"):
        decode(np.zeros(shape, dtype), MAX_PIXELS)


def test_max_pixels_applies_to_arrays() -> None:
    with pytest.raises(PictureTooLargeError, match="5 x 4 pixels, more than the 19 allowed"):
        decode(np.zeros((4, 5, 3), np.uint8), 19)
