"""Entries of ONNX metadata: the order and range of pixels, and labels."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper
from PIL import Image

import pictell
from hostile_models import onnx_model
from pictell.errors import InvalidModelError
from pictell.graphs import Weights
from pictell.inspection import inspect_weights
from pictell.inspection.onnx import with_metadata
from pictell.models.bare import describe
from pictell.models.metadata import read_metadata
from pictell.options import ModelOptions

# As Custom Vision writes them.
CUSTOM_VISION = {
    "Image.BitmapPixelFormat": "Bgr8",
    "Image.ColorSpaceGamma": "SRGB",
    "Image.NominalPixelRange": "NominalRange_0_255",
}
COLOUR = np.array([200, 10, 30])


def write(folder: Path, entries: dict[str, str], dtype: int = TensorProto.FLOAT) -> Path:
    """The mean of each channel (N, 3, H, W) -> (N, 3), between 0 and 1 by a sigmoid."""
    nodes = [helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT)]
    nodes += [helper.make_node("ReduceMean", ["real"], ["mean"], axes=[2, 3], keepdims=0)]
    nodes += [helper.make_node("Softmax", ["mean"], ["scores"])]
    graph = helper.make_graph(
        nodes,
        "mean",
        [helper.make_tensor_value_info("image", dtype, ["N", 3, 4, 4])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 3])],
    )
    opsets = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    path = folder / "mean.onnx"
    onnx.save(model, path)
    path.write_bytes(with_metadata(path.read_bytes(), entries))
    return path


def refusal(path: Path, options: ModelOptions) -> str:
    with pytest.raises(InvalidModelError) as caught:
        describe(path, options)
    return str(caught.value)


@pytest.fixture
def labels(tmp_path: Path) -> ModelOptions:
    path = tmp_path / "labels.txt"
    path.write_text("a\nb\nc\n")
    return ModelOptions(labels=path)


@pytest.mark.parametrize(
    ("stated", "low", "high"),
    [
        ("NominalRange_0_255", 0, 255),
        ("Normalized_0_1", 0, 1),
        ("Normalized_1_1", -1, 1),
        ("NominalRange_16_235", 16, 235),
        ("nominalrange_0_255", 0, 255),
    ],
)
def test_the_range_of_the_pixels_is_that_of_the_metadata(
    tmp_path: Path, labels: ModelOptions, stated: str, low: float, high: float
) -> None:
    spec = describe(write(tmp_path, {"image.nominalpixelrange": stated}), labels).preprocess
    assert spec.mean is not None
    assert spec.std is not None
    mean, std = spec.mean[0], spec.std[0]
    assert np.allclose([(0 - mean) / std, (255 - mean) / std], [low, high])


@pytest.mark.parametrize(
    ("stated", "channels"), [("Bgr8", "BGR"), ("RGB8", "RGB"), ("rgb8", "RGB")]
)
def test_the_order_of_the_channels_is_that_of_the_metadata(
    tmp_path: Path, labels: ModelOptions, stated: str, channels: str
) -> None:
    entries = CUSTOM_VISION | {"Image.BitmapPixelFormat": stated}
    path = write(tmp_path, entries)
    assert describe(path, labels).preprocess.channels == channels
    # A preset that does not state an order leaves it to the file.
    with_preset = replace(labels, preset="unit")
    assert describe(path, with_preset).preprocess.channels == channels


def test_a_grey_format_needs_a_grey_input(tmp_path: Path, labels: ModelOptions) -> None:
    entries = CUSTOM_VISION | {"Image.BitmapPixelFormat": "Gray8"}
    with pytest.raises(InvalidModelError, match="--channels RGB"):
        describe(write(tmp_path, entries), labels)


def test_a_picture_is_given_as_the_metadata_states(tmp_path: Path) -> None:
    entries = CUSTOM_VISION | {
        "Image.NominalPixelRange": "Normalized_1_1",
        "labels": "first,second,third",
    }
    with pictell.load(write(tmp_path, entries)) as classifier:
        picture = Image.fromarray(np.tile(COLOUR.astype(np.uint8), (5, 5, 1)))
        found = {one.class_index: one.score for one in classifier.classify(picture).predictions}
    values = np.exp(COLOUR[::-1] / 127.5 - 1)
    assert np.allclose([found[index] for index in range(3)], values / values.sum(), atol=1e-6)


def test_options_win_over_the_metadata(tmp_path: Path, labels: ModelOptions) -> None:
    path = write(tmp_path, CUSTOM_VISION)
    options = ModelOptions(labels=labels.labels, channels="RGB", mean=(9, 9, 9), std=(2, 2, 2))
    found = describe(path, options).preprocess
    assert (found.channels, found.mean, found.std) == ("RGB", (9, 9, 9), (2, 2, 2))


@pytest.mark.parametrize(
    ("entries", "word", "options"),
    [
        ({"Image.BitmapPixelFormat": "Bgra8"}, "'Bgra8'", {"channels": "BGR"}),
        ({"Image.BitmapPixelFormat": "Yuv"}, "give --channels", {"channels": "RGB"}),
        ({"Image.NominalPixelRange": "other"}, "give --mean", {"preset": "unit"}),
        ({"Image.ColorSpaceGamma": "Linear"}, "'Linear'", {"mean": (0,) * 3, "std": (255,) * 3}),
    ],
)
def test_what_pictell_does_not_make_is_an_error_until_the_user_gives_it(
    tmp_path: Path, labels: ModelOptions, entries: dict[str, str], word: str, options: dict
) -> None:
    path = write(tmp_path, CUSTOM_VISION | entries)
    message = refusal(path, labels)
    assert word in message
    assert "the ONNX metadata states" in message
    assert describe(path, ModelOptions(labels=labels.labels, **options)).labels


def test_an_input_of_bytes_takes_no_mean(tmp_path: Path, labels: ModelOptions) -> None:
    found = describe(write(tmp_path, CUSTOM_VISION, TensorProto.UINT8), labels).preprocess
    assert (found.mean, found.channels) == (None, "BGR")


@pytest.mark.parametrize(
    "entries",
    [
        {"names": "{0: 'a', 1: 'b', 2: 'c'}"},
        {"labels": '["a", "b", "c"]'},
        {"classes": "a\nb\nc\n"},
        {"class_names": "a, b, c"},
        {"Class.Labels": "['a', 'b', 'c']"},
        {"id2label": '{"0": "a", "1": "b", "2": "c"}'},
    ],
)
def test_labels_are_under_a_known_key(tmp_path: Path, entries: dict[str, str]) -> None:
    spec = describe(write(tmp_path, entries), ModelOptions(preset="unit"))
    assert [label.name for label in spec.labels] == ["a", "b", "c"]


@pytest.mark.parametrize("entries", [{"classes": "3"}, {"names": "classifier"}, {"other": "a,b,c"}])
def test_other_entries_are_no_labels(tmp_path: Path, entries: dict[str, str]) -> None:
    message = refusal(write(tmp_path, entries), ModelOptions(preset="unit"))
    assert message == "mean.onnx: the model has no labels: give --labels FILE"


def test_labels_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    message = refusal(write(tmp_path, {"labels": '["a", '}), ModelOptions(preset="unit"))
    assert "give --labels FILE; the ONNX metadata: labels: " in message


@given(st.dictionaries(st.sampled_from([*CUSTOM_VISION, "names", "labels"]), st.text(max_size=99)))
def test_any_values_are_read_without_a_crash(entries: dict[str, str]) -> None:
    content = with_metadata(onnx_model().SerializeToString(), entries)
    weights = Weights("onnx", {"model.onnx": content})
    read_metadata(weights, inspect_weights(weights))
