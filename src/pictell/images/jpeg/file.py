"""JPEG files: Pillow reads the header; libjpeg-turbo decodes the pixels and says what is wrong."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from pictell.errors import BrokenPictureError
from pictell.images.jpeg.damage import (
    END,
    NOT_SEQUENTIAL,
    closed,
    has_fine_detail,
    has_hole,
    is_remark,
    missing_share,
    read_header,
    with_plain_header,
    without_padding,
)
from pictell.images.jpeg.segments import check_segments
from pictell.types import PictureWarning

if TYPE_CHECKING:
    from PIL._imaging import PixelAccess

# Of pictures that lack less than this, one answer in 100 changes (benchmarks/damaged.md).
MAX_MISSING = 0.1
# With ``allow_truncated``, this share is enough.
MIN_LEFT = 0.01
# At smaller sides, different scales of libjpeg give the same size.
_SMALLEST_SCALED = 8
_ODD_HEADER = "odd header"
# How Pillow keeps the pixels of a mode: simplejpeg's name for that, and the bytes of a pixel.
_LAYOUTS = {"L": ("GRAY", 1), "RGB": ("RGBX", 4), "CMYK": ("CMYK", 4)}


class JpegFile(JpegImageFile):
    """A JPEG file, of which only the header has been read.

    ``kept_bytes`` is what libjpeg keeps until the last scan, whatever the scale: 2 bytes for each
    sample of a picture in several scans. ``load`` sets ``warnings``. With ``allow_truncated`` it
    accepts a picture however much of its end is missing, if there is something left.
    """

    allow_truncated = False
    warnings: tuple[PictureWarning, ...] = ()

    def __init__(self, stream: io.BytesIO) -> None:
        """Raises what ``check_segments`` or Pillow raises."""
        data = stream.getvalue()
        check_segments(data)
        super().__init__(stream)
        self._header = read_header(
            data, stream.tell(), progressive="progressive" in self.info, components=self.layers
        )
        samples = self.width * self.height * self.layers
        self.kept_bytes = 0 if self._header.in_one_scan else 2 * samples

    def _read_dpi_from_exif(self) -> None:
        """Nothing: no one needs the resolution, and Pillow reads all EXIF data for it."""

    def load(self) -> PixelAccess | None:
        """Decode the pixels, the same as Pillow would, at the scale that ``draft`` chose.

        Raises ``BrokenPictureError`` if too much of them is missing, or what Pillow raises.
        """
        if self.tile and isinstance(self.fp, io.BytesIO):
            self._decode(self.fp.getvalue())
        return super().load()  # decodes if there are no pixels yet

    def _decode(self, data: bytes) -> None:
        """Set the pixels and ``warnings``; no pixels if only Pillow may be able to read them."""
        pixels = np.empty((self.height, self.width, _LAYOUTS[self.mode][1]), np.uint8)
        header = self._header
        if ends_early := data.rfind(END, header.end) < 0:
            data = closed(data, header)
        remark = self._read(data, pixels)
        if remark == _ODD_HEADER:
            data, header = with_plain_header(data, header)
            remark = self._read(data, pixels)
        if len(rest := without_padding(data, remark)) < len(data):
            data, remark = rest, ""
        if remark and not is_remark(remark):
            return
        blurred = header.progressive and not has_fine_detail(data, header)
        if remark or (ends_early and blurred):
            self._judge(ends_early, blurred, missing_share(pixels))
        elif has_hole(data, header):
            self.warnings = ("damaged",)
        self._take(pixels)

    def _read(self, data: bytes, pixels: NDArray[np.uint8]) -> str:
        """Decode into ``pixels`` and return what libjpeg says, which may be nothing.

        If that is no remark, nothing is decoded.
        """
        scale, fast = self.decoderconfig or (1, 0)
        # simplejpeg chooses the scale by the size; of tiny pictures, many scales have one size.
        height, width = (0, 0) if scale == 1 else pixels.shape[:2]
        if scale > 1 and max(height, width) < _SMALLEST_SCALED:
            return "too small"
        try:
            found = simplejpeg.decode_jpeg(
                data,
                _LAYOUTS[self.mode][0],
                fastdct=fast,
                fastupsample=fast,
                min_height=height,
                min_width=width,
                buffer=pixels,
            )
        except ValueError as error:
            message = str(error)
            if message.startswith("Insufficient memory"):
                raise MemoryError(message) from error
            return _ODD_HEADER if is_remark(message) and _is_of_header(message, data) else message
        return "" if found.shape == pixels.shape else "another size"

    def _judge(self, ends_early: bool, blurred: bool, missing: float) -> None:
        """Set ``warnings``, or raise ``BrokenPictureError`` if too much is missing."""
        if missing > 1 - MIN_LEFT:
            raise BrokenPictureError("truncated JPEG picture: nearly nothing of it is there")
        if not self.allow_truncated and (blurred or missing > MAX_MISSING):
            what = (
                f"about {100 * missing:.0f} % of it" if missing > MAX_MISSING else "its fine detail"
            )
            raise BrokenPictureError(
                f"truncated JPEG picture: {what} is missing (--allow-truncated accepts it)"
            )
        found: list[PictureWarning] = [] if ends_early else ["damaged"]
        if ends_early or blurred or missing:
            found.append("truncated")
        self.warnings = tuple(found)

    def _take(self, pixels: NDArray[np.uint8]) -> None:
        """Let the image have these pixels, without a copy."""
        if self.mode == "CMYK":
            np.invert(pixels, out=pixels)  # Pillow assumes that all are inverted, as Adobe's are
        layout = (self.mode, 0, 1)  # no gaps between the rows, the first one on top
        self.im = Image.core.map_buffer(  # type: ignore[attr-defined]
            pixels, self.size, "raw", 0, layout
        )
        self.readonly, self.tile = 1, []


def _is_of_header(remark: str, data: bytes) -> bool:
    """Whether a remark is about the header: if so, it hides others, or no pixel is decoded."""
    if remark.startswith(NOT_SEQUENTIAL):
        return True
    try:
        simplejpeg.decode_jpeg_header(data)
    except ValueError:
        return True
    return False
