"""The HTML page of the option ``--report``."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from pictell.cli import output_file
from pictell.cli.output import say
from pictell.errors import UsageError

if TYPE_CHECKING:
    from pictell.evaluation.comparison import Evaluation
    from pictell.reports.evaluation.html import Training

# How a page starts; no other file is overwritten.
PAGE_HEAD = b"<!doctype html>"


def check(path: Path) -> None:
    """Raise ``UsageError``, before anything is computed, if the page cannot be written."""
    try:
        import_module("pictell.reports.evaluation.html")
    except ImportError as error:
        raise UsageError(
            "--report needs the extra evaluate: pip install 'pictell[evaluate]'"
        ) from error
    output_file.check(path, "a report", (PAGE_HEAD,))


def write(path: Path, evaluation: Evaluation, training: Training | None = None) -> None:
    """Write the page and say so; ``training`` is what that of a trained model has besides.

    Raises ``PictellError``.
    """
    from pictell.evaluation.thumbnails import thumbnails
    from pictell.reports.evaluation import html

    pictures = thumbnails(evaluation.summaries[0].outcomes.dataset, html.shown_pictures(evaluation))
    output_file.write(path, [html.render(evaluation, pictures, training).encode()])
    say(f"the report is in {path}")
