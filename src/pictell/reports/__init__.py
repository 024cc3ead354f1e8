"""One writer for each format: results in, pieces of bytes out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module

from pictell.reports.style import Style
from pictell.results import Result

# The only list of formats; each is a module here of that name, with _ for -, that has
# ``render(results, style)``. It is imported when it is used.
FORMATS = ("text", "json", "jsonl", "csv", "csv-long")


def render(format_: str, results: Iterable[Result], style: Style = Style()) -> Iterator[bytes]:
    """The report in one of ``FORMATS``, piece by piece as the results come."""
    module = import_module(f"pictell.reports.{format_.replace('-', '_')}")
    pieces: Iterator[bytes] = module.render(results, style)
    return pieces
