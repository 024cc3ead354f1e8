"""The JSON report: one object with all figures and every wrong picture; shares are in 0..1.

The fields are those of ``Summary`` and ``Comparison`` and of the records that they hold.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Any

from pictell.evaluation.comparison import Comparison, Evaluation
from pictell.evaluation.summary import Summary
from pictell.reports.escape import json_escaped
from pictell.reports.evaluation.notes import verdict


def render(evaluation: Evaluation) -> Iterator[str]:
    """The evaluation as one JSON object."""
    data = evaluation.summaries[0].outcomes.dataset
    record = {
        "data": {
            "name": data.name,
            "pictures": len(data),
            "labels": len(data.labels),
            "weighted": data.weights is not None,
            "empty_classes": data.empty_classes,
            "skipped_files": data.skipped_files,
            "repeated": data.repeated,
        },
        "models": [_model(summary) for summary in evaluation.summaries],
        "comparisons": [_comparison(comparison) for comparison in evaluation.comparisons],
    }
    written = json.dumps(record, ensure_ascii=False, allow_nan=False, default=asdict)
    yield json_escaped(written) + "\n"


def _model(summary: Summary) -> dict[str, Any]:
    record = _fields(summary)
    outcomes = record.pop("outcomes")
    return record | {
        "pictures": len(outcomes),
        "failed": outcomes.failed,
        "warned": outcomes.warned,
        "labels": outcomes.matches,
    }


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        **_fields(comparison),
        "first": comparison.first.model,
        "second": comparison.second.model,
        "clear": comparison.clear,
        "verdict": verdict(comparison),
        "changed": [{"first": one, "second": other} for one, other in comparison.changed],
    }


def _fields(record: Summary | Comparison) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}
