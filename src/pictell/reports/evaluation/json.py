"""The JSON report: one object with all figures and every wrong picture; shares are in 0..1."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from pictell.evaluation.comparison import Comparison, Evaluation
from pictell.evaluation.metrics import ClassFigures
from pictell.evaluation.summary import PictureOutcome, Share, Summary
from pictell.reports.escape import json_escaped
from pictell.reports.evaluation.notes import verdict

# As many as a plot can show.
MAX_CURVE_POINTS = 200


def render(evaluation: Evaluation) -> Iterator[str]:
    """The evaluation as one JSON object."""
    data = evaluation.summaries[0].dataset
    record = {
        "data": {
            "name": data.name,
            "pictures": len(data),
            "labels": len(data.labels),
            "weighted": data.weights is not None,
            "empty_classes": data.empty_classes,
            "skipped_files": data.skipped,
            "repeated": data.repeated,
        },
        "models": [_model(summary) for summary in evaluation.summaries],
        "comparisons": [_comparison(comparison) for comparison in evaluation.comparisons],
    }
    yield json_escaped(json.dumps(record, ensure_ascii=False, allow_nan=False)) + "\n"


def _model(summary: Summary) -> dict[str, Any]:
    return {
        "model": summary.model,
        "pictures": len(summary.outcomes),
        "effective_pictures": summary.effective_pictures,
        "top1": _share(summary.top1),
        "top5": _share(summary.top5),
        "plain_top1": _share(summary.plain_top1),
        "plain_top5": _share(summary.plain_top5),
        "abstained": summary.abstained,
        "hierarchy": None if summary.hierarchy is None else asdict(summary.hierarchy),
        "answers_at": [asdict(one) for one in summary.answers_at],
        "calibration_error": summary.reliability.error,
        "calibration_error_by_chance": asdict(summary.reliability.by_chance),
        "reliability": [asdict(one) for one in summary.reliability.bins],
        "negative_log_likelihood": summary.negative_log_likelihood,
        "brier_score": summary.brier_score,
        "risk_coverage_area": summary.risk_coverage.area,
        "risk_coverage": _curve(summary),
        "thresholds": [asdict(one) for one in summary.thresholds],
        "latency_ms": dict(zip(("p50", "p99"), summary.latency_ms, strict=True)),
        "labels": [{"class_index": None} | asdict(found) for found in summary.matches],
        "classes": [_class(summary, one) for one in summary.per_class],
        "confusions": [
            {
                "label": summary.classes[one.target].name,
                "best_class": summary.classes[one.best].name,
                "pictures": one.pictures,
                "share": one.share,
            }
            for one in summary.confusions
        ],
        "wrong": [_picture(summary.outcome(int(row))) for row in summary.wrong],
        "failed": [
            {"file": summary.dataset.files[picture], "code": error.code, "message": error.message}
            for picture, error in summary.outcomes.failed
        ],
    }


def _share(share: Share | None) -> dict[str, Any] | None:
    return None if share is None else asdict(share)


def _class(summary: Summary, one: ClassFigures) -> dict[str, Any]:
    label = summary.classes[one.class_index]
    return {"label": label.name, "synset": label.synset, **asdict(one)}


def _curve(summary: Summary) -> list[dict[str, float]]:
    curve = summary.risk_coverage
    step = -(-len(curve.risk) // MAX_CURVE_POINTS)
    # Backwards, to include the last point, with coverage 1.
    points = range(len(curve.risk) - 1, -1, -step)[::-1]
    names = ("threshold", "coverage", "risk")
    return [{name: float(getattr(curve, name)[point]) for name in names} for point in points]


def _picture(one: PictureOutcome) -> dict[str, Any]:
    return {"file": one.file, "label": one.label, **_outcome(one)}


def _outcome(one: PictureOutcome) -> dict[str, Any]:
    """``answer`` is null where the model abstained, and missing if it gives no answers."""
    best = {"best_class": one.best_class, "score": one.score, "right": one.right}
    if one.answer_right is None:
        return best
    return {**best, "answer": one.answer, "answer_right": one.answer_right}


def _comparison(comparison: Comparison) -> dict[str, Any]:
    changed = [
        {"file": one.file, "label": one.label, "first": _outcome(one), "second": _outcome(other)}
        for one, other in comparison.changed_outcomes()
    ]
    return {
        "first": comparison.first.model,
        "second": comparison.second.model,
        "verdict": verdict(comparison),
        "clear": comparison.clear,
        "pictures": comparison.pictures,
        "both_right": comparison.both_right,
        "only_first_right": comparison.only_first,
        "only_second_right": comparison.only_second,
        "both_wrong": comparison.both_wrong,
        "mcnemar_exact_p": comparison.p_value,
        "top1_difference": comparison.difference,
        "top1_difference_interval": asdict(comparison.interval),
        "changed": changed,
    }
