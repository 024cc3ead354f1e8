"""Reports of an evaluation: text and JSON on stdout, and an HTML page.

``figures``, ``tables`` and ``notes`` hold what the text and the page both show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pictell.evaluation.comparison import Evaluation
from pictell.reports.evaluation import json, text

Report = Callable[[Evaluation], Iterator[str]]

EVALUATION_FORMATS: dict[str, Report] = {"text": text.render, "json": json.render}
