"""The paths of the photos and nothing else, for ``xargs`` and scripts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from pictell.collection.search import Match
from pictell.errors import UsageError
from pictell.reports.escape import visible
from pictell.reports.style import Style


def render(matches: Sequence[Match], style: Style) -> Iterator[bytes]:
    """Each path and ``style.end``; on a terminal without control characters.

    A path that a program would take for an option is written as ``./-name``. Raises ``UsageError``
    for a path that a program would take for two.
    """
    paths = [str(match.photo.path) for match in matches]
    for path in paths:
        if style.columns is None and style.end in path:
            raise UsageError(f"the path {path!r} has a line break: give --null")
    for path in paths:
        path = f".{os.sep}{path}" if path.startswith("-") else path
        name = path if style.columns is None else visible(path)
        yield os.fsencode(name) + style.end.encode()
