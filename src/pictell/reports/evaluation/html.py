"""One self-contained HTML page: figures, plots, and the pictures whose best class is wrong.

It holds no script and asks for nothing from elsewhere, and its Content-Security-Policy forbids
both. Names from outside are spelled out where they hold control characters, then escaped.
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
from pictell.evaluation.summary import Summary
from pictell.reports.escape import visible
from pictell.reports.evaluation import figures, plots, tables, verdict
from pictell.reports.evaluation.said import Said, rescued, said, said_by_both
from pictell.version import __version__

# Thumbnails of one list, and rows of one table.
PICTURES = 100
# So many of them are seen at once, the others when they are asked for.
OPEN = 12
PAIRS = 20
# File names have no spaces to break at, but these.
SEAM = re.compile(r"(?<=[_/-])")


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture that models were wrong about, or not of one mind; ``image`` is a data URI."""

    file: str
    image: str | None
    truth: str
    said: tuple[Said, ...]


def shown_pictures(evaluation: Evaluation) -> list[int]:
    """The numbers of the pictures of which the page shows a thumbnail, if it is given one."""
    numbers = [
        int(summary.outcomes.rows[row]["picture"])
        for summary in evaluation.summaries
        for row in summary.wrong[:PICTURES]
    ]
    numbers += [
        int(comparison.first.outcomes.rows[row]["picture"])
        for comparison in evaluation.comparisons
        for row, _ in comparison.changed[:PICTURES]
    ]
    return list(dict.fromkeys(numbers))


def render(evaluation: Evaluation, thumbnails: Mapping[int, bytes]) -> str:
    """The page. ``thumbnails`` are JPEGs by the pictures' numbers; one that lacks is left out."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"breakable": _breakable, "prose": _prose}
    images = {
        number: Markup("data:image/jpeg;base64,") + b64encode(jpeg).decode("ascii")
        for number, jpeg in thumbnails.items()
    }
    return environment.get_template("page.html").render(
        data=evaluation.summaries[0].dataset,
        notes=list(figures.data_notes(evaluation)),
        models=[
            _model(summary, number, images) for number, summary in enumerate(evaluation.summaries)
        ],
        rows=list(
            zip(
                figures.meanings(evaluation.summaries),
                figures.rows(evaluation.summaries),
                strict=True,
            )
        ),
        comparisons=[_comparison(comparison, images) for comparison in evaluation.comparisons],
        version=__version__,
        percent=figures.percent,
        count=figures.count,
        pictures=PICTURES,
        open=OPEN,
    )


def _harmless(value: object) -> object:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _breakable(text: str) -> Markup:
    """The text, escaped, that may go on in the next line after any ``SEAM``."""
    return Markup("<wbr>").join(SEAM.split(visible(text)))


def _prose(text: str) -> str:
    """Words of ours, in which a number and its percent sign stay on one line."""
    return text.replace(" %", "\u00a0%")


def _model(summary: Summary, number: int, images: Mapping[int, str]) -> dict[str, object]:
    drawn = [plots.reliability, plots.risk_coverage]
    if summary.confusions:
        drawn.append(plots.confusion)
    wrong = [said(summary, int(row)) for row in summary.wrong[:PICTURES]]
    return {
        "summary": summary,
        "id": f"model-{number}",
        "notes": list(figures.model_notes(summary)),
        "groups": figures.groups(summary),
        "min_confidence": tables.min_confidence(summary),
        "scores": tables.scores(summary),
        "plots": {
            plot.__name__: Markup(plot(summary, f"{plot.__name__}-{number}")) for plot in drawn
        },
        "confusions": list(zip(tables.confused(summary, PAIRS), summary.confusions, strict=False)),
        "share_head": tables.share_head(summary),
        "classes": tables.shown_classes(summary),
        "false_names": tables.false_names(summary),
        "rescued": rescued(summary),
        "wrong": [_shown((one,), images) for one in wrong],
    }


def _comparison(comparison: Comparison, images: Mapping[int, str]) -> dict[str, object]:
    return {
        "names": verdict.names(comparison),
        "verdict": verdict.verdict(comparison),
        "notes": list(verdict.notes(comparison)),
        "changed": [_shown(pair, images) for pair in said_by_both(comparison)],
    }


def _shown(found: tuple[Said, ...], images: Mapping[int, str]) -> Shown:
    one = found[0]
    return Shown(one.file, images.get(one.picture), one.truth, found)
