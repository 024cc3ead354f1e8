"""The paths of the photos and nothing else, for ``xargs`` and scripts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from pictell.collection.search import Match
from pictell.reports.escape import visible
from pictell.reports.style import Style


def render(matches: Sequence[Match], style: Style) -> Iterator[bytes]:
    """Each path and ``style.end``; on a terminal without control characters.

    A path that a program would take for an option is written as ``./-name``.
    """
    for match in matches:
        path = str(match.photo.path)
        path = f".{os.sep}{path}" if path.startswith("-") else path
        name = path if style.columns is None else visible(path)
        yield os.fsencode(name) + style.end.encode()
