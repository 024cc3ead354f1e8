"""JSON lines: one result on each line, for streams and ``jq``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pictell.reports.json import to_json
from pictell.reports.style import Style
from pictell.results import Result


def render(results: Iterable[Result], style: Style) -> Iterator[bytes]:
    """A line of JSON for each result."""
    for result in results:
        yield to_json(result) + b"\n"
