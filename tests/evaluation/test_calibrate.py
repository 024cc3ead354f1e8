"""The fit of a calibration, and its figures on held-out pictures."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from msgspec.structs import astuple
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn import metrics as oracle

import fake_model as fake
from evaluation_oracle import Floats, assert_calibrated_error, calibration_error
from labelled_pictures import BROKEN, LABELS, make_weighted, scores_of
from pictell import models
from pictell.errors import UsageError
from pictell.evaluation import calibrate
from pictell.evaluation.calibrate import CalibrationResult, Sample, collect_sample, fit_calibration
from pictell.evaluation.dataset import read_dataset
from pictell.graphs import Weights
from pictell.models.folder import create_model_folder
from pictell.options import EngineOptions
from pictell.scoring import calibration
from pictell.scoring.taxonomy import flat_taxonomy
from pictell.types import Label, ModelSpec

PICTURES, CLASSES = 500, 6


@pytest.fixture
def spec(tmp_path: Path) -> ModelSpec:
    described = fake.spec(LABELS)
    create_model_folder(tmp_path / "model", described, fake.weights(len(LABELS)))
    return models.find(tmp_path / "model")


def expected(folder: Path, brightness: NDArray[np.int64], pictures: list[int]) -> Sample:
    """The sample of some pictures, by the rows of the list and the formula of the fake."""
    lines = [line.split(",") for line in (folder / "labels.csv").read_text().split()[1:]]
    logs = np.log(scores_of(brightness[pictures]))
    return Sample(
        logs - logs.mean(axis=1, keepdims=True),
        np.array([LABELS.index(lines[number][1]) for number in pictures]),
        np.array([float(lines[number][2]) for number in pictures]),
    )


def assert_same(found: Sample, wanted: Sample) -> None:
    assert found.evidence == pytest.approx(wanted.evidence, abs=1e-9)
    assert found.targets.tolist() == wanted.targets.tolist()
    assert found.weights.tolist() == wanted.weights.tolist()


def test_pictures_keep_their_class_and_weight_if_one_cannot_be_read(
    spec: ModelSpec, tmp_path: Path
) -> None:
    brightness = make_weighted(tmp_path)
    sample = collect_sample(spec, read_dataset(tmp_path), EngineOptions())
    read = [number for number in range(len(brightness)) if number != BROKEN]
    assert_same(sample, expected(tmp_path, brightness, read))


def test_large_datasets_are_sampled(
    spec: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibrate, "MAX_PICTURES", 40)
    brightness = make_weighted(tmp_path)
    seen = list[str]()
    sample = collect_sample(
        spec, read_dataset(tmp_path), EngineOptions(), lambda result: seen.append(result.source)
    )
    drawn = [int(Path(name).stem) for name in seen]
    assert len(drawn) == 40
    assert drawn == sorted(set(drawn))
    assert drawn[-1] >= 40
    read = [number for number in drawn if number != BROKEN]
    assert_same(sample, expected(tmp_path, brightness, read))


def rounded_to_8_bits(weights: Weights) -> Weights:
    """The model with softmax and with probabilities that are multiples of 1/256."""
    model = onnx.load_from_string(weights.graph)
    node, graph = onnx.helper.make_node, model.graph
    graph.node[-1].output[0] = "raw"
    graph.node.extend(
        [
            node("Softmax", ["raw"], ["probabilities"]),
            node("Mul", ["probabilities", "steps"], ["scaled"]),
            node("Round", ["scaled"], ["rounded"]),
            node("Div", ["rounded", "steps"], ["logits"]),
        ]
    )
    graph.initializer.append(onnx.numpy_helper.from_array(np.array(256.0), "steps"))
    return replace(weights, files={fake.WEIGHTS_FILE: model.SerializeToString()})


def test_probabilities_rounded_to_0_count_as_small_ones(tmp_path: Path) -> None:
    weights = rounded_to_8_bits(fake.weights(len(LABELS)))
    described = replace(fake.spec(LABELS), activation="none", sha256=fake.checksum(weights.files))
    create_model_folder(tmp_path / "model", described, weights)
    brightness = np.delete(make_weighted(tmp_path), BROKEN)
    spec = models.find(tmp_path / "model")
    sample = collect_sample(spec, read_dataset(tmp_path), EngineOptions())
    rounded = np.round(256 * scores_of(brightness)) / 256
    logs = np.log(np.maximum(rounded, 1e-4))
    assert sample.evidence == pytest.approx(logs - logs.mean(axis=1, keepdims=True))


def test_classes_that_do_not_exclude_each_other_are_not_calibrated(tmp_path: Path) -> None:
    described = replace(fake.spec(LABELS), activation="sigmoid")
    create_model_folder(tmp_path / "model", described, fake.weights(len(LABELS)))
    make_weighted(tmp_path)
    spec = models.find(tmp_path / "model")
    with pytest.raises(UsageError, match="do not exclude each other"):
        collect_sample(spec, read_dataset(tmp_path), EngineOptions())


@pytest.fixture(scope="module")
def sample() -> Sample:
    """Overconfident scores, random in the first held-out fifth.

    So a fit on all pictures is better for that fifth than a fit without it.
    """
    random = np.random.default_rng(2)
    logits = random.normal(0, 3, (PICTURES, CLASSES))
    targets = (logits + random.gumbel(size=logits.shape)).argmax(axis=1)
    (worst, *_) = calibration.folds(PICTURES)
    targets[worst] = random.integers(0, CLASSES, len(worst))
    evidence = 3 * (logits - logits.mean(axis=1, keepdims=True))
    # Right and confident pictures have higher weights.
    weights = random.uniform(0.5, 1.5, PICTURES) * np.where(logits.argmax(1) == targets, 2, 1)
    return Sample(evidence, targets, weights * np.where(logits.max(axis=1) > 4, 1.5, 1))


@pytest.fixture(scope="module")
def fitted(sample: Sample) -> CalibrationResult:
    return fit_calibration(
        sample, "drawn", flat_taxonomy([Label(str(index)) for index in range(CLASSES)])
    )


@pytest.fixture(scope="module")
def held_out(sample: Sample) -> Floats:
    """The scores of each fifth, calibrated on the others."""
    scores = np.zeros((PICTURES, CLASSES))
    for part in calibration.folds(PICTURES):
        rest = ~np.isin(np.arange(PICTURES), part)
        found = calibration.fit(sample.evidence[rest], sample.targets[rest], sample.weights[rest])
        scores[part] = scores_by(found, sample.evidence[part])
    return scores


def scores_by(found: calibration.Calibration, evidence: Floats) -> Floats:
    bent = evidence if np.isinf(found.knee) else found.knee * np.arcsinh(evidence / found.knee)
    return np.asarray(softmax(bent / found.temperature, axis=1))


def score_errors(scores: Floats, sample: Sample) -> tuple[float, float, float]:
    targets, weights = sample.targets, sample.weights
    return (
        calibration_error(scores.argmax(axis=1) == targets, scores.max(axis=1), weights),
        oracle.log_loss(targets, np.maximum(scores, 1e-6), sample_weight=weights),
        oracle.brier_score_loss(targets, scores, sample_weight=weights, scale_by_half=False),
    )


@pytest.mark.filterwarnings("ignore:The y_prob values do not sum to one")
def test_after_is_measured_on_pictures_held_out_of_the_fit(
    sample: Sample, fitted: CalibrationResult, held_out: Floats
) -> None:
    found = fitted.fitted
    assert astuple(found.before) == pytest.approx(
        score_errors(softmax(sample.evidence, axis=1), sample)
    )
    assert astuple(found.after) == pytest.approx(score_errors(held_out, sample))
    _, in_sample, _ = score_errors(scores_by(found.calibration, sample.evidence), sample)
    assert found.after.negative_log_likelihood > in_sample + 0.01


def test_the_figures_are_weighted(
    sample: Sample, fitted: CalibrationResult, held_out: Floats
) -> None:
    weights, own = sample.weights, softmax(sample.evidence, axis=1)
    assert fitted.top1_accuracy == pytest.approx(
        oracle.accuracy_score(sample.targets, own.argmax(axis=1), sample_weight=weights)
    )
    means = [weights @ scores.max(axis=1) / weights.sum() for scores in (own, held_out)]
    assert fitted.mean_confidence == pytest.approx(means)
    assert_calibrated_error(fitted.error_by_chance, held_out.max(axis=1), weights)
    assert (fitted.unchanged, fitted.fitted.data.pictures) == (False, PICTURES)


def limit(scores: Floats, weights: Floats) -> float:
    """The highest score that a twentieth of the weight, at most, lies below."""
    return max(s for s in scores.tolist() if weights[scores < s].sum() <= 0.05 * weights.sum())


def test_the_abstention_threshold_is_above_a_twentieth_of_the_weight(
    sample: Sample, fitted: CalibrationResult
) -> None:
    abstention, weights = fitted.fitted.abstention, sample.weights
    scores = scores_by(fitted.fitted.calibration, sample.evidence).max(axis=1)
    assert abstention.score == "probability"
    assert abstention.threshold == pytest.approx(limit(scores, weights))
    alarms = 0.0
    for part in calibration.folds(PICTURES):
        rest = ~np.isin(np.arange(PICTURES), part)
        alarms += weights[part][scores[part] < limit(scores[rest], weights[rest])].sum()
    assert abstention.false_alarms == pytest.approx(alarms / weights.sum())


def test_the_stored_temperature_is_optimal_for_all_weighted_pictures(
    sample: Sample, fitted: CalibrationResult
) -> None:
    found = fitted.fitted.calibration
    loss = {
        factor: oracle.log_loss(
            sample.targets,
            scores_by(
                calibration.Calibration(factor * found.temperature, found.knee), sample.evidence
            ),
            sample_weight=sample.weights,
        )
        for factor in (0.999, 1, 1.001)
    }
    assert min(loss, key=loss.__getitem__) == 1
