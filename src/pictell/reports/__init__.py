"""One writer for each format: results in, pieces of bytes out. ``FORMATS`` is the only list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from pictell.reports import csv, json, jsonl, text
from pictell.reports.style import Style
from pictell.results import Result

Report = Callable[[Iterable[Result], Style], Iterator[bytes]]

FORMATS: dict[str, Report] = {
    "text": text.render,
    "json": json.render,
    "jsonl": jsonl.render,
    "csv": csv.render,
}
