"""The page of ``pictell find --html``: a thumbnail with a link for each photo.

The page has no scripts and loads nothing; its Content-Security-Policy forbids both.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from pictell.collection.search import Match
from pictell.reports.html_page import environment, image_source
from pictell.results import percent
from pictell.version import __version__

# About 10 kB each, as text: the page stays below 5 MB.
MAX_PICTURES = 200
SIDE = 240
# How a page starts. It tells a page of pictell from one of the user's.
HEAD = b"<!doctype html>\n<!-- pictell -->"


class _Card(NamedTuple):
    """What the page shows of a photo; the texts are not escaped yet."""

    name: str
    folder: str
    link: str
    image: str | None
    score: str
    best: str


def render(
    matches: Sequence[Match],
    found: int,
    thumbnails: Mapping[Path, bytes],
    title: str,
    page: Path,
) -> bytes:
    """The page, in UTF-8, with the first ``MAX_PICTURES`` of the matches.

    ``found`` is how many photos were found. ``thumbnails``: JPEGs by the path of a photo; some may
    be missing. ``title`` says what was searched for. ``page`` is the page's file: links to photos
    in its folder are relative.
    """
    folder = Path(os.path.realpath(page.parent))
    cards = [
        _card(match, thumbnails.get(match.photo.path), folder) for match in matches[:MAX_PICTURES]
    ]
    template = environment(Path(__file__).parent).get_template("page.html")
    text = template.render(title=title, cards=cards, found=found, version=__version__)
    return HEAD + b"\n" + text.encode()


def link(photo: Path, folder: Path) -> str:
    """The address of a photo, percent-encoded: relative below the folder, else absolute.

    ``folder`` is the real path of the page's folder.
    """
    # A browser takes the .. of an address for the folder above, also after a link.
    real = Path(os.path.realpath(photo.parent), photo.name)
    if real.is_relative_to(folder):
        return f"./{quote(os.fsencode(real.relative_to(folder).as_posix()))}"
    return real.as_uri()


def _card(match: Match, jpeg: bytes | None, folder: Path) -> _Card:
    path = match.photo.path
    scores = [] if match.likeness is None else [f"likeness {match.likeness:.2f}"]
    scores += [] if match.score is None else [percent(match.score)]
    best = ""
    if match.best_class is not None and match.best_score is not None:
        best = f"{match.best_class} {percent(match.best_score)}"
    return _Card(
        path.name,
        str(path.parent),
        link(path, folder),
        None if jpeg is None else image_source(jpeg),
        ", ".join(scores),
        best,
    )
