"""A photo of a collection, and what the model says of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pictell.results import Result


@dataclass(frozen=True, slots=True)
class Photo:
    """A file, its content and what the model says of it.

    ``path`` is as the user named it. ``digest`` is the SHA-256 of the content in hexadecimal, empty
    if the file could not be read. ``taken`` is when the camera says that it took the photo, in the
    time of the camera, without a zone. ``result`` may have an ``error``.
    """

    path: Path
    digest: str
    taken: datetime | None
    result: Result
