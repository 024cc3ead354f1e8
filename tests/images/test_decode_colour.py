"""Orientation, transparency and colour spaces give the same pixels as an upright sRGB copy."""

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, TiffImagePlugin, TiffTags

from pictell.images.colour import MAX_CACHED_BYTES, to_srgb
from pictell.images.decode import decode
from pictures import (
    MAX_PIXELS,
    colour_distance,
    encoded,
    exif_with_orientation,
    photo,
    pixels_of,
    rotated_profile,
)

PHOTO = np.asarray(photo())
# The numpy steps that turn each orientation upright (EXIF 2.32, 4.6.4), independent of Pillow.
UPRIGHT = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].swapaxes(0, 1),
    8: lambda stored: np.rot90(stored),
}
SRGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
EVERY_COLOUR_FORMAT = [
    ("JPEG", {"quality": 95, "subsampling": 0}),
    ("PNG", {}),
    ("WEBP", {"lossless": True}),
    ("TIFF", {}),
    ("AVIF", {"quality": 95}),
    ("HEIF", {"quality": 95}),
]


def decoded(data: bytes) -> np.ndarray:
    return pixels_of(decode(data, MAX_PIXELS))


def test_all_eight_orientations_become_the_same_image(odd: Path) -> None:
    pictures = [
        decode((odd / "exif_orientation" / f"Landscape_{n}.jpg").read_bytes(), MAX_PIXELS)
        for n in range(9)
    ]
    upright = pictures[1]
    assert upright.width > upright.height
    for picture in pictures:
        assert (picture.width, picture.height) == (upright.width, upright.height)
        assert colour_distance(pixels_of(picture), pixels_of(upright)) < 4


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("format_", "options"), [("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})]
)
def test_orientation_applies_in_every_format(
    format_: str, options: dict[str, Any], orientation: int
) -> None:
    data = encoded(photo(), format_, exif=exif_with_orientation(orientation), **options)
    np.testing.assert_array_equal(decoded(data), UPRIGHT[orientation](PHOTO))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_", ["AVIF", "HEIF"])
def test_decoders_that_rotate_do_so_once(format_: str, orientation: int) -> None:
    note = exif_with_orientation(orientation).tobytes()
    picture = decode(encoded(photo(), format_, exif=note, quality=95), MAX_PIXELS)
    upright = UPRIGHT[orientation](PHOTO)
    assert (picture.height, picture.width) == upright.shape[:2]
    assert colour_distance(pixels_of(picture), upright) < 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_is_that_of_the_upright_picture(orientation: int) -> None:
    data = encoded(photo(), "JPEG", exif=exif_with_orientation(orientation))
    picture = decode(data, MAX_PIXELS, useful_side=20)
    height, width = UPRIGHT[orientation](PHOTO).shape[:2]
    assert (picture.width, picture.height) == (width, height)
    assert (picture.image.height > picture.image.width) == (height > width)


def test_an_open_image_is_rotated_too() -> None:
    data = encoded(photo(), "PNG", exif=exif_with_orientation(6))
    with Image.open(io.BytesIO(data)) as image:
        np.testing.assert_array_equal(pixels_of(decode(image, MAX_PIXELS)), UPRIGHT[6](PHOTO))
        assert image.size == photo().size


@pytest.mark.parametrize(
    "note",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"garbage", id="garbage"),
        pytest.param(b"II*\0\xff\xff\xff\xff", id="directory out of bounds"),
        pytest.param(b"MM\0*\0\0\0\x08\xff\xff", id="truncated directory"),
        pytest.param(b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x02x\0\0\0\0\0\0\0", id="a word"),
        pytest.param(b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x63\0\0\0\0\0\0", id="99"),
        pytest.param(
            b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x05\0\0\0\x01\0\0\0\x1a\0\0\0\0" + bytes(8),
            id="nought over nought",
        ),
        pytest.param(
            b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x0b\0\0\0\x01\x7f\x80\0\0\0\0\0\0", id="infinite"
        ),
    ],
)
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_damaged_exif_data_is_ignored(format_: str, note: bytes) -> None:
    picture = decode(encoded(photo(), format_, exif=b"Exif\0\0" + note), MAX_PIXELS)
    assert (picture.width, picture.height) == photo().size
    assert colour_distance(pixels_of(picture), PHOTO) < 8


def with_alpha() -> np.ndarray:
    alpha = np.broadcast_to(np.arange(256, dtype=np.uint8), (200, 256))
    return np.dstack([PHOTO, alpha])


@pytest.mark.parametrize(
    ("format_", "options"),
    [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True, "exact": True})],
)
def test_alpha_is_laid_over_white(format_: str, options: dict[str, bool]) -> None:
    rgba = with_alpha()
    opacity = rgba[..., 3:] / 255
    by_hand = PHOTO * opacity + 255 * (1 - opacity)
    pixels = decoded(encoded(Image.fromarray(rgba), format_, **options))
    assert np.abs(pixels - by_hand).max() <= 1


@pytest.mark.parametrize("format_", ["GIF", "PNG"])
def test_the_transparent_colour_of_a_palette_becomes_white(format_: str) -> None:
    image = Image.new("P", (4, 2), 1)
    image.putpalette([0, 0, 0, 200, 10, 10])
    image.putpixel((0, 0), 0)
    pixels = decoded(encoded(image, format_, transparency=0))
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[1, 3].tolist() == [200, 10, 10]


def test_a_palette_with_alphas_is_laid_over_white() -> None:
    image = Image.new("P", (2, 1), 1)
    image.putpalette([0, 0, 0, 100, 0, 200])
    pixels = decoded(encoded(image, "PNG", transparency=bytes([255, 51])))
    assert pixels[0, 0].tolist() == pytest.approx([224, 204, 244], abs=1)


@pytest.mark.parametrize(("format_", "options"), EVERY_COLOUR_FORMAT)
def test_other_colour_profiles_are_converted(format_: str, options: dict[str, Any]) -> None:
    data = encoded(photo(), format_, icc_profile=rotated_profile(), **options)
    assert colour_distance(decoded(data), PHOTO[..., [2, 0, 1]]) < 4


def test_a_palette_picture_has_its_profile_converted() -> None:
    image = Image.new("P", (2, 2), 1)
    image.putpalette([0, 0, 0, 200, 10, 30])
    pixels = decoded(encoded(image, "PNG", icc_profile=rotated_profile()))
    assert pixels[0, 0].tolist() == pytest.approx([30, 200, 10], abs=2)


@pytest.mark.parametrize("format_", ["JPEG", "PNG"])
@pytest.mark.parametrize(
    "profile",
    [
        pytest.param(b"garbage", id="garbage"),
        pytest.param(rotated_profile()[:200], id="truncated"),
        pytest.param(SRGB_PROFILE, id="sRGB"),
        pytest.param(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(), id="LAB"),
    ],
)
def test_a_useless_profile_is_ignored(format_: str, profile: bytes) -> None:
    tagged = encoded(photo(), format_, icc_profile=profile)
    np.testing.assert_array_equal(decoded(tagged), decoded(encoded(photo(), format_)))


@pytest.mark.parametrize(
    ("format_", "mode"),
    [
        ("JPEG", "CMYK"),
        ("JPEG", "L"),
        ("PNG", "L"),
        ("PNG", "LA"),
        ("PNG", "1"),
        ("PNG", "I;16"),
        ("TIFF", "CMYK"),
    ],
)
def test_a_profile_for_other_pixels_is_ignored(format_: str, mode: str) -> None:
    image = Image.new("I;16", (4, 4), 30000) if mode == "I;16" else photo().convert(mode)
    tagged = encoded(image, format_, icc_profile=rotated_profile())
    np.testing.assert_array_equal(decoded(tagged), decoded(encoded(image, format_)))


def test_a_profile_that_only_mentions_srgb_is_converted() -> None:
    profile = rotated_profile().replace(b"rotated", b"no sRGB")
    data = encoded(photo(), "PNG", icc_profile=profile)
    assert colour_distance(decoded(data), PHOTO[..., [2, 0, 1]]) < 4


def photos_with_profiles() -> list[tuple[Image.Image, bytes]]:
    """Pictures of several sizes, by turns with one profile and another."""
    sizes = [(256, 200), (64, 50), (1, 1), (100, 300)] * 4
    profiles = [rotated_profile(), SRGB_PROFILE] * 8
    return [(photo().resize(size), one) for size, one in zip(sizes, profiles, strict=True)]


def converted(image: Image.Image, profile: bytes) -> Image.Image:
    """The image in sRGB, with a transform of its own."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    srgb = ImageCms.createProfile("sRGB")
    return ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")


@pytest.mark.parametrize("workers", [1, 4])
def test_pictures_that_share_a_profile_keep_their_own_colours(workers: int) -> None:
    pictures = photos_with_profiles()
    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(to_srgb, *zip(*pictures, strict=True)))
    for image, picture in zip(found, pictures, strict=True):
        np.testing.assert_array_equal(image, converted(*picture))


def test_a_profile_serves_pictures_of_every_mode() -> None:
    """Only those of mode RGB are in its colours; others are converted as without a profile."""
    profile = rotated_profile()
    for mode in ("RGB", "L", "CMYK", "RGB", "L", "CMYK"):
        image = photo().convert(mode)
        plain = image.convert("RGB")
        expected = converted(image, profile) if mode == "RGB" else plain
        np.testing.assert_array_equal(to_srgb(image, profile), expected)
        np.testing.assert_array_equal(to_srgb(image, None), plain)


def test_a_very_large_profile_is_converted_too() -> None:
    large = rotated_profile() + bytes(MAX_CACHED_BYTES)
    np.testing.assert_array_equal(to_srgb(photo(), large), converted(photo(), rotated_profile()))


def test_a_profile_of_another_type_than_bytes_is_ignored() -> None:
    stream = io.BytesIO()
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    directory.tagtype[34675] = TiffTags.ASCII
    directory[34675] = "not a profile"
    Image.fromarray(PHOTO).save(stream, "TIFF", tiffinfo=directory)
    assert Image.open(stream).info["icc_profile"] == "not a profile"
    assert colour_distance(pixels_of(decode(stream.getvalue(), MAX_PIXELS)), PHOTO) == 0
    image = Image.fromarray(PHOTO)
    image.info["icc_profile"] = 7
    assert colour_distance(pixels_of(decode(image, MAX_PIXELS)), PHOTO) == 0
