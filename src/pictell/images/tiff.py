"""TIFF files."""

from __future__ import annotations

import io

from PIL.TiffImagePlugin import TiffImageFile


def open_tiff(stream: io.BytesIO) -> TiffImageFile:
    """Read the header of a TIFF file. Raises what Pillow raises."""
    return TiffImageFile(stream)
