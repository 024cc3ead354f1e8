"""The model_info of OpenVINO models, written by OpenVINO itself."""

import json
from pathlib import Path

import numpy as np
import openvino
import pytest
from openvino import opset13 as op

import pictell
from pictell.errors import InvalidModelError
from pictell.graphs import Weights
from pictell.inspection import inspect_weights, read_files
from pictell.models.bare import describe
from pictell.models.metadata import read_metadata
from pictell.options import ModelOptions

IMAGENET = {
    "mean_values": "123.675 116.28 103.53",
    "scale_values": "58.395 57.12 57.375",
    "reverse_input_channels": True,
}
NAMES = {"labels": ["red_thing", "green", "blue"]}


def write(
    folder: Path, info: dict[str, object], *, dtype: type = np.float32, last: str = ""
) -> Path:
    """The mean of each channel (1, 3, 4, 4) -> (1, 3), with what ``info`` states."""
    image = op.parameter([1, 3, 4, 4], dtype, name="image")
    scores = op.reduce_mean(op.convert(image, np.float32), np.array([2, 3]))
    scores = getattr(op, last)(scores) if last else scores
    model = openvino.Model([scores], [image], "mean")
    for key, value in info.items():
        model.set_rt_info(value, ["model_info", key])
    openvino.save_model(model, folder / "mean.xml", compress_to_fp16=False)
    return folder / "mean.xml"


def refusal(path: Path, **options: object) -> str:
    with pytest.raises(InvalidModelError) as caught:
        describe(path, ModelOptions(**options))  # type: ignore[arg-type]
    return str(caught.value)


def test_labels_and_preprocessing_are_used(tmp_path: Path) -> None:
    path = write(tmp_path, {**NAMES, **IMAGENET, "resize_type": "crop"})
    spec = describe(path, ModelOptions())
    assert [label.name for label in spec.labels] == ["red_thing", "green", "blue"]
    assert spec.preprocess.mean == (123.675, 116.28, 103.53)
    assert spec.preprocess.std == (58.395, 57.12, 57.375)
    assert (spec.preprocess.resize_mode, spec.preprocess.channels) == ("crop", "RGB")
    red = np.full((4, 4, 3), (250, 10, 10), np.uint8)
    with pictell.load(path) as classifier:
        assert classifier.classify(red).predictions[0].label == "red_thing"


def test_names_with_spaces_come_from_label_info(tmp_path: Path) -> None:
    names = ["red thing", "green", "blue"]
    info = {**NAMES, **IMAGENET, "label_info": json.dumps({"label_names": names})}
    spec = describe(write(tmp_path, info), ModelOptions())
    assert [label.name for label in spec.labels] == names


def test_the_order_of_the_channels_is_never_guessed(tmp_path: Path) -> None:
    info = {**NAMES, **IMAGENET, "reverse_input_channels": False}
    assert "--channels" in refusal(write(tmp_path, info))
    assert "--mean" in refusal(tmp_path / "mean.xml", channels="BGR")
    spec = describe(tmp_path / "mean.xml", ModelOptions(channels="RGB", preset="torchvision"))
    assert spec.preprocess.channels == "RGB"
    path = write(tmp_path, {**NAMES, "scale_values": [255.0]})
    spec = describe(path, ModelOptions(channels="BGR"))
    assert spec.preprocess.std == (255.0, 255.0, 255.0)


@pytest.mark.parametrize("scale", ["58.395 57.12", "x", "nan", "0", "0.229 0.224 0.225"])
def test_a_scale_that_cannot_be_used_has_to_be_given(tmp_path: Path, scale: str) -> None:
    path = write(tmp_path, {**NAMES, **IMAGENET, "scale_values": scale})
    assert "--std" in refusal(path)
    spec = describe(path, ModelOptions(preset="unit"))
    assert spec.preprocess.std == (255.0, 255.0, 255.0)


def test_other_resizing_has_to_be_given(tmp_path: Path) -> None:
    path = write(tmp_path, {**NAMES, **IMAGENET, "resize_type": "fit_to_window"})
    assert "--resize-mode" in refusal(path)
    assert describe(path, ModelOptions(resize_mode="squash"))


@pytest.mark.parametrize(
    "info",
    [
        {"model_type": "ssd"},
        {"model_type": "YOLO", "resize_type": "fit_to_window_letterbox"},
        {"model_type": "Classification", "hierarchical": "True"},
    ],
)
def test_other_models_are_refused(tmp_path: Path, info: dict[str, object]) -> None:
    path = write(tmp_path, {**NAMES, **IMAGENET, **info})
    assert "pictell reads" in refusal(path)


@pytest.mark.parametrize("kind", ["Classification", "YOLO"])
def test_classifiers_are_read(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path, {**NAMES, **IMAGENET, "model_type": kind})
    assert describe(path, ModelOptions()).activation == "softmax"


@pytest.mark.parametrize(("last", "activation"), [("", "sigmoid"), ("sigmoid", "independent")])
def test_multilabel(tmp_path: Path, last: str, activation: str) -> None:
    path = write(tmp_path, {**NAMES, **IMAGENET, "multilabel": "True"}, last=last)
    assert describe(path, ModelOptions()).activation == activation


def test_bytes_are_taken_as_they_are(tmp_path: Path) -> None:
    spec = describe(write(tmp_path, {**NAMES, **IMAGENET}, dtype=np.uint8), ModelOptions())
    assert (spec.preprocess.mean, spec.preprocess.std) == (None, None)


def test_preprocessing_in_the_graph_is_not_done_twice(tmp_path: Path) -> None:
    info = {**NAMES, **IMAGENET, "embedded_processing": True}
    spec = describe(write(tmp_path, info), ModelOptions(preset="raw"))
    assert (spec.preprocess.channels, spec.preprocess.std) == ("BGR", (1.0, 1.0, 1.0))
    assert "mean and std" in refusal(tmp_path / "mean.xml")


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"label_names": [1, {}]}'])
def test_damaged_labels_have_to_be_given(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, {**IMAGENET, "label_info": text})
    stated = read_metadata(
        content := Weights("openvino", read_files(path, ["mean.bin"])), inspect_weights(content)
    )
    assert stated is not None
    assert "labels" in stated.problems


def test_without_model_info_nothing_is_stated(tmp_path: Path) -> None:
    content = Weights("openvino", read_files(write(tmp_path, {}), ["mean.bin"]))
    assert read_metadata(content, inspect_weights(content)) is None
