"""A single output with two labels, from the file to each kind of result."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image

import pictell
from command import pictell as run_command
from pictell.errors import InvalidModelError, RuntimeFailedError
from pictell.models.examine import examine
from pictell.options import ModelOptions
from pictell.types import Activation

SIDE = 4
# The nodes from "logit" (N, 1) to "out", and the shape of "out".
SHAPES: dict[str, tuple[list[tuple[str, list[str], str]], list[int | str] | None]] = {
    "(N, 1)": ([("Identity", ["logit"], "out")], ["N", 1]),
    "(N,)": ([("Squeeze", ["logit", "one"], "out")], ["N"]),
    "(N, 1, 1, 1)": (
        [("Unsqueeze", ["logit", "axes"], "out")],
        ["N", 1, 1, 1],
    ),
    "squeezed": ([("Squeeze", ["logit"], "out")], None),
}


def write(folder: Path, shape: str, last: str) -> Path:
    """Red minus green as a logit; ``last`` is the last operation."""
    nodes, sizes = SHAPES[shape]
    model = helper.make_model(
        helper.make_graph(
            [
                helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
                helper.make_node("Flatten", ["pooled"], ["flat"]),
                helper.make_node("MatMul", ["flat", "w"], ["logit"]),
                *(helper.make_node(op, inputs, [name]) for op, inputs, name in nodes),
                helper.make_node(last, ["out"], ["scores"]),
            ],
            "two",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, sizes)],
            [
                onnx.numpy_helper.from_array(np.array([[2], [-2], [0]], np.float32), "w"),
                onnx.numpy_helper.from_array(np.array([1]), "one"),
                onnx.numpy_helper.from_array(np.array([2, 3]), "axes"),
            ],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    path = folder / "two.onnx"
    path.write_bytes(model.SerializeToString())
    (folder / "labels.txt").write_text("green\nred\n")
    return path


def plain(red: int, green: int) -> NDArray[np.uint8]:
    picture = np.zeros((9, 8, 3), np.uint8)
    picture[...] = (red, green, 0)
    return picture


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("last", "activation"),
    [("Sigmoid", None), ("Sigmoid", "none"), ("Sigmoid", "independent"), ("Identity", "sigmoid")],
)
def test_a_single_output_gives_both_classes(
    tmp_path: Path, shape: str, last: str, activation: Activation | None
) -> None:
    path = write(tmp_path, shape, last)
    options = ModelOptions(
        labels=tmp_path / "labels.txt", preset="unit", activation=activation, size=(SIDE, SIDE)
    )
    assert examine(path, options).missing is None
    with pictell.load(path, options=options) as classifier:
        results = list(classifier.stream([plain(255, 0), plain(0, 255), plain(0, 0)]))
        alone = classifier.classify(plain(255, 0), top_k=2)
    high = 1 / (1 + np.exp(-2))
    for result, (label, score) in zip(
        [*results, alone],
        [("red", high), ("green", high), ("green", 0.5), ("red", high)],
        strict=True,
    ):
        assert result.top is not None
        assert (result.top.label, round(result.top.score, 5)) == (label, round(score, 5))
    assert [one.label for one in alone.predictions] == ["red", "green"]
    assert sum(one.score for one in alone.predictions) == pytest.approx(1)


def test_a_softmax_over_the_only_output_is_refused_and_the_advice_works(tmp_path: Path) -> None:
    path = write(tmp_path, "(N, 1)", "Identity")
    options = ModelOptions(labels=tmp_path / "labels.txt", preset="unit")
    advice = examine(path, ModelOptions(labels=options.labels, preset="unit")).missing
    assert advice is not None
    assert "give --activation sigmoid" in advice
    with pytest.raises(InvalidModelError, match="give --activation sigmoid"):
        pictell.load(path, options=options)
    given = ModelOptions(labels=options.labels, preset="unit", activation="sigmoid")
    with pictell.load(path, options=given) as classifier:
        assert classifier.classify(plain(255, 0)).top.label == "red"


@pytest.mark.parametrize("names", ["green\nred\n", "red\n"])
@pytest.mark.parametrize("activation", ["none", "independent"])
def test_a_single_logit_that_is_taken_for_a_probability_leads_to_sigmoid(
    tmp_path: Path, names: str, activation: Activation
) -> None:
    path = write(tmp_path, "(N, 1)", "Identity")
    (tmp_path / "labels.txt").write_text(names)
    options = ModelOptions(
        labels=tmp_path / "labels.txt", preset="unit", activation=activation, size=(SIDE, SIDE)
    )
    for colour in ((255, 0), (0, 255)):
        with (
            pictell.load(path, options=options) as classifier,
            pytest.raises(RuntimeFailedError, match="give --activation sigmoid"),
        ):
            classifier.classify(plain(*colour))


def test_an_unknown_activation_of_one_value_is_not_called_softmax(tmp_path: Path) -> None:
    path = write(tmp_path, "(N, 1)", "Relu")
    options = ModelOptions(labels=tmp_path / "labels.txt", preset="unit")
    with pytest.raises(InvalidModelError, match=r"give --activation none .*, sigmoid") as caught:
        pictell.load(path, options=options)
    assert "softmax" not in str(caught.value)


def test_one_output_and_three_labels_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "(N,)", "Sigmoid")
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    options = ModelOptions(labels=tmp_path / "labels.txt", preset="unit")
    with pytest.raises(InvalidModelError, match="3 labels for an output of 1 classes"):
        pictell.load(path, options=options)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """120 pictures of each class in its folder, some of them in the wrong one."""
    random = np.random.default_rng(1)
    for label, colours in (("red", (1, 0)), ("green", (0, 1))):
        folder = tmp_path / "data" / label
        folder.mkdir(parents=True)
        for number in range(120):
            red, green = colours if random.random() < 0.8 else colours[::-1]
            strength = int(random.integers(60, 255))
            image = Image.fromarray(plain(red * strength, green * strength))
            image.save(folder / f"{number}.png")
    return tmp_path / "data"


def test_evaluate_calibrate_and_verify_have_two_classes(tmp_path: Path, pictures: Path) -> None:
    path = write(tmp_path, "(N,)", "Sigmoid")
    folder = tmp_path / "model"
    words = ["--labels", str(tmp_path / "labels.txt"), "--preset", "unit", "--write", str(folder)]
    assert run_command("inspect", str(path), *words).returncode == 0
    measured = run_command("evaluate", "--model", str(folder), str(pictures), "--format", "json")
    assert measured.returncode == 0, measured.stderr
    assert 0.7 < json.loads(measured.stdout)["models"][0]["top1"]["value"] < 0.9
    fitted = run_command("calibrate", "--model", str(folder), str(pictures))
    assert fitted.returncode == 0, fitted.stderr
    with pictell.load(folder) as classifier:
        result = classifier.classify(plain(255, 0), top_k=2)
        assert sum(one.score for one in result.predictions) == pytest.approx(1)
        assert result.status is not None
    assert run_command("verify", str(folder), "--record").returncode == 0
    assert run_command("verify", str(folder)).returncode == 0
