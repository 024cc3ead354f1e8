"""JSON: one array of all results, written as they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pictell.reports.record import to_json
from pictell.reports.style import Style
from pictell.types import Result


def render(results: Iterable[Result], style: Style) -> Iterator[str]:
    """Pieces of one JSON array."""
    before = "[\n"
    for result in results:
        yield f"{before}{to_json(result)}"
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"
