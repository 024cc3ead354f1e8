"""The text report of a calibration: what it does to the scores, and how good they are."""

from __future__ import annotations

import math

from msgspec.structs import astuple

from pictell.evaluation.calibrate import CalibrationResult
from pictell.reports.evaluation.figures import by_chance, percent

REASONS = {
    "peak": "no class stands out from the others",
    "probability": "the best score is low",
    "familiarity": "the picture is unlike those that the model was trained on",
}


def render(result: CalibrationResult) -> str:
    """The report, several lines."""
    fitted = result.fitted
    abstention = fitted.abstention
    return "\n".join(
        [
            f"{fitted.data.pictures} pictures: top-1 accuracy {percent(result.top1_accuracy)}, "
            f"mean score {percent(result.mean_confidence[0])}",
            _change(result),
            "",
            *_errors(result),
            "",
            f"unknown: {percent(abstention.false_alarms)} of pictures like these, where "
            f"{REASONS[abstention.score]} ({abstention.score} below {abstention.threshold:.3g})",
        ]
    )


def _change(result: CalibrationResult) -> str:
    if result.unchanged:
        return "scores unchanged: the fit does not improve the scores of held-out pictures"
    fitted = result.fitted.calibration
    before, after = result.mean_confidence
    direction = "raised" if after > before else "lowered"
    rising = "" if math.isinf(fitted.knee) else f", knee {fitted.knee:.1f}"
    return (
        f"scores {direction}: mean score now {percent(after)} "
        f"(temperature {fitted.temperature:.2f}{rising})"
    )


def _errors(result: CalibrationResult) -> list[str]:
    names = ("calibration error", "log loss", "Brier score")
    before, after = astuple(result.fitted.before), astuple(result.fitted.after)
    rows = zip(names, before, after, strict=True)
    lines = [f"{name:20}{one:8.3f}{other:8.3f}" for name, one, other in rows]
    lines[0] += f"  {by_chance(result.error_by_chance)}"
    return [
        f"{'':20}{'before':>8}{'after':>8}",
        *lines,
        "0 is best; by chance: the error of exact scores on as many pictures; "
        "after: measured on pictures held out of the fit",
    ]
