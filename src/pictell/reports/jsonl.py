"""JSON lines: one result a line, for streams and ``jq``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pictell.reports.record import to_json
from pictell.reports.style import Style
from pictell.types import Result


def render(results: Iterable[Result], style: Style) -> Iterator[str]:
    """One JSON object and a newline for each result."""
    for result in results:
        yield f"{to_json(result)}\n"
