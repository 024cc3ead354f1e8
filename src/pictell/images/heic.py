"""HEIC files."""

from __future__ import annotations

from pillow_heif.as_plugin import HeifImageFile


class HeicFile(HeifImageFile):
    """A HEIC file, of which only the header has been read."""

    def draft(self, mode: str | None, size: tuple[int, int] | None) -> None:
        """Nothing. pillow-heif would show a thumbnail in the file, which can be another picture."""
