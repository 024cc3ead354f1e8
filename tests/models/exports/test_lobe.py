"""Folders of Lobe."""

from pathlib import Path
from typing import Any

import pytest

import pictell
from exported_folders import LABELS, refusal, write
from pictell.models.bare import describe
from pictell.options import ModelOptions
from pictell.types import PreprocessSpec
from small_networks import network
from tensorflow_models import CLASSES, SIDE, means, tf
from tflite_models import NAMES, tflite

GOLF_BALL = Path(__file__).parents[3] / "samples" / "golf-ball.png"
ONNX = network("softmax", names={"image": "Image:0", "scores": "sequential/Softmax:0"}, element=1)


def signature(
    kind: str, file: str, labels: tuple[str, ...], output: str, **changes: Any
) -> dict[str, Any]:
    """As Lobe 0.10 writes it."""
    return {
        "doc_id": "5e1f3d4c",
        "doc_name": "Animals",
        "doc_version": "2f2e",
        "format": kind,
        "version": 39,
        "inputs": {"Image": {"dtype": "float32", "shape": [None, 8, 10, 3], "name": "Image:0"}},
        "outputs": {
            "Label": {"dtype": "string", "shape": [None], "name": "label:0"},
            "Confidences": {"dtype": "float32", "shape": [None, len(labels)], "name": output},
        },
        "tags": ["serve"],
        "classes": {"Label": list(labels)},
        "filename": file,
        "export_model_version": 1,
        **changes,
    }


def onnx_folder(folder: Path, **changes: Any) -> Path:
    values = signature("onnx", "model.onnx", LABELS, "sequential/Softmax:0", **changes)
    files = {"signature.json": values, "model.onnx": ONNX, "labels.txt": "x\ny\nz\nw"}
    return write(folder, files)


def saved_model(folder: Path) -> Path:
    """With the prediction as text beside the confidences."""

    class Lobe(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, SIDE, SIDE, 3], tf.float32, "Image")])
        def __call__(self, image: Any) -> dict[str, Any]:
            confidences = tf.nn.softmax(means(image))
            best = tf.gather(tf.constant(NAMES), tf.argmax(confidences, 1))
            return {"Confidences": confidences, "Label": best, "Other": means(image)}

    lobe = Lobe()
    tf.saved_model.save(lobe, str(folder), signatures=lobe.__call__)
    values = signature("saved_model", "saved_model.pb", NAMES, "Softmax:0")
    return write(folder, {"signature.json": values})


def check_preprocessing(image: PreprocessSpec) -> None:
    assert (image.resize_mode, image.crop_fraction, image.interpolation) == ("crop", 1, "bicubic")
    assert (image.mean, image.std) == ((0,) * 3, (255,) * 3)


def test_onnx(tmp_path: Path) -> None:
    spec = describe(onnx_folder(tmp_path), ModelOptions())
    assert [label.name for label in spec.labels] == list(LABELS)
    assert spec.output_name == "sequential/Softmax:0"
    assert (spec.preprocess.width, spec.preprocess.height, spec.activation) == (10, 8, "none")
    check_preprocessing(spec.preprocess)
    with pictell.load(tmp_path) as classifier:
        assert classifier.classify(GOLF_BALL).top is not None


def test_a_saved_model(tmp_path: Path) -> None:
    folder = saved_model(tmp_path)
    spec = describe(folder, ModelOptions())
    assert (spec.weights, spec.output_name, len(spec.labels)) == (folder, "Confidences", CLASSES)
    check_preprocessing(spec.preprocess)


def test_tflite(tmp_path: Path) -> None:
    file = write(tmp_path, {"saved_model.tflite": tflite()}) / "saved_model.tflite"
    output = describe(file, ModelOptions(preset="unit", labels=_names(tmp_path))).output_name
    values = signature("tf_lite", "saved_model.tflite", NAMES, output)
    spec = describe(write(tmp_path, {"signature.json": values}), ModelOptions())
    assert (spec.output_name, len(spec.labels)) == (output, CLASSES)
    check_preprocessing(spec.preprocess)


def test_the_name_of_a_tensor_may_end_in_its_number(tmp_path: Path) -> None:
    """Lobe writes ``name:0``; the file may have ``name``."""
    values = signature("onnx", "model.onnx", LABELS, "scores:0")
    graph = network("softmax", element=1)
    folder = write(tmp_path, {"signature.json": values, "model.onnx": graph})
    assert describe(folder, ModelOptions()).output_name == "scores"


def _names(folder: Path) -> Path:
    path = folder / "names.txt"
    path.write_text("\n".join(NAMES))
    return path


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"filename": "../model.onnx"}, "outside its folder"),
        ({"filename": "/etc/passwd"}, "outside its folder"),
        ({"filename": "C:\\model.onnx"}, "outside its folder"),
        ({"filename": ""}, "outside its folder"),
        ({"filename": "x" * 500}, "cannot be read: File name too long"),
        ({"filename": "a\nb"}, "outside its folder"),
        ({"filename": "other.onnx"}, "'other.onnx' is missing"),
        ({"filename": 7}, "signature.json: filename"),
        ({"classes": {}}, "signature.json: classes: missing key `Label`"),
        ({"classes": {"Label": "cat"}}, "signature.json: classes.Label"),
        ({"classes": {"Label": []}}, "signature.json: classes"),
        ({"classes": {"Label": ["a", "b"]}}, "2 labels for an output of 4 classes"),
        ({"outputs": {}}, "Confidences"),
        ({"outputs": {"Confidences": {"name": "nowhere:0"}}}, "no output 'nowhere:0'"),
        ({"format": "tf_js"}, "'tf_js'"),
    ],
)
def test_signatures_that_are_wrong(tmp_path: Path, changes: dict[str, Any], named: str) -> None:
    assert named in refusal(onnx_folder(tmp_path, **changes))


def test_a_link(tmp_path: Path) -> None:
    folder = onnx_folder(tmp_path / "lobe")
    (folder / "model.onnx").rename(tmp_path / "model.onnx")
    (folder / "model.onnx").symlink_to(tmp_path / "model.onnx")
    assert "link" in refusal(folder)


def test_another_tools_signature(tmp_path: Path) -> None:
    folder = write(tmp_path, {"signature.json": {"inputs": []}, "a.onnx": ONNX})
    assert f"give --model {folder}/a.onnx" in refusal(folder)
