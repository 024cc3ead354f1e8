"""Encoded bytes become an upright image, or a ``DecodeError``."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING, cast

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
from pictell.images.colour import to_srgb
from pictell.images.cost import decoding_bytes
from pictell.images.exif import ORIENTATION, only_orientation
from pictell.images.formats import PictureFormat, not_a_picture, sniff
from pictell.images.read import Content, Reserve, reserve_nothing
from pictell.images.tiles import reduce_in_tiles
from pictell.memory import saying_out_of_memory
from pictell.types import DecodedImage

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

    from pictell.images.jpeg.file import JpegFile

# Decoding may shrink an image to this many times the useful side, but no further.
SHRINK_MARGIN = 2
# What a library of a decoder takes when it is loaded.
_LIBRARY_BYTES = 8 * 1024 * 1024
# Decoders take time and memory for each row. Formats for photos end at 65,535.
MAX_SIDE = 1_000_000
# How to turn an image upright, for each orientation (EXIF 2.32, 4.6.4).
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(
    content: Content,
    max_pixels: int,
    useful_side: int | None = None,
    *,
    fast_dct: bool = False,
    allow_truncated: bool = False,
    reserve: Reserve = reserve_nothing,
) -> DecodedImage:
    """Decode a picture: a whole file (of an animation, the first frame), a PIL image or an array.

    ``max_pixels`` limits width x height; it is checked before any pixel is decoded.
    ``useful_side`` is the shorter side, in pixels, beyond which the caller needs no more
    resolution: the image may then be smaller, but not below ``SHRINK_MARGIN`` times that side.
    ``fast_dct`` decodes a JPEG file at full scale with libjpeg's JDCT_IFAST, as TensorFlow does;
    it is slightly less exact. ``allow_truncated`` accepts a JPEG file however much of its end is
    missing. ``reserve`` is called once with the bytes that decoding needs, before any pixel is
    decoded; it may block, and decoding ends with what it raises. A PIL image is not changed. An
    array is taken as it is: RGB of shape (H, W, 3) and dtype uint8.

    Raises ``DecodeError`` or ``OutOfMemoryError``, and nothing else, whatever the bytes are.
    """
    if isinstance(content, np.ndarray):
        with _convert_errors("array"):
            return _from_array(content, max_pixels)
    if isinstance(content, Image.Image):
        with _convert_errors(content.format or "PIL"):
            _check_pixels(*content.size, max_pixels)
            # Without this, draft() would change the scale of the caller's image.
            content.load()
            return _to_image(content, max_pixels, useful_side, reserve)
    format_ = sniff(content)
    if format_ is None:
        raise NotAPictureError(not_a_picture(content))
    with _convert_errors(format_.name), _open(format_, content) as file:
        if format_.name != "JPEG":
            return _to_image(file, max_pixels, useful_side, reserve)
        jpeg = cast("JpegFile", file)
        jpeg.allow_truncated = allow_truncated
        if fast_dct:
            jpeg.decoderconfig = (1, 1)  # scale, draft
        image = _to_image(jpeg, max_pixels, useful_side, reserve)
        return image._replace(warnings=jpeg.warnings)


def _from_array(array: NDArray[np.generic], max_pixels: int) -> DecodedImage:
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8 or 0 in array.shape:
        raise NotAPictureError(
            "an array must be RGB of shape (H, W, 3) and dtype uint8, "
            f"not {array.shape} {array.dtype}"
        )
    height, width = array.shape[:2]
    _check_pixels(width, height, max_pixels)
    return DecodedImage(Image.fromarray(np.ascontiguousarray(array, np.uint8)), width, height)


def _to_image(
    image: Image.Image, max_pixels: int, useful_side: int | None, reserve: Reserve
) -> DecodedImage:
    width, height = image.size
    _check_pixels(width, height, max_pixels)
    smallest = None if useful_side is None else SHRINK_MARGIN * useful_side
    if smallest is not None:
        # JPEG can be decoded at 1/2, 1/4 or 1/8 at a fraction of the cost. Other formats ignore it.
        image.draft(None, (smallest, smallest))
    factor = 1 if smallest is None else max(1, min(image.size) // smallest)
    needed = decoding_bytes(image, factor)
    reserve(needed)
    # Many decoders do not say that memory ran out.
    with saying_out_of_memory(needed):
        image.load()
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes):  # a TIFF can have any type there
        profile = None
    orientation = 1
    # If the EXIF data is damaged, the pixels may still be whole.
    with suppress(SyntaxError, ValueError, TypeError, ArithmeticError, OSError, struct.error):
        orientation = int(image.getexif().get(ORIENTATION, 1))
    opaque = reduce_in_tiles(image, factor, _flatten)
    if opaque.mode not in {"RGB", "L"}:
        opaque, profile = to_srgb(opaque, profile), None
    if orientation in _UPRIGHT:
        opaque = opaque.transpose(_UPRIGHT[orientation])
    if 5 <= orientation <= 8:  # it is rotated by 90 degrees
        width, height = height, width
    return DecodedImage(opaque, width, height, profile)


def _check_pixels(width: int, height: int, max_pixels: int) -> None:
    if not width * height:
        raise BrokenPictureError("the picture has no pixels")
    if max(width, height) > MAX_SIDE:
        message = f"{width} x {height} pixels: a side is longer than {MAX_SIDE} pixels"
        raise PictureTooLargeError(message, width=width, height=height, max_pixels=max_pixels)
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
        # Decoders report a failed allocation as MemoryError or in words.
        if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
            raise OutOfMemoryError("not enough memory to decode the picture") from error
        # Only the messages of Pillow's own errors are meant for users.
        reason = f": {error}" if isinstance(error, OSError) and str(error) else ""
        raise BrokenPictureError(f"broken or truncated {format_name} picture{reason}") from error


def _open(format_: PictureFormat, data: bytes) -> ImageFile:
    """Read the header with the decoder of this format, and with no other."""
    module, name = format_.opener.split(":")
    try:
        with saying_out_of_memory(_LIBRARY_BYTES):
            opener = getattr(import_module(module), name)
    except ImportError as error:
        message = (
            f"{format_.name} pictures need an extra: pip install 'pictell[{format_.extra}]'"
            if format_.extra
            else f"the decoder of {format_.name} pictures cannot be loaded: {error}"
        )
        raise DecoderMissingError(message, extra=format_.extra) from error
    file: ImageFile = opener(io.BytesIO(data))
    if isinstance(exif := file.info.get("exif"), bytes):
        file.info["exif"] = only_orientation(exif)
    return file


def _flatten(image: Image.Image) -> Image.Image:
    """Resolve palettes, lay transparent pixels over white, reduce 16 bits to 8."""
    if image.mode.startswith("I;16"):
        levels = np.asarray(image)
        grey = (levels >> 8).astype(np.uint8)
        # A PNG may make one grey level transparent.
        grey[levels == image.info.get("transparency", -1)] = 255
        return Image.fromarray(grey)
    if image.mode in {"I", "F"}:
        raise NotAPictureError(
            f"pixels of type {image.mode} have no known range: convert the picture to 8 or 16 bits"
        )
    if image.mode == "La":
        image = image.convert("LA")
    if image.has_transparency_data:
        # convert() copies even if there is nothing to convert.
        rgba = image if image.mode == "RGBA" else image.convert("RGBA")
        opaque = Image.new("RGB", rgba.size, "white")
        opaque.paste(rgba, mask=rgba)
        return opaque
    return image.convert("RGB") if image.mode in {"P", "1", "YCbCr", "HSV", "RGBX"} else image
