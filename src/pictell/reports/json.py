"""JSON: one array of all results, written as they come."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from pictell.reports.escape import json_escaped
from pictell.reports.style import Style
from pictell.results import Result


def render(results: Iterable[Result], style: Style) -> Iterator[bytes]:
    """Pieces of one JSON array of ``Result.to_dict()``."""
    before = b"[\n"
    for result in results:
        yield before + to_json(result)
        before = b",\n"
    yield b"[]\n" if before == b"[\n" else b"\n]\n"


def to_json(result: Result) -> bytes:
    """A result as one line of JSON, without the line's end, in UTF-8."""
    return json_escaped(json.dumps(result.to_dict(), ensure_ascii=False)).encode()
