"""The names of the pictures and nothing else, for ``xargs`` and scripts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from pictell.reports.escape import visible
from pictell.reports.style import Style
from pictell.results import Result


def render(results: Iterable[Result], style: Style) -> Iterator[bytes]:
    """The name of each picture and ``style.end``; on a terminal without control characters."""
    for result in results:
        if result.error is None:
            name = result.source if style.columns is None else visible(result.source)
            yield os.fsencode(name) + style.end.encode()
