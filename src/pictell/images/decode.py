"""Bytes become an upright RGB picture in sRGB, or one kind of error."""

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
    PictellError,
    PictureTooLargeError,
)
from pictell.images.formats import PICTURE_FORMATS, PictureFormat, sniff
from pictell.images.read import Content
from pictell.types import DecodedImage

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

WHITE = (255, 255, 255)
ORIENTATION_TAG = 0x0112
# EXIF 2.32, 4.6.4: what each orientation asks of a viewer.
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
# The name of the profile that most cameras and programs embed (IEC 61966-2-1).
STANDARD_PROFILE = b"sRGB IEC61966-2"
# A picture is shrunk early to no less than this many times the side that is of use.
SHRINK_MARGIN = 2
# Encoders write about ten scans; a file can claim thousands, each as dear as a whole decode.
MAX_JPEG_SCANS = 100
# All but those that stand alone in or before coded data: stuffing, TEM, RST0-7, SOI.
JPEG_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]")
HINT_BYTES = 256
HINTS = {
    b"<!doctype html": "a web page",
    b"<html": "a web page",
    b"<svg": "an SVG drawing",
    b"<?xml": "an XML document",
    b"%pdf": "a PDF document",
}

# Pillow's names of what its JPEG decoder reads; MPO are several JPEGs in one file.
JPEG_BASED = {"JPEG", "MPO"}


def load_image(
    content: Content, max_pixels: int, useful_side: int | None = None, *, fast_dct: bool = False
) -> DecodedImage:
    """Decode whatever ``read_content`` returns; see ``decode``, ``from_image``, ``from_array``."""
    if isinstance(content, bytes):
        return decode(content, max_pixels, useful_side, fast_dct=fast_dct)
    if isinstance(content, Image.Image):
        return from_image(content, max_pixels, useful_side)
    return from_array(content, max_pixels)


def decode(
    data: bytes, max_pixels: int, useful_side: int | None = None, *, fast_dct: bool = False
) -> DecodedImage:
    """Decode an encoded picture; only the first frame of a moving one.

    ``data``: the whole file. ``max_pixels``: the cap on width x height, judged by the header.
    ``useful_side``: the shorter side in pixels beyond which more resolution is of no use; the
    decoder may then stop at a smaller scale, never below ``SHRINK_MARGIN`` times that.
    ``fast_dct`` decodes a whole JPEG by libjpeg's JDCT_IFAST, as TensorFlow does: a little less
    exactly.

    Raises ``NotAPictureError``, ``BrokenPictureError``, ``PictureTooLargeError`` or
    ``DecoderMissingError``, nothing else, whatever the bytes are.
    """
    format_ = sniff(data)
    if format_ is None:
        raise NotAPictureError(_not_a_picture(data))
    with _breaking_into_one_error(format_.name):
        _check_structure(format_, data)
        with _open(format_, data) as file:
            if fast_dct and file.format in JPEG_BASED:
                scale, draft = 1, 1
                file.decoderconfig = (scale, draft)
            return _to_picture(file, max_pixels, useful_side)


def from_image(image: Image.Image, max_pixels: int, useful_side: int | None = None) -> DecodedImage:
    """The same for a PIL image that somebody opened already; the image itself is left as it is.

    Raises ``BrokenPictureError`` or ``PictureTooLargeError``.
    """
    with _breaking_into_one_error(image.format or "PIL"):
        _check_pixels(*image.size, max_pixels)
        # Loaded first, the caller's image is not decoded at a smaller scale under its hands.
        image.load()
        return _to_picture(image, max_pixels, useful_side)


def from_array(array: NDArray[np.generic], max_pixels: int) -> DecodedImage:
    """An RGB array of shape (H, W, 3), dtype uint8, taken as it is.

    Raises ``NotAPictureError`` for another shape or dtype, ``PictureTooLargeError``.
    """
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8 or 0 in array.shape:
        raise NotAPictureError(
            "an array must be RGB of shape (H, W, 3) and dtype uint8, "
            f"not {array.shape} {array.dtype}"
        )
    height, width = array.shape[:2]
    _check_pixels(width, height, max_pixels)
    return DecodedImage(np.ascontiguousarray(array, np.uint8), width, height)


def _to_picture(image: Image.Image, max_pixels: int, useful_side: int | None) -> DecodedImage:
    width, height = image.size
    _check_pixels(width, height, max_pixels)
    if useful_side is not None:
        # JPEG decodes at 1/2, 1/4 or 1/8 for a fraction of the cost; other formats ignore this.
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
    # A third of the time that np.asarray takes, which copies once more.
    return np.frombuffer(rgb.tobytes(), np.uint8).reshape(rgb.height, rgb.width, 3)


def _check_pixels(width: int, height: int, max_pixels: int) -> None:
    if not width * height:
        raise BrokenPictureError("a picture without pixels")
    if width * height > max_pixels:
        raise PictureTooLargeError(
            f"{width} x {height} pixels, more than the {max_pixels} allowed (--max-pixels)"
        )


@contextmanager
def _breaking_into_one_error(format_name: str) -> Iterator[None]:
    """Decoders fail in a dozen ways (OSError, SyntaxError, struct.error …): make them one."""
    try:
        yield
    except PictellError:
        raise
    except Image.DecompressionBombError as error:
        # Pillow's own cap, which some of its decoders apply while they read the header.
        raise PictureTooLargeError(f"too many pixels: {error}") from error
    except Exception as error:
        # Only Pillow's own errors are written for people.
        reason = f": {error}" if isinstance(error, OSError) and str(error) else ""
        raise BrokenPictureError(f"broken or truncated {format_name} picture{reason}") from error


def _open(format_: PictureFormat, data: bytes) -> ImageFile:
    """Read the header. Scorer the decoder keeps all others from seeing the bytes."""
    module, _, name = format_.decoder.partition(":")
    try:
        decoder = getattr(import_module(module), name)
    except ImportError as error:
        raise DecoderMissingError(
            f"{format_.name} pictures need one more package: pip install 'pictell[{format_.extra}]'"
        ) from error
    file: ImageFile = decoder(io.BytesIO(data))
    return file


def _not_a_picture(data: bytes) -> str:
    if not data:
        return "the file is empty"
    start = data[:HINT_BYTES].lstrip().lower()
    known = ", ".join(row.name for row in PICTURE_FORMATS)
    for sign, what in HINTS.items():
        if start.startswith(sign):
            return f"{what}, not a picture in a format pictell reads ({known})"
    return f"not a picture in a format pictell reads ({known})"


def _check_structure(format_: PictureFormat, data: bytes) -> None:
    """What the decoders let pass although the file is damaged or made to hurt."""
    if format_.name == "PNG":
        _check_png(memoryview(data))
    elif format_.name == "JPEG" and _count_scans(data) > MAX_JPEG_SCANS:
        raise BrokenPictureError(f"a JPEG of more than {MAX_JPEG_SCANS} scans is not decoded")


def _count_scans(data: bytes) -> int:
    """The scans of a JPEG up to its end marker (ITU-T T.81, annex B); a film may follow it."""
    scans, at = 0, len(b"\xff\xd8")
    while (marker := JPEG_MARKER.search(data, at)) and marker[0] != b"\xff\xd9":
        scans += marker[0] == b"\xff\xda"
        length = int.from_bytes(data[marker.end() : marker.end() + 2], "big")
        at = marker.end() + length
    return scans


def _check_png(data: memoryview) -> None:
    """Every critical chunk's checksum up to IEND (PNG, ISO/IEC 15948, 5.3-5.5)."""
    at = 8
    kind = b""
    while kind != b"IEND":
        if at + 12 > len(data):
            raise BrokenPictureError(
                "broken or truncated PNG picture: it ends before its IEND chunk"
            )
        length, kind = struct.unpack_from(">I4s", data, at)
        body_end = at + 8 + length
        if body_end + 4 > len(data):
            raise BrokenPictureError("broken or truncated PNG picture: it ends within a chunk")
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
        # A damaged note beside the picture is no reason to refuse the picture.
        return 1


def _flatten(image: Image.Image) -> Image.Image:
    """Palettes resolved, alpha laid over white, 16 bits brought to 8."""
    if image.mode.startswith("I;16"):
        return _eight_bits(image)
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode in {"I", "F"}:
        raise BrokenPictureError(
            f"pixels of type {image.mode} have no stated range: convert the picture to 8 or 16 bits"
        )
    if image.has_transparency_data:
        # convert() copies even where there is nothing to convert.
        rgba = image if image.mode == "RGBA" else image.convert("RGBA")
        opaque = Image.new("RGB", rgba.size, WHITE)
        opaque.paste(rgba, mask=rgba)
        return opaque
    if image.mode in {"P", "1", "YCbCr", "HSV", "RGBX"}:
        return image.convert("RGB")
    return image


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey to mode L; the one grey level that PNG may declare transparent becomes white."""
    levels = np.asarray(image)
    grey = (levels >> 8).astype(np.uint8)
    transparent = image.info.get("transparency")
    if transparent is not None:
        grey[levels == transparent] = 255
    return Image.fromarray(grey)


def _shrink(image: Image.Image, useful_side: int | None) -> Image.Image:
    """Average whole blocks of pixels while the shorter side stays large enough."""
    if useful_side is None:
        return image
    factor = min(image.size) // (SHRINK_MARGIN * useful_side)
    return image.reduce(factor) if factor > 1 else image


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if not profile or STANDARD_PROFILE in profile:
        return image if image.mode == "RGB" else image.convert("RGB")
    # Little CMS is loaded only for the few pictures that bring another colour space.
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(
            image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError):
        # A profile that is damaged or made for another kind of pixels is no use to anybody.
        converted = None
    return converted or image.convert("RGB")
