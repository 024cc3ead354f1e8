"""JPEG files."""

from __future__ import annotations

import io

from PIL.JpegImagePlugin import JpegImageFile

from pictell.images.jpeg_segments import check_segments


class JpegFile(JpegImageFile):
    """A JPEG file, of which only the header has been read."""

    def __init__(self, stream: io.BytesIO) -> None:
        """Raises ``BrokenPictureError`` for too many scans, or what Pillow raises."""
        check_segments(stream.getvalue())
        super().__init__(stream)
