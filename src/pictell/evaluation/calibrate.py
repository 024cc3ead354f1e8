"""A model is calibrated on labelled pictures, and how much better its scores get is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pictell import runtimes
from pictell.classifier import Classifier
from pictell.evaluation import metrics
from pictell.evaluation.dataset import Dataset
from pictell.evaluation.intervals import Interval, under_calibration
from pictell.evaluation.matching import Match, check, match_dataset
from pictell.evaluation.outcomes import check_read, name_pictures
from pictell.models.calibration_file import Figures, FittedCalibration
from pictell.models.folder import read_weights
from pictell.options import EngineOptions
from pictell.scoring import calibration
from pictell.scoring.calibration import Abstention, Calibration, Floats, Indices
from pictell.scoring.postprocess import to_probabilities
from pictell.types import ModelSpec, Result

# The temperature is known to a hundredth then; more would cost memory and say nothing new.
MAX_PICTURES = 5000
SEED = 0
# A softmax in float64 rounds gaps between logits of more than 745 to it.
LEAST = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, slots=True)
class Sample:
    """Answers to labelled pictures: evidence (N, classes), right classes (N,), weights (N,)."""

    evidence: Floats
    targets: Indices
    weights: Floats


@dataclass(frozen=True, slots=True)
class Fitted:
    """What was found for a model.

    ``right``: how often the best class is right; ``confidence``: the mean of its scores
    before and after; all 0..1. ``by_chance``: where the calibration error of exact scores would
    lie on these pictures; ``failed`` counts pictures that could not be read.
    """

    calibration: FittedCalibration
    right: float
    confidence: tuple[float, float]
    by_chance: Interval
    failed: int

    @property
    def kept(self) -> bool:
        """Whether the scores are left as they are, for a fit made them no better."""
        return self.calibration.calibration == Calibration()


def fit_calibration(
    spec: ModelSpec,
    dataset: Dataset,
    engine: EngineOptions,
    about: str,
    watch: Callable[[Result], None] = lambda result: None,
) -> Fitted:
    """Calibrate a model on pictures that it has not been trained on.

    Of more than ``MAX_PICTURES`` so many are drawn by lot. ``about`` says what they are; ``watch``
    sees every result as it comes. Raises ``UsageError`` for labels that match nothing and for too
    few pictures, and a ``ModelError``.
    """
    sample, failed = collect_sample(spec, dataset, engine, watch)
    return fit_sample(sample, about, failed)


def fit_sample(sample: Sample, about: str, failed: int = 0) -> Fitted:
    """Calibrate a model by what it said of some pictures; see ``fit_calibration``.

    Scores whose likelihood gets no better on pictures held out of the fit are left as they are.
    """
    fitted = calibration.fit(sample.evidence, sample.targets, sample.weights)
    held_out = calibration.cross_fit(sample.evidence, sample.targets, sample.weights)
    own, new = (to_probabilities(logits, "softmax") for logits in (sample.evidence, held_out))
    before, after = figures(own, sample), figures(new, sample)
    if not after.negative_log_likelihood < before.negative_log_likelihood:
        fitted, new, after = Calibration(), own, before
    found = FittedCalibration(
        fitted, _not_sure(sample, fitted), about, len(sample.targets), before, after
    )
    weights, confidence = sample.weights, new.max(axis=1)
    return Fitted(
        found,
        right=metrics.mean(own.argmax(axis=1) == sample.targets, weights),
        confidence=(metrics.mean(own.max(axis=1), weights), metrics.mean(confidence, weights)),
        by_chance=under_calibration(metrics.calibration_error(confidence, weights), confidence),
        failed=failed,
    )


def collect_sample(
    spec: ModelSpec,
    dataset: Dataset,
    engine: EngineOptions,
    watch: Callable[[Result], None] = lambda result: None,
) -> tuple[Sample, int]:
    """What the model says of the pictures, uncalibrated, and how many could not be read."""
    target_of = _targets(dataset, spec)[dataset.label_of]
    drawn = np.random.default_rng(SEED).permutation(len(dataset))[:MAX_PICTURES]
    pictures = np.sort(drawn)
    classifier = Classifier(spec, runtimes.open_session(spec, read_weights(spec), engine))
    rows, read = [], list[int]()
    for picture, result in name_pictures(classifier, dataset, pictures, watch, top_k=1):
        if result.probabilities is not None:
            rows.append(_evidence(result.probabilities, spec))
            read.append(picture)
    weights = (np.ones(len(dataset)) if dataset.weights is None else dataset.weights)[read]
    check_read(dataset, weights)
    sample = Sample(np.stack(rows), target_of[read].astype(np.int64), weights)
    return sample, len(pictures) - len(read)


def figures(probabilities: Floats, sample: Sample) -> Figures:
    """How good probabilities (N, classes) are."""
    weights = sample.weights
    right = probabilities.argmax(axis=1) == sample.targets
    of_target = probabilities[np.arange(len(right)), sample.targets]
    squares = (probabilities**2).sum(axis=1)
    return Figures(
        calibration_error=metrics.calibration_error(probabilities.max(axis=1), weights)(right),
        negative_log_likelihood=metrics.negative_log_likelihood(of_target, weights),
        brier_score=metrics.brier_score(of_target, squares, weights),
    )


def _not_sure(sample: Sample, fitted: Calibration) -> Abstention:
    score = calibration.choose_score(sample.evidence.shape[1])
    probabilities = to_probabilities(calibration.to_logits(sample.evidence, fitted), "softmax")
    scores = calibration.sureness(sample.evidence, probabilities, score)
    return Abstention(
        score,
        calibration.abstention_threshold(scores, sample.weights),
        calibration.false_alarms(scores, sample.weights),
    )


def _targets(dataset: Dataset, spec: ModelSpec) -> NDArray[np.int32]:
    matches = match_dataset(dataset, spec)
    check(dataset, matches, spec.name)
    found = [one.class_index for one in matches if isinstance(one, Match)]
    return np.array(found, np.int32)


def _evidence(probabilities: Floats, spec: ModelSpec) -> Floats:
    if spec.activation == "none":
        return calibration.evidence(probabilities, "none")
    return calibration.evidence(np.log(np.maximum(probabilities, LEAST)), "softmax")
