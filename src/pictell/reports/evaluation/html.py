"""The HTML report: one self-contained page with figures, plots and pictures.

The page has no scripts and loads nothing; its Content-Security-Policy forbids both. File, class and
model names are HTML-escaped, and their control characters are spelled out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pictell.evaluation.comparison import Evaluation
from pictell.reports.evaluation import figures, notes
from pictell.reports.evaluation.plots import plots
from pictell.reports.evaluation.tables import tables
from pictell.reports.html_page import environment, image_source
from pictell.results import warning_mark
from pictell.training.measure import Suspect
from pictell.version import __version__

MAX_THUMBNAILS = 100
# The other rows of a table and the other thumbnails of a list are folded away.
MAX_OPEN = 12


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
    pages = environment(Path(__file__).parent)
    pages.filters["percent"] = figures.percent
    return pages.get_template("page.html").render(
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
    return {number: image_source(jpeg) for number, jpeg in thumbnails.items()}
