"""The HTML report: one self-contained page with figures, plots and pictures.

The page has no scripts and loads nothing; its Content-Security-Policy forbids both. File, class and
model names are HTML-escaped, and their control characters are spelled out.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pictell.evaluation.comparison import Evaluation
from pictell.reports.escape import visible
from pictell.reports.evaluation import figures, notes
from pictell.reports.evaluation.plots import plots
from pictell.reports.evaluation.tables import tables
from pictell.results import warning_mark
from pictell.training.measure import Suspect
from pictell.version import __version__

MAX_THUMBNAILS = 100
# The other rows of a table and the other thumbnails of a list are folded away.
MAX_OPEN = 12
# Where a line may break in names without spaces.
BREAKS = re.compile(r"(?<=[_/-])")


class Training(NamedTuple):
    """What the page of a trained model has besides: sentences, and labels that may be wrong.

    ``thumbnails``: JPEGs by the number of a picture in the data that it was trained on.
    """

    notes: Sequence[str]
    suspects: Sequence[Suspect]
    thumbnails: Mapping[int, bytes]


def shown_pictures(evaluation: Evaluation) -> list[int]:
    """The numbers of the pictures whose thumbnails the page can show."""
    shown = [one for summary in evaluation.summaries for one in summary.wrong[:MAX_THUMBNAILS]]
    for comparison in evaluation.comparisons:
        shown += [one for one, _ in comparison.changed[:MAX_THUMBNAILS]]
    return list(dict.fromkeys(one.picture for one in shown))


def render(
    evaluation: Evaluation, thumbnails: Mapping[int, bytes], training: Training | None = None
) -> str:
    """The page. ``thumbnails``: JPEGs by picture number; some may be missing."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"breakable": _breakable, "prose": _prose, "percent": figures.percent}
    return environment.get_template("page.html").render(
        evaluation=evaluation,
        summaries=evaluation.summaries,
        figures=figures,
        notes=notes,
        plots=plots,
        tables=tables,
        training=training,
        warning_mark=warning_mark,
        images=_sources(thumbnails),
        suspect_images=_sources(training.thumbnails if training else {}),
        max_thumbnails=MAX_THUMBNAILS,
        max_open=MAX_OPEN,
        version=__version__,
    )


def _sources(thumbnails: Mapping[int, bytes]) -> dict[int, str]:
    return {
        number: f"data:image/jpeg;base64,{b64encode(jpeg).decode('ascii')}"
        for number, jpeg in thumbnails.items()
    }


def _harmless(value: object) -> object:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _breakable(text: str) -> Markup:
    """The text, escaped, with a line-break opportunity after each of ``BREAKS``."""
    return Markup("<wbr>").join(BREAKS.split(_prose(visible(text))))


def _prose(text: str) -> str:
    """The text with no line break between a number and its percent sign."""
    return text.replace(" %", "\u00a0%")
