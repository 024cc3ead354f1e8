"""Maps of scores and labels in graphs of ai.onnx.ml."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

import pictell
from pictell.errors import InvalidModelError
from pictell.graphs import TensorSpec, Weights
from pictell.inspection import checksum, inspect_weights, runnable
from pictell.inspection.onnx import read
from pictell.models.bare import describe
from pictell.models.folder import create_model_folder, read_weights
from pictell.models.single_file import write_single_file
from pictell.options import ModelOptions

ML = "ai.onnx.ml"
SIDE = 4
STRINGS = {"classlabels_strings": ["cat", "dog", "bird"]}
NUMBERS = {"classlabels_int64s": [7, 8, 9]}
MAPS = "scores"


def zipped(labels: dict[str, Any] = STRINGS, *, opsets: tuple[str, ...] = ("", ML)) -> Weights:
    """Pictures (N, 3, 4, 4) -> the best label, and a sequence of maps from label to score."""
    key = TensorProto.STRING if labels is STRINGS else TensorProto.INT64
    maps = helper.make_sequence_type_proto(
        helper.make_map_type_proto(key, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    )
    weights = np.eye(3, dtype=np.float32) * 5
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("MatMul", ["flat", "w"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["p"]),
            helper.make_node("ArgMax", ["p"], ["label"], axis=1, keepdims=0),
            helper.make_node("ZipMap", ["p"], [MAPS], domain=ML, **labels),
        ],
        "maps",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, ["N"]),
            helper.make_value_info(MAPS, maps),
        ],
        [onnx.numpy_helper.from_array(weights, "w")],
    )
    versions = {"": 17, ML: 3}
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid(one, versions[one]) for one in opsets]
    )
    model.ir_version = 8
    return Weights("onnx", {"maps.onnx": model.SerializeToString()})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "maps.onnx").write_bytes(zipped().graph)
    return tmp_path / "maps.onnx"


@pytest.mark.parametrize(
    ("labels", "names"), [(STRINGS, ("cat", "dog", "bird")), (NUMBERS, ("7", "8", "9"))]
)
def test_a_map_is_read_as_the_tensor_before_it(
    labels: dict[str, Any], names: tuple[str, ...]
) -> None:
    content = zipped(labels)
    found = inspect_weights(content)
    assert TensorSpec(MAPS, (None, 3), "float32") in found.outputs
    assert (found.labels, found.activations[MAPS]) == ({MAPS: names}, "none")
    session = onnxruntime.InferenceSession(
        runnable(content, [MAPS]).weights.graph, providers=["CPUExecutionProvider"]
    )
    images = np.random.default_rng(1).random((5, 3, SIDE, SIDE)).astype(np.float32)
    (scores,) = session.run([MAPS], {"image": images})
    logits = images.mean(axis=(2, 3)) * 5
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert scores == pytest.approx(expected, abs=1e-6)


def test_a_graph_without_maps_stays_byte_for_byte() -> None:
    content = runnable(zipped(), [MAPS]).weights
    assert runnable(content, [MAPS]).weights is content


def test_a_graph_that_needs_onnxs_own_operations_now_imports_them() -> None:
    model = read(runnable(zipped(opsets=(ML,)), [MAPS]).weights.graph)
    assert "" in {entry.domain for entry in model.opset_import}


@pytest.mark.parametrize("target", ["folder", "packed.onnx", None])
def test_maps_are_followed_in_bare_files_folders_and_single_files(
    path: Path, tmp_path: Path, target: str | None
) -> None:
    options = ModelOptions(preset="unit")
    spec = describe(path, options)
    assert [label.name for label in spec.labels] == ["cat", "dog", "bird"]
    assert spec.sha256 == checksum({"maps.onnx": path.read_bytes()})
    if target is not None:
        write = write_single_file if target.endswith(".onnx") else create_model_folder
        write(tmp_path / target, spec, read_weights(spec))
        path, options = tmp_path / target, ModelOptions()
    green = np.zeros((8, 8, 3), np.uint8)
    green[..., 1] = 255
    with pictell.load(path, options=options) as classifier:
        assert classifier.classify(green).top.label == "dog"


def test_labels_of_the_user_come_first(path: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("a cat\na dog\na bird\n")
    spec = describe(path, ModelOptions(preset="unit", labels=tmp_path / "labels.txt"))
    assert spec.labels[0].name == "a cat"


def test_another_output_that_holds_no_scores_is_refused_with_the_one_that_does(path: Path) -> None:
    with pytest.raises(InvalidModelError, match=f"ArgMax .*: give --output {MAPS}$"):
        describe(path, ModelOptions(preset="unit", output_name="label"))
    assert describe(path, ModelOptions(preset="unit", output_name=MAPS)).output_name == MAPS


@pytest.mark.parametrize(
    ("op", "labels"),
    [
        ("LinearClassifier", {"classlabels_ints": [0, 1, 2]}),
        ("LinearClassifier", STRINGS),
        ("TreeEnsembleClassifier", NUMBERS),
        ("SVMClassifier", STRINGS),
    ],
)
def test_labels_are_those_of_the_node_that_classifies(op: str, labels: dict[str, Any]) -> None:
    graph = helper.make_graph(
        [
            helper.make_node(op, ["x"], ["label", "raw"], domain=ML, **labels),
            helper.make_node("Normalizer", ["raw"], ["p"], domain=ML, norm="L1"),
        ],
        "classifier",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 12])],
        [
            helper.make_tensor_value_info("label", TensorProto.STRING, ["N"]),
            helper.make_tensor_value_info("p", TensorProto.FLOAT, ["N", 3]),
        ],
    )
    content = Weights("onnx", {"net.onnx": helper.make_model(graph).SerializeToString()})
    found = inspect_weights(content)
    (names,) = labels.values()
    assert found.labels["p"] == tuple(map(str, names))
    assert found.activations["p"] == "none"
    assert "label" in found.not_scores


@pytest.mark.parametrize("name", ["customvision", "sk_nozip"])
def test_the_published_forms(shared: Path, name: str) -> None:
    path = shared / "cases" / "models" / f"{name}.onnx"
    if name == "sk_nozip":
        with pytest.raises(InvalidModelError, match=r"takes no batch of pictures \(X \(N, 192\)\)"):
            describe(path, ModelOptions())
    else:
        spec = describe(path, ModelOptions(preset="raw"))
        assert [label.name for label in spec.labels] == ["cat", "dog", "bird"]
