"""WebP files."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image
from PIL.WebPImagePlugin import WebPImageFile

from pictell.images.cost import CODEC_BYTES
from pictell.memory import saying_out_of_memory


class WebpFile(WebPImageFile):
    """A WebP file, of which only the header has been read. It has only its first frame.

    Pillow's own class copies the pixels that libwebp gives, and keeps libwebp's canvases.
    """

    def load(self) -> Any:
        """Decode the frame. Raises ``EOFError``."""
        if self._decoder is not None:
            frame = self._decoder.get_next()
            self._decoder = None
            if frame is None:
                raise EOFError("the first frame cannot be decoded")
            self._mode = self.rawmode
            self.im = Image.frombuffer(self.rawmode, self.size, frame[0]).im
        return Image.Image.load(self)


def open_webp(stream: io.BytesIO) -> WebpFile:
    """Read the header of a WebP file. Raises ``MemoryError``, or what Pillow raises."""
    # libwebp allocates its canvases here, and does not say that it could not.
    with saying_out_of_memory(_canvas_pixels(stream.getvalue()) * CODEC_BYTES["WEBP"]):
        return WebpFile(stream)


def _canvas_pixels(data: bytes) -> int:
    """The size of the canvas, 0 if the header does not say it (RFC 9649, 2.5 to 2.7)."""
    kind, head = data[12:16], data[20:30]
    if kind == b"VP8X":
        sides = head[4:7], head[7:10]
        return (int.from_bytes(sides[0], "little") + 1) * (int.from_bytes(sides[1], "little") + 1)
    if kind == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        return ((bits & 0x3FFF) + 1) * ((bits >> 14 & 0x3FFF) + 1)
    width, height = (int.from_bytes(head[at : at + 2], "little") & 0x3FFF for at in (6, 8))
    return width * height
