"""Pictures for tests: a photo in every format, and an unusual colour profile."""

import io
import struct
from functools import cache
from typing import Any

import numpy as np
import pillow_heif
import skimage.data
from numpy.typing import NDArray
from PIL import Image

from pictell.images.colour import to_srgb
from pictell.types import DecodedImage

pillow_heif.register_heif_opener()

MAX_PIXELS = 100_000_000

# Pillow's format and options for each flavour.
FLAVOURS: dict[str, tuple[str, dict[str, Any]]] = {
    "jpeg": ("JPEG", {"quality": 90}),
    "jpeg-progressive": ("JPEG", {"quality": 90, "progressive": True}),
    "jpeg-4:2:0": ("JPEG", {"quality": 90, "subsampling": "4:2:0"}),
    "png": ("PNG", {}),
    "webp-lossy": ("WEBP", {"quality": 90}),
    "webp-lossless": ("WEBP", {"lossless": True}),
    "avif": ("AVIF", {"quality": 90}),
    "tiff": ("TIFF", {}),
    "tiff-lzw": ("TIFF", {"compression": "tiff_lzw"}),
    "tiff-deflate": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    "tiff-packbits": ("TIFF", {"compression": "packbits"}),
    "tiff-jpeg": ("TIFF", {"compression": "jpeg", "quality": 90}),
    "tiff-big": ("TIFF", {"big_tiff": True}),
    "bmp": ("BMP", {}),
    "heic": ("HEIF", {"quality": 90}),
}
LOSSLESS = {
    "png",
    "webp-lossless",
    "tiff",
    "tiff-lzw",
    "tiff-deflate",
    "tiff-packbits",
    "tiff-big",
    "bmp",
}


@cache
def photo() -> Image.Image:
    """A cat: RGB, 256 x 200 pixels. Do not change it."""
    return Image.fromarray(skimage.data.chelsea()[:200, :256])


def encoded(image: Image.Image, format_: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


@cache
def slow_jpeg() -> bytes:
    """A picture whose many scans take seconds to decode, as many as are allowed at this size."""
    data = encoded(Image.new("L", (10_000, 10_000)), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + 70 * data[last:-2] + data[-2:]


@cache
def photo_as(flavour: str) -> bytes:
    """The cat as an encoded file: one of ``FLAVOURS``, or ``gif``, which has a palette."""
    if flavour == "gif":
        return encoded(photo().convert("P"), "GIF")
    format_, options = FLAVOURS[flavour]
    return encoded(photo(), format_, **options)


def pixels_of(picture: DecodedImage) -> NDArray[np.uint8]:
    """A decoded picture's pixels in sRGB: shape (H, W, 3), dtype uint8."""
    return np.asarray(to_srgb(picture.image, picture.profile))


def as_decoded(pixels: NDArray[np.uint8]) -> DecodedImage:
    """An array of shape (H, W, 3) in sRGB as a decoded picture."""
    image = Image.fromarray(pixels)
    return DecodedImage(image, *image.size)


def animation(format_: str, colours: list[str], **options: Any) -> bytes:
    """Frames (or pages) of one colour each."""
    first, *others = [Image.new("RGB", (40, 30), colour) for colour in colours]
    return encoded(first, format_, save_all=True, append_images=others, **options)


def exif_with_orientation(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def colour_distance(one: np.ndarray, other: np.ndarray) -> float:
    """The mean difference of two RGB arrays, in 8-bit levels."""
    assert one.shape == other.shape
    return float(np.abs(one.astype(np.int16) - other.astype(np.int16)).mean())


def rotated_profile() -> bytes:
    """An ICC profile (ICC.1:2001-04, matrix/TRC): sRGB, its channels in the order G, B, R."""
    red, green, blue = (
        (0.43607, 0.22249, 0.01392),
        (0.38515, 0.71687, 0.09708),
        (0.14307, 0.06061, 0.7141),
    )
    white = (0.9642, 1.0, 0.8249)
    curve = _srgb_curve()
    return _profile(
        {
            b"desc": b"desc\0\0\0\0" + struct.pack(">I", 8) + b"rotated\0" + bytes(78),
            b"cprt": b"text\0\0\0\0none\0",
            b"wtpt": _xyz(white),
            b"rXYZ": _xyz(green),
            b"gXYZ": _xyz(blue),
            b"bXYZ": _xyz(red),
            b"rTRC": curve,
            b"gTRC": curve,
            b"bTRC": curve,
        },
        white,
    )


def _profile(tags: dict[bytes, bytes], white: tuple[float, float, float]) -> bytes:
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = struct.pack(">II", start + len(body), 0) + bytes.fromhex("02100000")
    header += b"mntrRGB XYZ " + struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp"
    header = header.ljust(68, b"\0") + _fixed(white)
    return header.ljust(128, b"\0") + table + body


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(values)


def _fixed(values: tuple[float, float, float]) -> bytes:
    return struct.pack(">3i", *(round(65536 * value) for value in values))


def _srgb_curve() -> bytes:
    """The transfer function of IEC 61966-2-1 as a table."""
    x = np.linspace(0, 1, 1024)
    y = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    entries = np.round(65535 * y).astype(">u2").tobytes()
    return b"curv\0\0\0\0" + struct.pack(">I", len(x)) + entries
