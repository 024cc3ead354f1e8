"""One writer for each format: results in, pieces of bytes out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module

from pictell.reports.style import Style
from pictell.results import Result

# The only list of formats; each is a module here of that name with ``render(results, style)``,
# imported when it is used.
FORMATS = ("text", "json", "jsonl", "csv")


def render(format_: str, results: Iterable[Result], style: Style = Style()) -> Iterator[bytes]:
    """The report in one of ``FORMATS``, piece by piece as the results come."""
    pieces: Iterator[bytes] = import_module(f"pictell.reports.{format_}").render(results, style)
    return pieces
