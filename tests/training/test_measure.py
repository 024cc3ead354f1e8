"""What a trained model says of pictures that it was not trained on."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pictell
from pictell.errors import UsageError
from pictell.evaluation.dataset import Dataset, read_dataset
from pictell.evaluation.intervals import wilson
from pictell.evaluation.outcomes import WarnedPicture
from pictell.evaluation.summary import evaluate
from pictell.results import Status
from pictell.scoring.calibration import Calibration
from pictell.training.measure import (
    Measured,
    find_suspects,
    match_classes,
    measure_accuracy,
)
from pictell.training.trained import TrainedModel
from pictell.types import Label

CLASSES = ("ant", "bee", "cat")
TRAINED, VALIDATION = 15, 8


def dataset(label_of: list[int]) -> Dataset:
    files = tuple(f"{number}.jpg" for number in range(len(label_of)))
    return Dataset("data", Path(), files, CLASSES, np.array(label_of, np.int32))


def measured(scores: list[list[float]], targets: list[int]) -> Measured:
    """Pictures 1, 2, … with probabilities and targets; picture 0 was not measured."""
    return Measured(
        dataset([0, *targets]),
        np.arange(1, len(targets) + 1),
        np.eye(len(CLASSES), dtype=np.bool_)[targets],
        False,
        np.log(scores),
        np.ones(len(targets)),
        (),
    )


def test_the_accuracy_is_that_of_the_best_classes() -> None:
    scores = [[0.8, 0.1, 0.1], [0.1, 0.6, 0.3], [0.3, 0.2, 0.5], [0.9, 0.05, 0.05]]
    targets = np.eye(len(CLASSES), dtype=np.bool_)[[0, 0, 0, 1]]
    accuracy = measure_accuracy(np.log(scores), targets, several=False)
    assert (accuracy.value, accuracy.pictures) == (0.25, 4)
    assert accuracy.interval == wilson(0.25, 4)
    assert accuracy.of_class == (pytest.approx(1 / 3), 0.0, None)


def test_several_labels_are_right_together() -> None:
    logits = np.array([[1.0, 1, -1], [1, -1, -1], [-1, 1, 1], [-1, -1, 1]])
    targets = np.array([[1, 1, 0], [1, 1, 0], [0, 1, 1], [0, 1, 1]], np.bool_)
    accuracy = measure_accuracy(logits, targets, several=True)
    assert accuracy.value == 0.5
    assert accuracy.of_class == (1.0, 0.5, 1.0)


def test_suspects_have_a_much_better_class_and_the_likeliest_is_first() -> None:
    scores = [[0.06, 0.9, 0.04], [0.2, 0.7, 0.1], [0.98, 0.01, 0.01], [0.02, 0.08, 0.9]]
    found = find_suspects(measured(scores, [0, 0, 0, 0]), Calibration(), tuple(map(Label, CLASSES)))
    assert [(one.picture, one.file, one.label, one.better) for one in found] == [
        (4, "4.jpg", "ant", "cat"),
        (1, "1.jpg", "ant", "bee"),
    ]
    assert [one.score for one in found] == pytest.approx([0.02, 0.06])
    assert [one.better_score for one in found] == pytest.approx([0.9, 0.9])


def test_a_damaged_picture_with_a_suspicious_label_is_shown_as_damaged() -> None:
    scores = [[0.06, 0.9, 0.04], [0.02, 0.08, 0.9]]
    found = replace(measured(scores, [0, 0]), warned=(WarnedPicture("2.jpg", ("damaged",)),))
    suspects = find_suspects(found, Calibration(), tuple(map(Label, CLASSES)))
    assert [(one.file, one.warnings) for one in suspects] == [
        ("2.jpg", ("damaged",)),
        ("1.jpg", ()),
    ]


def test_the_calibration_decides_how_suspicious_a_score_is() -> None:
    scores = [[0.06, 0.9, 0.04]]
    labels = tuple(map(Label, CLASSES))
    assert find_suspects(measured(scores, [0]), Calibration(temperature=3.0), labels) == ()


def test_labels_are_matched_to_classes_of_the_same_name_only() -> None:
    data = replace(dataset([0]), labels=("Bee", "ants", "0"))
    assert [one.node for one in match_classes(data, CLASSES)] == [1, None, None]


@pytest.fixture(scope="module")
def insects(shared: Path) -> Path:
    return shared / "images" / "hymenoptera_data"


def some(place: Path, photos: Path, number: int) -> Path:
    for name in ("ants", "bees"):
        (place / name).mkdir(parents=True)
        for path in sorted((photos / name).iterdir())[:number]:
            shutil.copy(path, place / name)
    return place


@pytest.fixture(scope="module")
def photos(insects: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return some(tmp_path_factory.mktemp("photos"), insects / "train", TRAINED)


@pytest.fixture(scope="module")
def others(insects: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos that are not trained, beside two copies of trained ones and a broken one."""
    folder = some(tmp_path_factory.mktemp("others"), insects / "val", VALIDATION)
    first, second = sorted((insects / "train" / "ants").iterdir())[:2]
    shutil.copy(first, folder / "ants" / "same.jpg")
    with Image.open(second) as image:
        image.resize((image.width // 2, image.height // 2)).save(folder / "bees" / "small.png")
    (folder / "ants" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    return folder


@pytest.fixture(scope="module")
def crossed(photos: Path) -> TrainedModel:
    return pictell.train(photos)


@pytest.fixture(scope="module")
def validated(photos: Path, others: Path) -> TrainedModel:
    return pictell.train(photos, validation=others)


def test_the_evaluation_has_the_cross_validated_accuracy(crossed: TrainedModel) -> None:
    summary = crossed.evaluation
    assert (summary.top1.value, summary.top1.interval) == (
        crossed.accuracy.value,
        crossed.accuracy.interval,
    )
    assert len(summary.outcomes) == crossed.accuracy.pictures == 2 * TRAINED
    recalls = {one.label: one.recall for one in summary.classes}
    assert tuple(recalls[label.name] for label in crossed.spec.labels) == pytest.approx(
        crossed.accuracy.of_class
    )
    assert summary.median_latency_ms is None


def test_held_out_pictures_are_answered_as_the_model_answers(crossed: TrainedModel) -> None:
    statuses = {one.status: one.share for one in crossed.evaluation.statuses}
    assert sum(statuses.values()) == pytest.approx(1)
    # The limit of unknown pictures leaves 5 % of the held-out ones below it.
    assert statuses[Status.UNKNOWN] <= 0.05


def test_a_validation_set_gives_the_figures_of_evaluate(
    validated: TrainedModel, others: Path
) -> None:
    """The other way: the trained file classifies the photos, without copies."""
    data = read_dataset(others)
    kept = [place for place, file in enumerate(data.files) if Path(file).stem not in COPIES]
    data = replace(data, files=tuple(data.files[one] for one in kept), label_of=data.label_of[kept])
    with validated.open() as classifier:
        expected = evaluate(classifier, data, "trained")
    found = validated.evaluation
    assert len(found.outcomes) == len(expected.outcomes) == 2 * VALIDATION
    assert found.top1 == expected.top1
    assert [one.share for one in found.statuses] == [one.share for one in expected.statuses]
    assert [one.file for one in found.wrong] == [one.file for one in expected.wrong]
    assert found.negative_log_likelihood == pytest.approx(
        expected.negative_log_likelihood, rel=0.02
    )
    assert found.outcomes.failed == expected.outcomes.failed


COPIES = {"same", "small"}


def test_copies_of_trained_pictures_are_not_measured(validated: TrainedModel, photos: Path) -> None:
    first, second = sorted((photos / "ants").iterdir())[:2]
    assert [(one.file, one.of) for one in validated.measured.copies] == [
        ("ants/same.jpg", f"ants/{first.name}"),
        ("bees/small.png", f"ants/{second.name}"),
    ]
    assert validated.accuracy.pictures == 2 * VALIDATION


def test_the_model_does_not_depend_on_the_validation_set_but_says_its_accuracy(
    validated: TrainedModel, crossed: TrainedModel
) -> None:
    assert validated.suspects == crossed.suspects
    assert validated.spec.calibration is not None
    assert crossed.spec.calibration is not None
    with validated.open() as one, crossed.open() as other:
        assert one.scorer.calibration == other.scorer.calibration
        assert one.scorer.abstention == other.scorer.abstention


def test_a_class_without_validation_pictures_has_no_accuracy(photos: Path, insects: Path) -> None:
    data = read_dataset(insects / "val")
    only = replace(data, files=data.files[:3], labels=data.labels[:1], label_of=data.label_of[:3])
    accuracy = pictell.train(photos, validation=only).accuracy
    assert accuracy.of_class == (accuracy.value, None)
    assert accuracy.pictures == 3


def test_validation_labels_that_are_not_trained_are_refused(photos: Path, tmp_path: Path) -> None:
    shutil.copytree(photos / "ants", tmp_path / "wasps")
    with pytest.raises(UsageError, match=r"1 of 1 labels are no classes of .*: 'wasps'"):
        pictell.train(photos, validation=tmp_path)


def test_a_validation_set_of_copies_is_refused(photos: Path) -> None:
    with pytest.raises(UsageError, match=r"all pictures .* are copies"):
        pictell.train(photos, validation=photos)
