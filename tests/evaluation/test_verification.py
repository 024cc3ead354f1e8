"""Golden answers, and two models on the same pictures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fake_model as fake
import pictell
from pictell import models, runtimes
from pictell.classifier import Classifier
from pictell.errors import InvalidModelError, StoreError
from pictell.evaluation import verification
from pictell.evaluation.verification import Agreement
from pictell.image_model import ImageModel
from pictell.models.folder import read_weights
from pictell.models.golden import About, Golden, read_golden, write_golden
from pictures import photo

LABELS = ("dark", "dim", "grey", "light", "bright")


def with_order(*classes: int) -> Classifier:
    """The fake with its classes in another order."""
    session = fake.FakeSession(len(LABELS))
    session._centres = session._centres[list(classes)]
    return Classifier(ImageModel(fake.spec(LABELS), session))


def plain(value: int) -> NDArray[np.uint8]:
    return np.full((8, 8, 3), value, np.uint8)


@pytest.fixture
def classifier() -> Classifier:
    return Classifier(ImageModel(fake.spec(LABELS), fake.FakeSession(len(LABELS))))


def test_the_golden_pictures_are_the_same_everywhere() -> None:
    pictures = verification.golden_pictures()
    pixels = {
        ("gradient", 0, 0): (0, 0, 0),
        ("gradient", 239, 319): (255, 255, 46),
        ("checks", 0, 0): (0, 0, 255),
        ("checks", 0, 20): (255, 255, 0),
        ("rings", 120, 160): (0, 0, 0),
        ("rings", 120, 176): (16, 4, 1),
        ("rings", 0, 0): (40000 // 16 % 256, 40000 // 64 % 256, 40000 // 256 % 256),
    }
    for (name, y, x), colour in pixels.items():
        assert tuple(pictures[name][y, x]) == colour
    assert all(pixels.shape == (240, 320, 3) for pixels in pictures.values())
    assert all(pixels.dtype == np.uint8 for pixels in pictures.values())


def test_answers_recorded_now_are_reproduced_exactly(
    classifier: Classifier, tmp_path: Path
) -> None:
    write_golden(tmp_path, verification.record(classifier, "numpy"))
    golden = read_golden(tmp_path)
    assert golden is not None
    assert golden.about.made_by == f"pictell {pictell.__version__}, numpy {np.__version__}"
    agreement = verification.compare_to_golden(classifier, golden)
    assert (agreement.pictures, agreement.same_top1) == (3, 3)
    assert agreement.max_difference < 1e-6


def test_another_model_does_not_reproduce_them(classifier: Classifier) -> None:
    golden = verification.record(classifier, "numpy")
    other = with_order(4, 3, 2, 1, 0)
    assert verification.compare_to_golden(other, golden).max_difference > golden.about.tolerance


def test_the_default_model_answers_as_its_golden_answers_say() -> None:
    spec = models.find("default")
    golden = read_golden(spec.weights.parent)
    assert golden is not None
    plain = Classifier(ImageModel(spec, runtimes.open_session(spec, read_weights(spec))))
    agreement = verification.compare_to_golden(plain, golden)
    assert agreement.same_top1 == agreement.pictures == 3
    assert agreement.max_difference <= golden.about.tolerance


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"portrait": ((0, 0.5),)}, "unknown golden pictures: portrait"),
        ({"rings": ((7, 0.5),)}, "unknown class 7"),
        ({"rings": ((-1, 0.5),)}, "unknown class -1"),
    ],
)
def test_answers_that_cannot_be_compared_are_refused(
    classifier: Classifier, answers: dict[str, tuple[tuple[int, float], ...]], message: str
) -> None:
    with pytest.raises(InvalidModelError, match=message):
        verification.compare_to_golden(classifier, Golden(About("nobody", 0.02), answers))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rings = [[1, 0.5], [2]]", "expected `array` of length 2"),
        ("rings = [[1.5, 0.5]]", "expected `int`"),
        ("rings = [[1, nan]]", "expected `float`"),
        ("rings = []", "expected `array` of length >= 1"),
        ("rings = 3", "expected `array`"),
    ],
)
def test_invalid_answers_are_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "golden.toml").write_text(
        f'[golden]\nmade_by = "me"\ntolerance = 0.02\n[answers]\n{text}\n'
    )
    with pytest.raises(InvalidModelError, match=f"golden.toml: answers.*{message}"):
        read_golden(tmp_path)


def test_a_folder_without_answers_has_none(tmp_path: Path) -> None:
    assert read_golden(tmp_path) is None


def test_answers_that_cannot_be_written_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"golden.toml cannot be written: .*No such file"):
        write_golden(tmp_path / "none", Golden(About("nobody", 0.02), {}))


def test_a_model_agrees_with_itself_and_failures_are_listed(classifier: Classifier) -> None:
    pictures = [plain(0), b"no picture", plain(255)]
    agreement, failed = verification.compare(classifier, classifier, pictures)
    assert agreement == Agreement(2, 2, 0.0, 0.0, "array")
    assert [result.source for result in failed] == ["bytes"]


@pytest.mark.parametrize("values", [(0, 255), (255, 0)])
def test_pictures_of_the_same_name_are_all_compared(
    classifier: Classifier, values: tuple[int, int]
) -> None:
    # Both models give black the same class; white is class 4 of one and class 3 of the other.
    swapped = with_order(0, 1, 2, 4, 3)
    agreement, _ = verification.compare(classifier, swapped, map(plain, values))
    differences = [
        np.abs(probabilities(classifier, value) - probabilities(swapped, value)).max()
        for value in values
    ]
    assert agreement.max_difference == max(differences) > 0.9
    assert agreement.median_difference == pytest.approx(np.median(differences))


def probabilities(model: Classifier, value: int) -> NDArray[np.float64]:
    found = model.classify(plain(value), probabilities=True).probabilities
    assert found is not None
    return found


def test_models_of_different_classes_are_not_compared(classifier: Classifier) -> None:
    other = Classifier(ImageModel(fake.spec(LABELS[:2]), fake.FakeSession(2)))
    with pytest.raises(InvalidModelError, match="5 and 2 classes"):
        verification.compare(classifier, other, [photo()])


class Drifting(fake.FakeSession):
    """Adds what it has run to its outputs."""

    runs = 0

    def run(self, inputs: Any, outputs: Any) -> Any:
        self.runs += 1
        found = super().run(inputs, outputs)
        return {name: values + self.runs * np.eye(len(LABELS))[1] for name, values in found.items()}


def test_a_model_that_answers_differently_at_each_run_is_noticed(classifier: Classifier) -> None:
    drifting = Classifier(ImageModel(fake.spec(LABELS), Drifting(len(LABELS))))
    golden = verification.record(classifier, "numpy")
    for pair in ((classifier, drifting), (drifting, classifier)):
        agreement, failed = verification.compare(*pair, [plain(128)])
        assert (agreement.repeats, agreement.repeat_worst, failed) == (False, "array", [])
    agreement = verification.compare_to_golden(drifting, golden)
    assert not agreement.repeats
    assert agreement.repeat_worst in golden.answers
    assert verification.compare_to_golden(classifier, golden).repeats
    with pytest.raises(InvalidModelError, match="two runs of the same model on gradient differ"):
        verification.record(drifting, "numpy")
