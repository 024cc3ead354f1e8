"""The photos that a search finds: text, JSON and CSV on stdout, and an HTML page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pictell.collection.search import Match
from pictell.reports.matches import names, records, text
from pictell.reports.style import Style

Report = Callable[[Sequence[Match], Style], Iterator[bytes]]

MATCH_FORMATS: dict[str, Report] = {
    "text": text.render,
    "json": records.render_json,
    "jsonl": records.render_jsonl,
    "csv": records.render_csv,
    "names": names.render,
}
