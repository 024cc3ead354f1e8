"""The calibration of a trained model, from what heads say of pictures held out of their fit."""

from __future__ import annotations

import numpy as np

from pictell.evaluation.calibrate import Sample, score_errors
from pictell.models.calibration_file import Data, FittedCalibration
from pictell.scoring.calibration import (
    Abstention,
    Floats,
    abstention_threshold,
    evidence,
    false_alarms,
    fit_temperature,
    to_logits,
)
from pictell.scoring.postprocess import to_probabilities
from pictell.training.head import HeldOut, Targets


def calibrate(held_out: HeldOut, targets: Targets, about: str) -> FittedCalibration:
    """The temperature of the scores, and the familiarity below which a picture is unknown.

    ``targets`` (M,) are the classes of the pictures that were held out; ``about`` describes them.
    A familiarity that at most 5 % of them are below is the limit.
    """
    sample = Sample(evidence(held_out.logits, "softmax"), targets, np.ones(len(targets)))
    fitted = fit_temperature(sample.evidence, sample.targets, sample.weights)
    own = to_probabilities(sample.evidence, "softmax")
    new = to_probabilities(to_logits(sample.evidence, fitted), "softmax")
    return FittedCalibration(
        Data(about, len(targets)),
        fitted,
        _abstention(held_out.familiarity, sample.weights),
        before=score_errors(own, sample),
        after=score_errors(new, sample),
    )


def _abstention(familiarity: Floats, weights: Floats) -> Abstention:
    # The limit of an abstention is 0 or more; a cosine below 0 is far from everything.
    limit = max(0.0, abstention_threshold(familiarity, weights))
    return Abstention("familiarity", limit, false_alarms(familiarity, weights))
