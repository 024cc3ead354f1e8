"""Text for people: a line for each photo with its score and best class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pictell.collection.search import Match
from pictell.reports.escape import visible
from pictell.reports.style import Style
from pictell.reports.text import GAP, MIN_SOURCE_COLUMNS, cut, display_width, elided
from pictell.results import percent

SCORE_COLUMNS = 5


def render(matches: Sequence[Match], style: Style) -> Iterator[bytes]:
    """The path, the score and the best class of each photo, each in its column, in UTF-8."""
    sources = [visible(str(match.photo.path)) for match in matches]
    words = [visible(in_words(match)) for match in matches]
    width = max(map(display_width, sources), default=0)
    if style.columns is not None:
        needed = len(GAP) + max(map(display_width, words), default=0)
        width = min(width, max(style.columns - needed, style.columns // 3, MIN_SOURCE_COLUMNS))
    for source, said in zip(sources, words, strict=True):
        shown = elided(source, width) if style.columns is not None else source
        line = f"{shown}{' ' * (width - display_width(shown))}{GAP}{said}".rstrip()
        yield f"{line if style.columns is None else cut(line, style.columns)}\n".encode()


def in_words(match: Match) -> str:
    """The likeness, the score and the best class, as a person reads them."""
    parts = []
    if match.likeness is not None:
        parts.append(f"{match.likeness:{SCORE_COLUMNS}.2f}")
    if match.score is not None:
        parts.append(f"{percent(match.score):>{SCORE_COLUMNS}}")
    if match.best_class is not None and match.best_score is not None:
        best = f"{match.best_class} {percent(match.best_score)}"
        parts.append(f"({best})" if parts else best)
    return GAP.join(parts)
