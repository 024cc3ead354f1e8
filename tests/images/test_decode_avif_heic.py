"""AVIF and HEIC: which side is up, transparency, depth, grey and ranges of levels."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from pictell.images.decode import decode
from pictures import MAX_PIXELS, colour_distance, encoded, photo, pixels_of

# The encoder of HEIC is slow.
SMALL = photo().crop((64, 50, 192, 150))
PHOTO = np.asarray(SMALL)
GREY = np.asarray(SMALL.convert("L"))
ALPHA = np.broadcast_to(np.arange(0, 256, 2, dtype=np.uint8), (100, 128))
OVER_WHITE = PHOTO * (ALPHA[..., None] / 255) + 255 * (1 - ALPHA[..., None] / 255)
FORMATS = ["AVIF", "HEIF"]
XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="1"/></x:xmpmeta>'
# Four colours, encoded with avifenc 0.11 (libavif), because Pillow writes 8 bits only.
QUARTERS = np.array([[[200, 30, 40], [20, 180, 60]], [[30, 60, 220], [120, 120, 120]]])


def decoded(data: bytes) -> np.ndarray:
    return pixels_of(decode(data, MAX_PIXELS)).astype(float)


def turned(format_: str, **options: Any) -> bytes:
    """The photo with EXIF data and a box ``irot`` that both turn it by 90 degrees clockwise."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    data = encoded(SMALL, format_, exif=exif.tobytes(), quality=95, **options)
    assert data.count(b"irot\3") == 1
    assert b"Exif" in data
    return data


def heic(mode: str, pixels: np.ndarray, **options: Any) -> bytes:
    """Samples of 8 or 16 bits, of a mode of pillow-heif, as a HEIC file."""
    file = pillow_heif.from_bytes(mode, pixels.shape[1::-1], pixels.tobytes())
    return encoded_heif(file, **options)


def encoded_heif(file: pillow_heif.HeifFile, **options: Any) -> bytes:
    buffer = io.BytesIO()
    file.save(buffer, quality=95, chroma=444, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("format_", FORMATS)
def test_the_box_turns_the_picture_and_exif_data_do_not(format_: str, quarters: int) -> None:
    data = turned(format_).replace(b"irot\3", b"irot" + bytes([quarters]))
    assert colour_distance(decoded(data), np.rot90(PHOTO, quarters)) < 4


def test_exif_data_without_a_box_do_not_turn_the_picture() -> None:
    data = turned("HEIF").replace(b"irot\3", b"free\3")
    assert colour_distance(decoded(data), PHOTO) < 4


@pytest.mark.parametrize("format_", FORMATS)
def test_xmp_does_not_turn_the_picture(format_: str) -> None:
    image = SMALL.copy()
    image.info["xmp"] = XMP
    data = encoded(image, format_, quality=95, **({"xmp": XMP} if format_ == "AVIF" else {}))
    assert XMP in data
    sideways = data.replace(b'Orientation="1"', b'Orientation="6"')
    assert colour_distance(decoded(sideways), PHOTO) < 4


@pytest.mark.parametrize("premultiplied", [False, True])
@pytest.mark.parametrize("format_", FORMATS)
def test_alpha_is_laid_over_white(format_: str, premultiplied: bool) -> None:
    rgba = np.dstack([PHOTO, ALPHA])
    if format_ == "AVIF":
        data = encoded(Image.fromarray(rgba), "AVIF", quality=95, alpha_premultiplied=premultiplied)
    elif premultiplied:
        colours = np.round(PHOTO * (ALPHA[..., None] / 255)).astype(np.uint8)
        data = heic("RGBa", np.dstack([colours, ALPHA]))
    else:
        data = encoded(Image.fromarray(rgba), "HEIF", quality=95)
    assert (b"prem" in data) == premultiplied
    assert colour_distance(decoded(data), OVER_WHITE) < 4


@pytest.mark.parametrize("depth", [8, 10, 12])
def test_all_depths_of_heic_give_the_same_picture(depth: int) -> None:
    wide = 257 if depth > 8 else 1
    dtype, suffix = (np.uint16, ";16") if depth > 8 else (np.uint8, "")
    rgba = np.dstack([PHOTO, ALPHA]).astype(dtype) * dtype(wide)
    options = {"bit_depth": depth} if depth > 8 else {}
    opaque = heic(f"RGB{suffix}", np.ascontiguousarray(rgba[..., :3]), **options)
    assert b"pixi\0\0\0\0\3" + 3 * bytes([depth]) in opaque
    assert colour_distance(decoded(opaque), PHOTO) < 2
    assert colour_distance(decoded(heic(f"RGBA{suffix}", rgba, **options)), OVER_WHITE) < 2
    grey = decoded(heic(f"L{suffix}", GREY.astype(dtype) * dtype(wide), **options))
    assert colour_distance(grey, np.dstack(3 * [GREY])) < 2


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("colour_10", QUARTERS),
        ("colour_12", QUARTERS),
        ("colour_10_tiles", QUARTERS),
        ("grey_10", QUARTERS[..., :1]),
        ("grey_12", QUARTERS[..., :1]),
        ("alpha_10", QUARTERS * [[[1], [128 / 255]]] + [[[0], [127]]]),
        ("alpha_12_premultiplied", QUARTERS * [[[1], [128 / 255]]] + [[[0], [127]]]),
    ],
)
def test_avif_of_more_than_8_bits(name: str, expected: np.ndarray) -> None:
    pixels = decoded((Path(__file__).parent / "avif" / f"{name}.avif").read_bytes())
    height, width = pixels.shape[:2]
    parts = pixels.reshape(2, height // 2, 2, width // 2, 3)
    middles = parts[:, 4:-4, :, 4:-4].mean(axis=(1, 3))
    assert np.abs(middles - expected).max() < 4


@pytest.mark.parametrize("mode", ["L", "LA"])
@pytest.mark.parametrize("format_", FORMATS)
def test_grey_pictures_have_equal_channels(format_: str, mode: str) -> None:
    grey = np.dstack([GREY, ALPHA]) if mode == "LA" else GREY
    options = {"subsampling": "4:0:0"} if format_ == "AVIF" else {}
    pixels = decoded(encoded(Image.fromarray(grey), format_, quality=95, **options))
    opacity = ALPHA / 255 if mode == "LA" else 1
    expected = GREY * opacity + 255 * (1 - opacity)
    assert colour_distance(pixels, np.dstack(3 * [expected])) < 2
    assert np.ptp(pixels, axis=-1).max() <= 1


@pytest.mark.parametrize("range_", ["full", "limited"])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_avif_ranges_and_subsampling(range_: str, subsampling: str) -> None:
    data = encoded(SMALL, "AVIF", quality=95, range=range_, subsampling=subsampling)
    assert colour_distance(decoded(data), PHOTO) < 4


@pytest.mark.parametrize("full_range", [0, 1])
@pytest.mark.parametrize("matrix", [1, 5, 6, 9])
def test_heic_matrices_and_ranges(matrix: int, full_range: int) -> None:
    data = heic(
        "RGB",
        PHOTO,
        color_primaries=1,
        transfer_characteristics=13,
        matrix_coefficients=matrix,
        full_range_flag=full_range,
    )
    assert b"nclx" + bytes([0, 1, 0, 13, 0, matrix, full_range << 7]) in data
    assert colour_distance(decoded(data), PHOTO) < 3


def test_tiles_of_a_heic_file_are_put_together() -> None:
    data = heic("RGB", PHOTO, tile_size=64)
    assert b"grid" in data
    assert colour_distance(decoded(data), PHOTO) < 2


def test_a_thumbnail_in_a_heic_file_is_not_shown() -> None:
    """Readers may show another picture as its thumbnail."""
    file = pillow_heif.from_pillow(photo().resize((320, 250)))
    data = encoded_heif(file, thumbnails=[128])
    assert data.count(b"thmb") == 1
    picture = decode(data, MAX_PIXELS, useful_side=50)
    assert picture.image.size == (160, 125)
    assert (picture.width, picture.height) == (320, 250)
