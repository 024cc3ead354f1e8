"""Fit a model's calibration on labelled pictures and measure how much better its scores get."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from pictell import runtimes
from pictell.classifier import Classifier
from pictell.errors import UsageError
from pictell.evaluation import metrics
from pictell.evaluation.collect import check_read, classify_pictures
from pictell.evaluation.dataset import Dataset
from pictell.evaluation.intervals import Interval, under_calibration
from pictell.evaluation.matching import (
    MAX_SHOWN,
    Match,
    check_matches,
    listed,
    match_dataset,
    target_nodes,
)
from pictell.image_model import ImageModel
from pictell.models.calibration_file import Data, FittedCalibration, ScoreErrors
from pictell.models.folder import read_weights
from pictell.models.scorer import answer_tree
from pictell.options import MIN_CONFIDENCE, EngineOptions
from pictell.results import Result
from pictell.scoring import calibration
from pictell.scoring.calibration import Abstention, Calibration, Floats, Indices
from pictell.scoring.postprocess import PROBABILITIES, to_probabilities
from pictell.scoring.taxonomy import Taxonomy, choose, node_probabilities
from pictell.types import INDEPENDENT, ModelSpec

# Enough to find the temperature to 0.01; more would only use more memory.
MAX_PICTURES = 5000
SEED = 0
ROUNDING = 1e-6
# A float64 softmax rounds to 0 where logits differ by more than 745.
MIN_POSITIVE = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, slots=True)
class Sample:
    """Uncalibrated outputs for labelled pictures.

    ``evidence`` (N, classes) as in ``pictell.scoring.calibration``, ``targets`` (N,) class
    indices, ``weights`` (N,).
    """

    evidence: Floats
    targets: Indices
    weights: Floats


@dataclass(frozen=True, slots=True)
class CalibrationResult:
    """A fitted calibration and what it does to the scores.

    ``top1_accuracy`` and ``mean_confidence`` (before, after) are in 0..1. ``error_by_chance`` is
    where the calibration error of perfectly calibrated scores would lie on these pictures.
    """

    fitted: FittedCalibration
    top1_accuracy: float
    mean_confidence: tuple[float, float]
    error_by_chance: Interval

    @property
    def unchanged(self) -> bool:
        """Whether the scores stay as they are because no fit made them better."""
        return self.fitted.calibration == Calibration()


def fit_calibration(sample: Sample, about: str, taxonomy: Taxonomy) -> CalibrationResult:
    """Calibrate a model on its outputs for pictures that it was not trained on.

    ``about`` describes the pictures. ``taxonomy`` has the labels that can answer. The scores stay
    as they are where the fit does not improve the likelihood of held-out pictures. Raises
    ``UsageError`` for too few pictures.
    """
    fitted = calibration.fit(sample.evidence, sample.targets, sample.weights)
    held_out = calibration.cross_fit(sample.evidence, sample.targets, sample.weights)
    own, new = (to_probabilities(logits, "softmax") for logits in (sample.evidence, held_out))
    before, after = score_errors(own, sample), score_errors(new, sample)
    if not after.negative_log_likelihood < before.negative_log_likelihood:
        fitted, new, after = Calibration(), own, before
    abstention = _abstention(sample, fitted)
    if fitted != Calibration():
        slope = likely_slope(sample, fitted, abstention, taxonomy)
        fitted = replace(fitted, likely_slope=slope)
    weights, confidence = sample.weights, new.max(axis=1)
    return CalibrationResult(
        FittedCalibration(Data(about, len(sample.targets)), fitted, abstention, before, after),
        top1_accuracy=metrics.mean(own.argmax(axis=1) == sample.targets, weights),
        mean_confidence=(metrics.mean(own.max(axis=1), weights), metrics.mean(confidence, weights)),
        error_by_chance=under_calibration(
            metrics.calibration_error(confidence, weights), confidence
        ),
    )


def collect_sample(
    spec: ModelSpec,
    dataset: Dataset,
    engine: EngineOptions,
    watch: Callable[[Result], None] = lambda result: None,
) -> Sample:
    """Classify the pictures without calibration, a random ``MAX_PICTURES`` of larger datasets.

    ``watch`` receives every result. Raises ``UsageError`` for labels that are not classes, and any
    ``ModelError``.
    """
    matches = match_dataset(dataset, answer_tree(spec))
    check_matches(dataset, matches, spec.name)
    _check_classes(dataset, matches)
    drawn = np.random.default_rng(SEED).permutation(len(dataset))[:MAX_PICTURES]
    pictures = np.sort(drawn)
    rows, read = [], list[int]()
    session = runtimes.open_session(spec, read_weights(spec), engine)
    with Classifier(ImageModel(spec, session)) as classifier:
        for picture, result in classify_pictures(classifier, dataset, pictures, watch, top_k=1):
            if result.probabilities is not None:
                rows.append(_evidence(result.probabilities, spec))
                read.append(picture)
    weights = (np.ones(len(dataset)) if dataset.weights is None else dataset.weights)[read]
    check_read(dataset, weights)
    return Sample(np.stack(rows), target_nodes(matches)[dataset.label_of[read]], weights)


def score_errors(probabilities: Floats, sample: Sample) -> ScoreErrors:
    """How far probabilities (N, classes) are from the truth."""
    weights = sample.weights
    right = probabilities.argmax(axis=1) == sample.targets
    of_target = probabilities[np.arange(len(right)), sample.targets]
    squares = (probabilities**2).sum(axis=1)
    return ScoreErrors(
        calibration_error=metrics.calibration_error(probabilities.max(axis=1), weights)(right),
        negative_log_likelihood=metrics.negative_log_likelihood(of_target, weights),
        brier_score=metrics.brier_score(of_target, squares, weights),
    )


def likely_slope(
    sample: Sample, fitted: Calibration, abstention: Abstention, taxonomy: Taxonomy
) -> float:
    """The slope for the scores of the answers that are likely at the default threshold."""
    logits = calibration.to_logits(sample.evidence, fitted)
    probabilities = to_probabilities(logits, "softmax")
    score = calibration.abstention_score(sample.evidence, probabilities, abstention.score)
    nodes = node_probabilities(taxonomy, probabilities)
    chosen = choose(taxonomy, nodes, MIN_CONFIDENCE)
    of_chosen = nodes[np.arange(len(nodes)), chosen]
    likely = (score >= abstention.threshold) & (of_chosen < MIN_CONFIDENCE)
    likely &= chosen != taxonomy.root
    right = taxonomy.covers(chosen[likely], sample.targets[likely])
    return calibration.fit_likely_slope(of_chosen[likely], right, sample.weights[likely])


def _check_classes(dataset: Dataset, matches: Sequence[Match]) -> None:
    broader = [repr(one.label) for one in matches if one.matched_by == "broader"]
    if broader:
        raise UsageError(
            f"{dataset.name}: {len(broader)} of {len(matches)} labels are broader labels: "
            f"{listed(broader, MAX_SHOWN)}: a calibration needs the names of classes"
        )


def _abstention(sample: Sample, fitted: Calibration) -> Abstention:
    score = calibration.choose_score(sample.evidence.shape[1])
    probabilities = to_probabilities(calibration.to_logits(sample.evidence, fitted), "softmax")
    scores = calibration.abstention_score(sample.evidence, probabilities, score)
    return Abstention(
        score,
        calibration.abstention_threshold(scores, sample.weights),
        calibration.false_alarms(scores, sample.weights),
    )


def _evidence(probabilities: Floats, spec: ModelSpec) -> Floats:
    if spec.activation in INDEPENDENT and abs(probabilities.sum() - 1) > ROUNDING:
        raise UsageError(
            f"the classes of {spec.name} do not exclude each other: pictell calibrates only models "
            "whose scores add up to 1"
        )
    if spec.activation in PROBABILITIES:
        return calibration.evidence(probabilities, "none")
    return calibration.evidence(np.log(np.maximum(probabilities, MIN_POSITIVE)), "softmax")
