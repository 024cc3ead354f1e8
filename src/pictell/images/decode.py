"""Encoded bytes become an upright RGB image in sRGB, or a ``DecodeError``."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pictell.errors import (
    BrokenPictureError,
    DecoderMissingError,
    NotAPictureError,
    OutOfMemoryError,
    PictellError,
    PictureTooLargeError,
)
from pictell.images.formats import PictureFormat, not_a_picture, sniff
from pictell.images.read import Content
from pictell.types import DecodedImage

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

WHITE = (255, 255, 255)
ORIENTATION_TAG = 0x0112
# How to turn an image upright, for each orientation (EXIF 2.32, 4.6.4).
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = frozenset({5, 6, 7, 8})
# The profile that most cameras and programs embed (IEC 61966-2-1).
STANDARD_PROFILE = b"sRGB IEC61966-2"
# Decoding may shrink an image to this many times the useful side, but no further.
SHRINK_MARGIN = 2
# Encoders write about ten scans. A file can have thousands, and each costs as much as a decode.
MAX_JPEG_SCANS = 100
# The markers that a length follows: all but stuffing, TEM, RST0-7 and SOI.
JPEG_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]")
# Decoders report a failed allocation as MemoryError or in words.
OUT_OF_MEMORY = "out of memory"
# Pillow's names of the formats that its JPEG decoder reads. An MPO file holds several JPEGs.
JPEG_BASED = {"JPEG", "MPO"}


def load_image(
    content: Content, max_pixels: int, useful_side: int | None = None, *, fast_dct: bool = False
) -> DecodedImage:
    """Decode what ``read_content`` returns. See ``decode``, ``from_image`` and ``from_array``."""
    if isinstance(content, bytes):
        return decode(content, max_pixels, useful_side, fast_dct=fast_dct)
    if isinstance(content, Image.Image):
        return from_image(content, max_pixels, useful_side)
    return from_array(content, max_pixels)


def decode(
    data: bytes, max_pixels: int, useful_side: int | None = None, *, fast_dct: bool = False
) -> DecodedImage:
    """Decode a picture, or the first frame of an animation.

    ``data`` is the whole file. ``max_pixels`` limits width x height; the header is checked before
    any pixel is decoded. ``useful_side`` is the shorter side, in pixels, beyond which the caller
    needs no more resolution: the image may then be decoded at a smaller scale, but at no less than
    ``SHRINK_MARGIN`` times that side. ``fast_dct`` decodes a JPEG at full scale with libjpeg's
    JDCT_IFAST, as TensorFlow does; it is slightly less exact.

    Raises ``NotAPictureError``, ``BrokenPictureError``, ``PictureTooLargeError``,
    ``DecoderMissingError`` or ``OutOfMemoryError``, and nothing else, whatever the bytes are.
    """
    format_ = sniff(data)
    if format_ is None:
        raise NotAPictureError(not_a_picture(data))
    with _convert_errors(format_.name):
        _check_structure(format_, data)
        with _open(format_, data) as file:
            if fast_dct and file.format in JPEG_BASED:
                scale, draft = 1, 1
                file.decoderconfig = (scale, draft)
            return _to_image(file, max_pixels, useful_side)


def from_image(image: Image.Image, max_pixels: int, useful_side: int | None = None) -> DecodedImage:
    """Convert a PIL image in the same way, without changing it.

    Raises ``BrokenPictureError``, ``PictureTooLargeError`` or ``OutOfMemoryError``.
    """
    with _convert_errors(image.format or "PIL"):
        _check_pixels(*image.size, max_pixels)
        # Without this, draft() would change the scale of the caller's image.
        image.load()
        return _to_image(image, max_pixels, useful_side)


def from_array(array: NDArray[np.generic], max_pixels: int) -> DecodedImage:
    """Take an RGB array of shape (H, W, 3) and dtype uint8 as it is.

    Raises ``NotAPictureError`` for another shape or dtype, ``PictureTooLargeError`` or
    ``OutOfMemoryError``.
    """
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8 or 0 in array.shape:
        raise NotAPictureError(
            "an array must be RGB of shape (H, W, 3) and dtype uint8, "
            f"not {array.shape} {array.dtype}"
        )
    height, width = array.shape[:2]
    _check_pixels(width, height, max_pixels)
    with _convert_errors("array"):
        return DecodedImage(np.ascontiguousarray(array, np.uint8), width, height)


def _to_image(image: Image.Image, max_pixels: int, useful_side: int | None) -> DecodedImage:
    width, height = image.size
    _check_pixels(width, height, max_pixels)
    if useful_side is not None:
        # JPEG can be decoded at 1/2, 1/4 or 1/8 at a fraction of the cost. Other formats ignore it.
        image.draft(None, (SHRINK_MARGIN * useful_side, SHRINK_MARGIN * useful_side))
    image.load()
    profile = image.info.get("icc_profile")
    orientation = _orientation(image)
    opaque = _shrink(_flatten(image), useful_side)
    rgb = _to_srgb(opaque, profile)
    if orientation in UPRIGHT:
        rgb = rgb.transpose(UPRIGHT[orientation])
    if orientation in SIDEWAYS:
        width, height = height, width
    return DecodedImage(_to_array(rgb), width, height)


def _to_array(rgb: Image.Image) -> NDArray[np.uint8]:
    # np.asarray copies once more and takes three times as long.
    return np.frombuffer(rgb.tobytes(), np.uint8).reshape(rgb.height, rgb.width, 3)


def _check_pixels(width: int, height: int, max_pixels: int) -> None:
    if not width * height:
        raise BrokenPictureError("the picture has no pixels")
    if width * height > max_pixels:
        message = f"{width} x {height} pixels, more than the {max_pixels} allowed (--max-pixels)"
        raise PictureTooLargeError(message, width=width, height=height, max_pixels=max_pixels)


@contextmanager
def _convert_errors(format_name: str) -> Iterator[None]:
    """Turn whatever a decoder raises (OSError, SyntaxError, struct.error, …) into our errors."""
    try:
        yield
    except PictellError:
        raise
    except Image.DecompressionBombError as error:
        # Some of Pillow's decoders apply Pillow's own limit while they read the header.
        raise PictureTooLargeError(f"too many pixels: {error}") from error
    except Exception as error:
        if isinstance(error, MemoryError) or OUT_OF_MEMORY in str(error).lower():
            raise OutOfMemoryError("not enough memory to decode the picture") from error
        # Only the messages of Pillow's own errors are meant for users.
        reason = f": {error}" if isinstance(error, OSError) and str(error) else ""
        raise BrokenPictureError(f"broken or truncated {format_name} picture{reason}") from error


def _open(format_: PictureFormat, data: bytes) -> ImageFile:
    """Read the header with the decoder of this format, and with no other."""
    module, _, name = format_.decoder.partition(":")
    try:
        decoder = getattr(import_module(module), name)
    except ImportError as error:
        message = f"{format_.name} pictures need an extra: pip install 'pictell[{format_.extra}]'"
        raise DecoderMissingError(message, extra=format_.extra) from error
    file: ImageFile = decoder(io.BytesIO(data))
    return file


def _check_structure(format_: PictureFormat, data: bytes) -> None:
    """Refuse damage, and a denial of service, that the decoders do not notice."""
    if format_.name == "PNG":
        _check_png(memoryview(data))
    elif format_.name == "JPEG" and _count_scans(data) > MAX_JPEG_SCANS:
        raise BrokenPictureError(f"a JPEG with more than {MAX_JPEG_SCANS} scans is refused")


def _count_scans(data: bytes) -> int:
    """The scans of a JPEG up to its end marker (ITU-T T.81, annex B). A video may follow it."""
    scans, at = 0, len(b"\xff\xd8")
    while (marker := JPEG_MARKER.search(data, at)) and marker[0] != b"\xff\xd9":
        scans += marker[0] == b"\xff\xda"
        length = int.from_bytes(data[marker.end() : marker.end() + 2], "big")
        at = marker.end() + length
    return scans


def _check_png(data: memoryview) -> None:
    """Check the checksum of each critical chunk up to IEND (PNG, ISO/IEC 15948, 5.3-5.5)."""
    at = 8
    kind = b""
    while kind != b"IEND":
        if at + 12 > len(data):
            raise BrokenPictureError("truncated PNG picture: it ends before its IEND chunk")
        length, kind = struct.unpack_from(">I4s", data, at)
        body_end = at + 8 + length
        if body_end + 4 > len(data):
            raise BrokenPictureError("truncated PNG picture: it ends within a chunk")
        (checksum,) = struct.unpack_from(">I", data, body_end)
        critical = not kind[0] & 0x20
        if critical and zlib.crc32(data[at + 4 : body_end]) != checksum:
            raise BrokenPictureError(
                f"broken PNG picture: wrong checksum in {kind.decode('latin-1')}"
            )
        at = body_end + 4


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION_TAG, 1))
    except (SyntaxError, ValueError, TypeError, ArithmeticError, OSError, struct.error):
        # The EXIF data is damaged, but the pixels may be whole.
        return 1


def _flatten(image: Image.Image) -> Image.Image:
    """Resolve palettes, lay transparent pixels over white, reduce 16 bits to 8."""
    if image.mode.startswith("I;16"):
        return _eight_bits(image)
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode in {"I", "F"}:
        raise BrokenPictureError(
            f"pixels of type {image.mode} have no known range: convert the picture to 8 or 16 bits"
        )
    if image.has_transparency_data:
        # convert() copies even if there is nothing to convert.
        rgba = image if image.mode == "RGBA" else image.convert("RGBA")
        opaque = Image.new("RGB", rgba.size, WHITE)
        opaque.paste(rgba, mask=rgba)
        return opaque
    if image.mode in {"P", "1", "YCbCr", "HSV", "RGBX"}:
        return image.convert("RGB")
    return image


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey as mode L. The one grey level that a PNG may make transparent becomes white."""
    levels = np.asarray(image)
    grey = (levels >> 8).astype(np.uint8)
    transparent = image.info.get("transparency")
    if transparent is not None:
        grey[levels == transparent] = 255
    return Image.fromarray(grey)


def _shrink(image: Image.Image, useful_side: int | None) -> Image.Image:
    """Average blocks of pixels; the shorter side stays at least ``SHRINK_MARGIN`` times useful."""
    if useful_side is None:
        return image
    factor = min(image.size) // (SHRINK_MARGIN * useful_side)
    return image.reduce(factor) if factor > 1 else image


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if not profile or STANDARD_PROFILE in profile:
        return image if image.mode == "RGB" else image.convert("RGB")
    # Few pictures have another colour space, so Little CMS is imported here.
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(
            image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError):
        # The profile is damaged, or is for another kind of pixels: ignore it.
        converted = None
    return converted or image.convert("RGB")
