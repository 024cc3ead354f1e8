"""JPEG files."""

from __future__ import annotations

import io

from PIL.JpegImagePlugin import JpegImageFile

from pictell.images.jpeg_segments import check_segments


class JpegFile(JpegImageFile):
    """A JPEG file, of which only the header has been read."""

    def __init__(self, stream: io.BytesIO) -> None:
        """Raises what ``check_segments`` or Pillow raises."""
        check_segments(stream.getvalue())
        super().__init__(stream)

    def _read_dpi_from_exif(self) -> None:
        """Nothing: no one needs the resolution, and Pillow reads all EXIF data for it."""
