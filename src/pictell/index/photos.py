"""What is known of photos, kept between runs: by path, by content, and by content and model."""

from __future__ import annotations

from pathlib import Path


class PhotoIndex:
    """The index in a file. Use it in ``with``, on one thread.

    ``note`` is ``None``, or a line that says why the file is not used and what to do.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.note: str | None = None

    @classmethod
    def open(cls, path: Path | None = None) -> PhotoIndex:
        """Open or make the index at ``path``, by default one in the user's data folder."""
        return cls(path or Path())

    def close(self) -> None:
        """Close the file. Safe to call again."""

    def __enter__(self) -> PhotoIndex:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
