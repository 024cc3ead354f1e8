"""The HTML page of ``pictell find --html``."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from pictell.cli import output_file
from pictell.errors import PictellError, UsageError
from pictell.options import Limits

if TYPE_CHECKING:
    from pictell.collection.search import Match


def check(path: Path) -> None:
    """Raise ``UsageError``, before anything is computed, if the page cannot be written."""
    try:
        html = import_module("pictell.reports.matches.html")
    except ImportError as error:
        raise UsageError("--html needs the extra photos: pip install 'pictell[photos]'") from error
    output_file.check(path, "a page of pictell find", (html.HEAD,))


def write(path: Path, matches: Sequence[Match], found: int, title: str, limits: Limits) -> int:
    """Write the page; return how many photos it has. Raises ``PictellError``.

    ``found`` is how many photos were found; ``matches`` may be only the best of them.
    """
    from pictell.reports.matches import html

    shown = [match.photo.path for match in matches[: html.MAX_PICTURES]]
    page = html.render(matches, found, _thumbnails(shown, html.SIDE, limits), title, path)
    output_file.write(path, [page])
    return len(shown)


def _thumbnails(photos: Sequence[Path], side: int, limits: Limits) -> dict[Path, bytes]:
    """JPEGs by the path of a photo, without photos that can no longer be read."""
    from pictell.images.read import read_file
    from pictell.images.thumbnail import thumbnail

    found = {}
    for photo in photos:
        try:
            found[photo] = thumbnail(
                read_file(photo, limits.max_bytes),
                side,
                limits.max_pixels,
                allow_truncated=limits.allow_truncated,
            )
        except PictellError:
            continue
    return found
