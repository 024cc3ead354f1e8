"""Folders of Teachable Machine."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import pictell
from exported_folders import refusal, write
from pictell.errors import ModelWarning
from pictell.models.bare import describe
from pictell.options import ModelOptions
from tensorflow_models import SIDE, module
from tflite_models import NAMES, tflite

LABELS = "".join(f"{number} {name}\n" for number, name in enumerate(NAMES))
GOLF_BALL = Path(__file__).parents[3] / "samples" / "golf-ball.png"


def test_the_float_model(tmp_path: Path) -> None:
    folder = write(tmp_path, {"model_unquant.tflite": tflite(), "labels.txt": LABELS})
    spec = describe(folder, ModelOptions())
    image = spec.preprocess
    assert [label.name for label in spec.labels] == list(NAMES)
    assert (image.resize_mode, image.crop_fraction, image.width) == ("crop", 1, SIDE)
    assert (image.mean, image.std) == ((127.5,) * 3, (127.5,) * 3)
    with pictell.load(folder) as classifier:
        assert classifier.classify(GOLF_BALL).top is not None


def test_the_quantised_model_takes_bytes(tmp_path: Path) -> None:
    folder = write(tmp_path, {"model.tflite": tflite(quantised=True), "labels.txt": LABELS})
    spec = describe(folder, ModelOptions())
    assert [label.name for label in spec.labels] == list(NAMES)
    assert (spec.preprocess.mean, spec.preprocess.resize_mode) == (None, "crop")


def test_names_of_classes_that_are_numbers(tmp_path: Path) -> None:
    text = "".join(f"{number} {number + 1}\n" for number in range(5))
    folder = write(tmp_path, {"model_unquant.tflite": tflite(), "labels.txt": text})
    names = [label.name for label in describe(folder, ModelOptions()).labels]
    assert names == ["1", "2", "3", "4", "5"]


def test_the_saved_model(tmp_path: Path) -> None:
    module(tmp_path / "model.savedmodel")
    folder = write(tmp_path, {"labels.txt": LABELS})
    spec = describe(folder, ModelOptions(output_name="scores"))
    assert spec.weights == folder / "model.savedmodel"
    assert spec.preprocess.mean == (127.5,) * 3
    message = refusal(folder / "model.savedmodel", ModelOptions(output_name="scores"))
    assert f"give its folder, {folder}" in message


@pytest.mark.parametrize(
    ("labels", "named"),
    [("", "labels.txt"), ("0 cat\n2 dog\n", "labels.txt"), ("0 cat\n1 dog\n", "2 labels")],
)
def test_labels_that_do_not_fit(tmp_path: Path, labels: str, named: str) -> None:
    folder = write(tmp_path, {"model_unquant.tflite": tflite(), "labels.txt": labels})
    assert named in refusal(folder)
    given = tmp_path / "mine.txt"
    given.write_text("\n".join(NAMES))
    assert describe(folder, ModelOptions(labels=given)).labels[0].name == NAMES[0]


def test_another_tool_has_these_names_too(tmp_path: Path) -> None:
    """Without numbers nothing shows that the picture is cropped."""
    files = {"model.tflite": tflite(quantised=True), "labels.txt": "\n".join(NAMES)}
    folder = write(tmp_path, files)
    message = refusal(folder)
    assert f"give --model {folder}/model.tflite --labels {folder}/labels.txt" in message


def test_keras_is_exported_first(tmp_path: Path) -> None:
    files = {"keras_model.h5": b"\x89HDF\r\n\x1a\n", "labels.txt": LABELS}
    message = refusal(write(tmp_path, files))
    assert "load_model('keras_model.h5').export('model.savedmodel')" in message
    # The folder that these lines make is then read.
    module(tmp_path / "model.savedmodel")
    assert describe(tmp_path, ModelOptions(output_name="scores")).labels


def test_javascript(tmp_path: Path) -> None:
    metadata = {"tfjsVersion": "1.3.1", "tmVersion": "2.4.5", "labels": ["a", "b"]}
    files = {"model.json": {}, "metadata.json": metadata, "weights.bin": b"\x00"}
    assert "TensorFlow.js" in refusal(write(tmp_path, files))


def test_edge_tpu(tmp_path: Path) -> None:
    files = {"model_edgetpu.tflite": tflite(), "labels.txt": LABELS}
    assert "Edge TPU" in refusal(write(tmp_path, files))


def test_a_link_to_a_saved_model(tmp_path: Path) -> None:
    module(tmp_path / "elsewhere")
    folder = write(tmp_path / "folder", {"labels.txt": LABELS})
    (folder / "model.savedmodel").symlink_to(tmp_path / "elsewhere")
    assert "link" in refusal(folder)
    (folder / "model.savedmodel").unlink()
    shutil.copytree(tmp_path / "elsewhere", folder / "model.savedmodel")
    assert describe(folder, ModelOptions(output_name="scores")).labels


def test_a_file_alone_that_states_enough_warns_of_its_folder(tmp_path: Path) -> None:
    """The float model has the labels and the crop; the quantised one is the same model."""
    files = {"model_unquant.tflite": tflite(), "model.tflite": tflite(quantised=True)}
    folder = write(tmp_path, {**files, "labels.txt": LABELS})
    options = ModelOptions(labels=folder / "labels.txt")
    with pytest.warns(ModelWarning, match="preprocessing: .* for model_unquant.tflite"):
        describe(folder / "model.tflite", options)
    given = replace(options, mean=(127.5,) * 3, std=(127.5,) * 3)
    with pytest.warns(ModelWarning, match="give its folder"):
        describe(folder / "model_unquant.tflite", given)
    assert describe(folder / "model.tflite", replace(options, resize_mode="crop"))
    assert "for model_unquant.tflite" in refusal(folder / "model.tflite")


def test_another_model_in_the_folder_has_nothing_to_do_with_it(tmp_path: Path) -> None:
    folder = write(tmp_path, {"model_unquant.tflite": tflite(), "labels.txt": "0 one\n1 two\n"})
    labels = write(tmp_path, {"mine.csv": "\n".join(NAMES)}) / "mine.csv"
    write(folder, {"other.tflite": tflite(quantised=True)})
    assert describe(folder / "other.tflite", ModelOptions(labels=labels))
