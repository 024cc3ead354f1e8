"""Which output is used, and what is said where none can be: the advice leads to a result."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import pictell
from hostile_models import classifier, constant, frozen, node, onnx_model
from pictell.errors import InvalidModelError
from pictell.graphs import Weights
from pictell.inspection.protobuf import new
from pictell.models.bare import describe
from pictell.models.examine import examine
from pictell.models.folder import create_model_folder
from pictell.models.single_file import write_single_file
from pictell.options import ModelOptions
from pictell.types import Activation, Label, ModelSpec

LABELS = (Label("a"), Label("b"), Label("c"))


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "labels.txt"
    path.write_text("a\nb\nc\n")
    return path


def model(*, with_scores: bool) -> onnx.ModelProto:
    """The best class and its score; and all scores."""
    nodes = [
        helper.make_node("TopK", ["scores", "two"], ["best", "index"]),
        helper.make_node("Cast", ["index"], ["number"], to=TensorProto.FLOAT),
    ]
    found = onnx_model(
        *nodes, initializers=[onnx.numpy_helper.from_array(np.array([2]), "two")], output="best"
    )
    del found.graph.output[:]
    for name in ("number", "best", *(["scores"] if with_scores else [])):
        size = 3 if name == "scores" else 2
        found.graph.output.append(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", size])
        )
    return found


def write(folder: Path, found: onnx.ModelProto) -> Path:
    path = folder / "net.onnx"
    path.write_bytes(found.SerializeToString())
    return path


def test_the_only_output_that_can_be_scores_needs_no_name(tmp_path: Path, labels: Path) -> None:
    path = write(tmp_path, model(with_scores=True))
    options = ModelOptions(labels=labels, preset="unit")
    assert describe(path, options).output_name == "scores"
    wrong = replace(options, output_name="best")
    with pytest.raises(InvalidModelError, match="TopK makes the output best: give --output scores"):
        describe(path, wrong)


def test_a_model_without_scores_says_so_alone_and_the_export_it_asks_for_works(
    tmp_path: Path, labels: Path
) -> None:
    path = write(tmp_path, model(with_scores=False))
    with pytest.raises(InvalidModelError) as caught:
        describe(path, ModelOptions())
    message = str(caught.value)
    assert "TopK makes the outputs number, best: export the model with the scores" in message
    assert "'scores'" in message
    # No option helps, so none is asked for.
    assert "--" not in message
    assert examine(path, ModelOptions()).missing in message
    path = write(tmp_path, model(with_scores=True))
    with pictell.load(path, options=ModelOptions(labels=labels, preset="unit")) as loaded:
        assert loaded.classify(np.zeros((8, 8, 3), np.uint8)).error is None


@pytest.mark.parametrize("target", ["folder", "packed.onnx"])
@pytest.mark.parametrize("wrong", ["best", "number"])
def test_a_stored_spec_that_names_another_output_is_refused(
    tmp_path: Path, labels: Path, target: str, wrong: str
) -> None:
    path = write(tmp_path, model(with_scores=True))
    options = ModelOptions(labels=labels, preset="unit")
    spec = describe(path, options)
    wrong_spec: ModelSpec = replace(spec, output_name=wrong, labels=LABELS[:2])
    content = Weights("onnx", {"net.onnx": path.read_bytes()})
    writer = write_single_file if target.endswith(".onnx") else create_model_folder
    writer(tmp_path / target, wrong_spec, content)
    assert "TopK" in (examine(tmp_path / target, ModelOptions()).missing or "")
    with pytest.raises(InvalidModelError, match="TopK"):
        pictell.load(tmp_path / target)


def test_a_graph_that_decodes_pictures_names_the_node_with_the_pixels(
    tmp_path: Path, labels: Path
) -> None:
    text = new("tensorflow", "AttrValue", type=7)
    nodes = [
        node("file", "Placeholder", dtype=text),
        node("decoded", "DecodeJpeg", "file"),
        node("pixels", "Mul", "decoded", "scale"),
        constant("scale", 1),
        node("padded", "Pad", "pixels", "scale"),
        node("conv", "Conv2D", "padded", "w"),
        node("deeper", "Conv2D", "conv", "w"),
        *(one for one in classifier() if one.op != "Placeholder"),
    ]
    for one in nodes:
        if one.name == "flat":
            one.input[0] = "deeper"
    path = tmp_path / "graph.pb"
    path.write_bytes(frozen(nodes).graph)
    with pytest.raises(InvalidModelError, match="give --input pixels, which has the pixels"):
        describe(path, ModelOptions(labels=labels))
    given = ModelOptions(labels=labels, input_name="pixels", size=(4, 4), preset="unit")
    assert describe(path, given).input_name == "pixels"


@pytest.mark.parametrize("options", [ModelOptions(), ModelOptions(preset="unit", size=(9, 9))])
def test_a_model_that_takes_files_of_pictures_is_refused_at_once(
    shared: Path, options: ModelOptions
) -> None:
    path = shared / "cases" / "models" / "sm_automl"
    with pytest.raises(InvalidModelError) as caught:
        describe(path, options)
    message = str(caught.value)
    assert "image_bytes, key" in message
    assert "export it" in message
    assert "--" not in message


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (["N", 12], "takes no batch of pictures"),
        ([3, 4, 4], "takes no batch of pictures"),
        (["N", 4, 4, 4], "has shape .N, 4, 4, 4."),
    ],
)
def test_shapes_that_no_option_changes_are_refused_without_asking_for_one(
    tmp_path: Path, labels: Path, shape: list[int | str], message: str
) -> None:
    found = onnx_model()
    found.graph.input[0].CopyFrom(helper.make_tensor_value_info("image", TensorProto.FLOAT, shape))
    with pytest.raises(InvalidModelError, match=message) as caught:
        describe(write(tmp_path, found), ModelOptions(labels=labels, preset="unit"))
    assert "--" not in str(caught.value)


@pytest.mark.parametrize(
    ("last", "activation", "meant"),
    [
        ("Sigmoid", "none", "independent"),
        ("Sigmoid", "sigmoid", "independent"),
        ("Softmax", "softmax", "none"),
    ],
)
def test_the_last_operation_of_a_graph_is_not_run_again(
    last: str, activation: Activation, meant: str, tmp_path: Path, labels: Path
) -> None:
    found = onnx_model(helper.make_node(last, ["scores"], ["p"]), output="p")
    options = ModelOptions(labels=labels, preset="unit", activation=activation)
    assert describe(write(tmp_path, found), options).activation == meant


@pytest.mark.parametrize(("last", "activation"), [("Sigmoid", "softmax"), ("Softmax", "sigmoid")])
def test_probabilities_get_no_other_activation(
    last: str, activation: Activation, tmp_path: Path, labels: Path
) -> None:
    found = onnx_model(helper.make_node(last, ["scores"], ["p"]), output="p")
    options = ModelOptions(labels=labels, preset="unit", activation=activation)
    with pytest.raises(InvalidModelError, match="leave --activation out"):
        describe(write(tmp_path, found), options)
