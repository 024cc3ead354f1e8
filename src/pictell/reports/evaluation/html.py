"""The HTML report: one self-contained page with figures, plots and pictures.

The page has no scripts and loads nothing; its Content-Security-Policy forbids both. File, class and
model names are HTML-escaped, and their control characters are spelled out.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pictell.evaluation.comparison import Comparison, Evaluation
from pictell.evaluation.summary import PictureOutcome, Summary
from pictell.reports.escape import visible
from pictell.reports.evaluation import figures, notes, plots
from pictell.scoring.taxonomy import MIN_CONFIDENCE
from pictell.version import __version__

MAX_THUMBNAILS = 100
# The other thumbnails of a list are folded away.
MAX_OPEN = 12
MAX_CONFUSIONS = 20
# Where a line may break in names without spaces.
BREAKS = re.compile(r"(?<=[_/-])")


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A picture with what one or two models said of it; ``image`` is a data URI."""

    file: str
    label: str
    image: str | None
    outcomes: tuple[PictureOutcome, ...]


def shown_pictures(evaluation: Evaluation) -> list[int]:
    """The numbers of the pictures whose thumbnails the page can show."""
    shown = [
        summary.outcome(int(row))
        for summary in evaluation.summaries
        for row in summary.wrong[:MAX_THUMBNAILS]
    ]
    for comparison in evaluation.comparisons:
        shown += [one for one, _ in comparison.changed_outcomes(MAX_THUMBNAILS)]
    return list(dict.fromkeys(one.picture for one in shown))


def render(evaluation: Evaluation, thumbnails: Mapping[int, bytes]) -> str:
    """The page. ``thumbnails``: JPEGs by picture number; some may be missing."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "breakable": _breakable,
        "prose": _prose,
        "percent": figures.percent,
        "interval": figures.interval,
        "score_threshold": figures.score_threshold,
        "number_of": figures.count,
    }
    images = {
        number: Markup("data:image/jpeg;base64,") + b64encode(jpeg).decode("ascii")
        for number, jpeg in thumbnails.items()
    }
    return environment.get_template("page.html").render(
        data=evaluation.summaries[0].dataset,
        notes=list(notes.data_notes(evaluation)),
        models=[_model(one, number, images) for number, one in enumerate(evaluation.summaries)],
        rows=figures.side_by_side(evaluation.summaries),
        comparisons=[_comparison(comparison, images) for comparison in evaluation.comparisons],
        version=__version__,
        default_confidence=MIN_CONFIDENCE,
        max_thumbnails=MAX_THUMBNAILS,
        max_open=MAX_OPEN,
        max_confusions=MAX_CONFUSIONS,
    )


def _harmless(value: object) -> object:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _breakable(text: str) -> Markup:
    """The text, escaped, with a line-break opportunity after each of ``BREAKS``."""
    return Markup("<wbr>").join(BREAKS.split(visible(text)))


def _prose(text: str) -> str:
    """The text with no line break between a number and its percent sign."""
    return text.replace(" %", "\u00a0%")


def _model(summary: Summary, number: int, images: Mapping[int, str]) -> dict[str, object]:
    drawn = [plots.reliability, plots.risk_coverage]
    if summary.confusions:
        drawn.append(plots.confusion)
    return {
        "summary": summary,
        "id": f"model-{number}",
        "notes": list(notes.model_notes(summary)),
        "figures": figures.figures(summary),
        "plots": {
            plot.__name__: Markup(plot(summary, f"{plot.__name__}-{number}")) for plot in drawn
        },
        "pictures_of": {one.class_index: one.pictures for one in summary.per_class},
        "classes": [one for one in summary.per_class if one.pictures],
        "wrong_only": notes.wrong_only_classes(summary),
        "wrong_notes": notes.wrong_notes(summary),
        "wrong": [
            _shown((summary.outcome(int(row)),), images) for row in summary.wrong[:MAX_THUMBNAILS]
        ],
    }


def _comparison(comparison: Comparison, images: Mapping[int, str]) -> dict[str, object]:
    return {
        "names": notes.model_names(comparison),
        "verdict": notes.verdict(comparison),
        "notes": list(notes.comparison_notes(comparison)),
        "changed": [_shown(pair, images) for pair in comparison.changed_outcomes()],
    }


def _shown(outcomes: tuple[PictureOutcome, ...], images: Mapping[int, str]) -> ShownPicture:
    one = outcomes[0]
    return ShownPicture(one.file, one.label, images.get(one.picture), outcomes)
