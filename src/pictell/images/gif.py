"""GIF files."""

from __future__ import annotations

import io
from typing import Any

from PIL.GifImagePlugin import GifImageFile

from pictell.errors import BrokenPictureError

# Before its first picture a file has a few blocks, or some thousand with XMP. Each takes time.
MAX_GIF_BLOCKS = 200_000


class GifFile(GifImageFile):
    """A GIF file, of which only the header has been read.

    What the first frame does not cover is transparent, as in browsers. Pillow gives it a colour of
    the palette, unless the frame has a transparent one.
    """

    def load(self) -> Any:
        """Decode the first frame. Raises what Pillow raises."""
        frame = self.tile[0].extents if self.tile else None
        result = super().load()
        if frame in {None, (0, 0, *self.size)} or "transparency" in self.info:
            return result
        pixels = self.crop(frame)
        counts = pixels.histogram()
        unused = counts.index(min(counts))  # a frame with all 256 colours loses its rarest one
        self.paste(unused, (0, 0, *self.size))
        self.paste(pixels, frame)
        self.info["transparency"] = unused
        return super().load()


def open_gif(stream: io.BytesIO) -> GifFile:
    """Read the header of a GIF file. Raises ``BrokenPictureError``, or what Pillow raises."""
    _count_blocks(stream.getvalue())
    return GifFile(stream)


def _count_blocks(data: bytes) -> None:
    """Count blocks, and bytes between blocks, up to the first picture (GIF89a, 15 to 26)."""
    flags = data[10] if len(data) > 10 else 0
    at = 13 + (6 << (flags & 7) if flags & 0x80 else 0)
    in_extension = False
    for _ in range(MAX_GIF_BLOCKS):
        if at >= len(data):
            return
        byte = data[at]
        if in_extension:
            at, in_extension = at + 1 + byte, byte > 0
        elif byte in b",;":
            return
        else:
            in_extension = byte == ord("!")
            at += 1 + in_extension  # the label of the extension
    raise BrokenPictureError(
        f"a GIF with more than {MAX_GIF_BLOCKS} blocks before its picture is refused"
    )
