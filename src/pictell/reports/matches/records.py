"""The photos with their scores, for programs: scores have 6 digits after the point."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from pictell.collection.search import Match
from pictell.reports.csv_rows import render_rows
from pictell.reports.escape import json_escaped
from pictell.reports.style import Style
from pictell.results import SCORE_DIGITS

# Programs rely on these names and their order: a new one goes to the end.
FIELDS = ("source", "score", "likeness", "best_class", "best_score", "taken")


def render_json(matches: Sequence[Match], style: Style) -> Iterator[bytes]:
    """One JSON array with an object for each photo."""
    yield b"[" + b",".join(b"\n" + _to_json(match) for match in matches)
    yield b"\n]\n" if matches else b"]\n"


def render_jsonl(matches: Sequence[Match], style: Style) -> Iterator[bytes]:
    """A line of JSON for each photo."""
    for match in matches:
        yield _to_json(match) + b"\n"


def render_csv(matches: Sequence[Match], style: Style) -> Iterator[bytes]:
    """The header, then a row for each photo."""
    return render_rows(FIELDS, ([to_record(match)] for match in matches))


def to_record(match: Match) -> dict[str, Any]:
    """The fields of a match; what it does not have is ``None``."""
    taken = match.photo.taken
    values = (
        str(match.photo.path),
        _rounded(match.score),
        _rounded(match.likeness),
        match.best_class,
        _rounded(match.best_score),
        taken and taken.isoformat(timespec="seconds"),
    )
    return dict(zip(FIELDS, values, strict=True))


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, SCORE_DIGITS)


def _to_json(match: Match) -> bytes:
    return json_escaped(json.dumps(to_record(match), ensure_ascii=False)).encode()
