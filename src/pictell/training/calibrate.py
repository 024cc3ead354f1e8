"""The calibration of a trained model, from what heads say of pictures held out of their fit."""

from __future__ import annotations

import numpy as np

from pictell.evaluation.calibrate import Sample, score_errors
from pictell.models.calibration_file import Data, FittedCalibration
from pictell.scoring.calibration import (
    Abstention,
    abstention_threshold,
    evidence,
    false_alarms,
    fit_temperature,
    to_logits,
)
from pictell.scoring.postprocess import to_probabilities
from pictell.training.familiarity import Scores
from pictell.training.head import Has, HeldOut

# Of fewer pictures, 5 % are none. Their mean and spread say more than the lowest of them.
FEW = 10
SPREADS = 2.0


def calibrate(held_out: HeldOut, targets: Has, several: bool, about: str) -> FittedCalibration:
    """The temperature of the scores, and the familiarity below which a picture is unknown.

    ``targets`` (M, C) are those of the pictures that were held out; ``about`` describes them. A
    familiarity that at most 5 % of them are below is the limit; of few pictures, it is no higher
    than two standard deviations below their mean.
    """
    sample = _decisions(held_out.logits, targets) if several else _sample(held_out.logits, targets)
    fitted = fit_temperature(sample.evidence, sample.targets, sample.weights)
    own = to_probabilities(sample.evidence, "softmax")
    new = to_probabilities(to_logits(sample.evidence, fitted), "softmax")
    return FittedCalibration(
        Data(about, len(targets)),
        fitted,
        _abstention(held_out.familiarity),
        before=score_errors(own, sample),
        after=score_errors(new, sample),
    )


def _sample(logits: Scores, targets: Has) -> Sample:
    return Sample(evidence(logits, "softmax"), targets.argmax(axis=1), np.ones(len(targets)))


def _decisions(logits: Scores, targets: Has) -> Sample:
    """One decision for each picture and class: sigmoid(x) is the softmax of (0, x)."""
    both = np.stack([np.zeros(logits.size), logits.ravel()], axis=1)
    return Sample(evidence(both, "softmax"), targets.ravel().astype(np.int64), np.ones(logits.size))


def _abstention(familiarity: Scores) -> Abstention:
    weights = np.ones(len(familiarity))
    limit = abstention_threshold(familiarity, weights)
    if len(familiarity) < FEW:
        limit = min(limit, float(familiarity.mean() - SPREADS * familiarity.std()))
    return Abstention("familiarity", max(0.0, limit), false_alarms(familiarity, weights))
