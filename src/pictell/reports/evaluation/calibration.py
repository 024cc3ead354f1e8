"""What a calibration found, in plain words: what became of the scores, how good they are."""

from __future__ import annotations

import math

from pictell.evaluation.calibrate import Fitted
from pictell.reports.evaluation.figures import percent

# What each score of 'not sure' tells.
TOO_LITTLE = {
    "peak": "no class stands out enough among all",
    "probability": "the best score is too low",
}


def render(fitted: Fitted) -> str:
    """What was found, in plain words; several lines."""
    found = fitted.calibration
    limit = found.abstention
    return "\n".join(
        [
            f"{found.pictures} pictures: the best class is right for {percent(fitted.right)}, "
            f"and the model's own score said {percent(fitted.confidence[0])} on average.",
            _verdict(fitted),
            "",
            *_figures(fitted),
            "",
            f"'Not sure' is said where {TOO_LITTLE[limit.score]} ({limit.score} below "
            f"{limit.threshold:.3g}):",
            "of pictures like these, which the model does know, "
            f"that is {percent(limit.false_alarms)}.",
        ]
    )


def _verdict(fitted: Fitted) -> str:
    """What becomes of the scores."""
    if fitted.kept:
        return (
            "The scores are kept as they are: "
            "what was fitted made them no better on pictures held out of the fit."
        )
    temperature, knee = fitted.calibration.calibration
    before, after = fitted.confidence
    found = "too low: they are raised" if after > before else "too high: they are lowered"
    rising = "" if math.isinf(knee) else f", rising above evidence of {knee:.1f}"
    return (
        f"The scores were {found}, to {percent(after)} on average "
        f"(temperature {temperature:.2f}{rising})."
    )


def _figures(fitted: Fitted) -> list[str]:
    """How good the scores are; where they were changed, before and after."""
    before, after = fitted.calibration.before, fitted.calibration.after
    names = ("calibration error", "negative log-likelihood", "Brier score")
    columns = [before] if fitted.kept else [before, after]
    rows = zip(names, *columns, strict=True)
    heading = [] if fitted.kept else [f"{'':24}{'before':>8}{'after':>8}"]
    columns_mean = (
        "the model's own scores"
        if fitted.kept
        else "before: the model's own scores; after: measured on pictures held out of the fit"
    )
    return [
        *heading,
        *(f"{name:24}" + "".join(f"{value:8.3f}" for value in values) for name, *values in rows),
        f"{columns_mean}; 0 is best,",
        "but of exact scores the calibration error would be "
        f"{fitted.by_chance.low:.3f} to {fitted.by_chance.high:.3f} on so few pictures",
    ]
