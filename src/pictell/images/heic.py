"""HEIC files."""

from __future__ import annotations

import io

from pillow_heif.as_plugin import HeifImageFile

from pictell.images.boxes import read_tables

# benchmarks/hostile_pictures.md
_PIXELS_OF_A_BYTE = 12


class HeicFile(HeifImageFile):
    """A HEIC file, of which only the header has been read."""

    def __init__(self, stream: io.BytesIO) -> None:
        """Raises ``BrokenPictureError`` as ``read_tables`` does, or what pillow-heif raises."""
        read_tables(stream.getvalue(), _PIXELS_OF_A_BYTE)
        super().__init__(stream)  # type: ignore[no-untyped-call]

    def draft(self, mode: str | None, size: tuple[int, int] | None) -> None:
        """Nothing. pillow-heif would show a thumbnail in the file, which can be another picture."""
