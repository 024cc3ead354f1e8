"""JSON: one object with everything; shares and scores in 0..1, every wrong picture."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from pictell.evaluation.comparison import Comparison, Evaluation
from pictell.evaluation.matching import Match, Unmatched
from pictell.evaluation.metrics import ClassFigures
from pictell.evaluation.summary import Share, Summary
from pictell.reports.escape import json_escaped
from pictell.reports.evaluation import verdict
from pictell.reports.evaluation.said import Said, said, said_by_both

# Of a curve with an entry for every picture, as many are kept as a plot can show.
CURVE_POINTS = 200


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
    plain = summary.plain_top1 is not None and summary.plain_top5 is not None
    return {
        "model": summary.model,
        "pictures": len(summary.outcomes),
        "effective_pictures": summary.effective_pictures,
        "top1": _share(summary.top1),
        "top5": _share(summary.top5),
        "plain_top1": _share(summary.plain_top1) if plain else None,
        "plain_top5": _share(summary.plain_top5) if plain else None,
        "not_sure": summary.not_sure,
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
        "labels": [_matched(found) for found in summary.matches],
        "classes": [_class(summary, one) for one in summary.per_class],
        "confusions": [
            {
                "label": summary.classes[one.target].name,
                "best_class": summary.classes[one.answer].name,
                "pictures": one.pictures,
                "share": one.share,
            }
            for one in summary.confusions
        ],
        "wrong": [_wrong(said(summary, int(row))) for row in summary.wrong],
        "failed": [
            {"file": summary.dataset.files[picture], "code": error.code, "message": str(error)}
            for picture, error in summary.outcomes.failed
        ],
    }


def _share(share: Share | None) -> dict[str, Any] | None:
    return None if share is None else asdict(share)


def _class(summary: Summary, one: ClassFigures) -> dict[str, Any]:
    label = summary.classes[one.class_index]
    return {
        "label": label.name,
        "synset": label.synset,
        "class_index": one.class_index,
        "pictures": one.pictures,
        "named": one.answers,
        "recall": one.recall,
        "precision": one.precision,
        "errors": one.errors,
    }


def _matched(found: Match | Unmatched) -> dict[str, Any]:
    if isinstance(found, Match):
        return {"label": found.label, "class_index": found.class_index, "matched_by": found.way}
    return {
        "label": found.label,
        "class_index": None,
        "nearest": found.nearest,
        "ambiguous": found.ambiguous,
        "kinds": found.kinds,
    }


def _curve(summary: Summary) -> list[dict[str, float]]:
    curve = summary.risk_coverage
    step = -(-len(curve.risk) // CURVE_POINTS)
    # From the last point on: the one that answers everything is among them.
    points = range(len(curve.risk) - 1, -1, -step)
    return [
        {
            "threshold": float(curve.threshold[index]),
            "coverage": float(curve.coverage[index]),
            "risk": float(curve.risk[index]),
        }
        for index in reversed(points)
    ]


def _wrong(one: Said) -> dict[str, Any]:
    return {"file": one.file, "label": one.truth, **_said(one)}


def _said(one: Said) -> dict[str, Any]:
    """``answer`` is null where the model is not sure, and there is none of one without answers."""
    best = {"best_class": one.best_class, "score": one.score, "right": one.right}
    if one.answered is None:
        return best
    return {**best, "answer": one.answered.name, "answer_right": one.answered.right}


def _comparison(comparison: Comparison) -> dict[str, Any]:
    changed = []
    for one, other in said_by_both(comparison):
        names = {"file": one.file, "label": one.truth}
        changed.append({**names, "first": _said(one), "second": _said(other)})
    return {
        "first": comparison.first.model,
        "second": comparison.second.model,
        "verdict": verdict.verdict(comparison),
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
