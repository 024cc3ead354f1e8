"""Which outputs are rows of scores: in all formats, and behind operations that change nothing."""

from itertools import pairwise

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from onnx import TensorProto, helper

from hostile_models import (
    attr,
    classifier,
    frozen,
    node,
    onnx_model,
    saved,
    signature,
    tensor_info,
    tflite,
    tflite_model,
    weights,
)
from pictell.errors import InvalidModelError
from pictell.graphs import Inspection, NotScores, Weights
from pictell.inspection import inspect_weights
from pictell.inspection.scores import count_classes, refusal, scores_before, scores_outputs

OPS = schema.BuiltinOperator
REAL = attr(type=1)


def onnx_chain(*ops: str | tuple[str, ...]) -> Weights:
    """Operations one after the other from the softmax; a tuple has further inputs."""
    nodes, last = [], "scores"
    for number, op in enumerate(ops):
        name, *more = (op,) if isinstance(op, str) else op
        nodes.append(helper.make_node(name, [last, *more], [f"v{number}"]))
        last = f"v{number}"
    model = onnx_model(*nodes, output=last)
    return weights("onnx", model.SerializeToString())


def operations(content: Weights) -> list[str]:
    return [one.operation for one in inspect_weights(content).not_scores.values()]


@pytest.mark.parametrize(
    ("ops", "expected"),
    [
        (["ArgMax"], ["ArgMax"]),
        (["ArgMin", "Squeeze", "Cast"], ["ArgMin"]),
        ([("TopK", "k"), "Identity", "Reshape"], ["TopK"]),
        ([("TopK", "k"), ("Slice", "a", "b")], ["TopK"]),
        ([("TopK", "k"), ("Mul", "hundred")], ["TopK"]),
        ([("TopK", "k"), "Softmax"], ["TopK"]),
        ([("TopK", "k"), ("Mul", "hundred"), "Sigmoid", ("Clip", "a", "b")], ["TopK"]),
        (["Hardmax"], ["Hardmax"]),
        ([("Greater", "half"), "Cast"], ["Greater"]),
        ([("NonMaxSuppression", "boxes")], ["NonMaxSuppression"]),
        ([("Div", "steps")], []),
        (["Identity"], []),
        (["Softmax"], []),
        ([("Gather", "order")], []),
    ],
)
def test_operations_of_onnx_that_choose(
    ops: list[str | tuple[str, ...]], expected: list[str]
) -> None:
    assert operations(onnx_chain(*ops)) == expected


@pytest.mark.parametrize("op", ["Gather", "GatherElements", "ArrayFeatureExtractor"])
def test_names_or_scores_taken_by_argmax(op: str) -> None:
    best = helper.make_node("ArgMax", ["scores"], ["best"])
    for values in ("names", "scores"):
        nodes = [best, helper.make_node(op, [values, "best"], ["taken"])]
        content = weights("onnx", onnx_model(*nodes, output="taken").SerializeToString())
        assert inspect_weights(content).not_scores == {"taken": NotScores("ArgMax", "scores")}


def test_scores_that_a_mask_changes_stay_scores() -> None:
    nodes = [
        helper.make_node("Greater", ["scores", "half"], ["high"]),
        helper.make_node("Cast", ["high"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["scores", "mask"], ["out"]),
    ]
    assert operations(weights("onnx", onnx_model(*nodes, output="out").SerializeToString())) == []


def test_a_long_chain_that_uses_each_value_twice_ends() -> None:
    names = ["scores", *(f"v{number}" for number in range(90))]
    nodes = [helper.make_node("Add", [one, one], [other]) for one, other in pairwise(names)]
    content = weights("onnx", onnx_model(*nodes, output=names[-1]).SerializeToString())
    assert operations(content) == []


@pytest.mark.parametrize(
    ("ops", "expected"),
    [
        ([OPS.SOFTMAX, OPS.ARG_MAX], ["ARG_MAX"]),
        ([OPS.TOPK_V2, OPS.RESHAPE], ["TOPK_V2"]),
        ([OPS.LOGISTIC, OPS.NON_MAX_SUPPRESSION_V5], ["NON_MAX_SUPPRESSION_V5"]),
        ([OPS.SOFTMAX], []),
    ],
)
def test_operations_of_tflite_that_choose(ops: list[int], expected: list[str]) -> None:
    assert operations(weights("tflite", tflite(tflite_model(*ops)))) == expected


@pytest.mark.parametrize(
    "op",
    ["TopKV2", "ArgMax", "InTopK", "NonMaxSuppressionV3", "CombinedNonMaxSuppression", "OneHot"],
)
def test_operations_of_tensorflow_that_choose(op: str) -> None:
    end = [node("best", op, "scores", T=REAL), node("end", "Identity", "best:1", T=REAL)]
    graph = frozen([*classifier(), *end])
    found = inspect_weights(graph)
    assert found.not_scores == {"end": NotScores(op, "scores")}
    assert not scores_outputs(found)
    assert scores_before(found) == ["scores"]
    assert scores_outputs(inspect_weights(graph, ["scores"]))
    outputs = {"best": tensor_info("end:0", sizes=(-1, 3))}
    usual = signature({"image": tensor_info("image:0")}, outputs)
    model = saved([*classifier(), *end], signatures={"serving_default": usual})
    assert inspect_weights(model).not_scores == {"best": NotScores(op, None)}


def test_of_several_outputs_those_that_can_be_scores_are_found() -> None:
    model = onnx_model(helper.make_node("ArgMax", ["scores"], ["best"]))
    info = helper.make_tensor_value_info
    model.graph.output.extend(
        [
            info("best", TensorProto.INT64, ["N"]),
            info("flags", TensorProto.BOOL, ["N", 3]),
            info("names", TensorProto.STRING, ["N", 3]),
            info("map", TensorProto.FLOAT, ["N", 3, 7, 7]),
        ]
    )
    found = inspect_weights(weights("onnx", model.SerializeToString()))
    assert [one.name for one in scores_outputs(found)] == ["scores"]


def test_one_sentence_names_what_the_outputs_are() -> None:
    model = onnx_model(helper.make_node("TopK", ["scores", "k"], ["best", "index"]), output="best")
    index = helper.make_tensor_value_info("index", TensorProto.INT64, ["N", 3])
    model.graph.output.append(index)
    text = refusal(inspect_weights(weights("onnx", model.SerializeToString())))
    assert text.count("TopK") == 1
    assert all(name in text for name in ("best", "index", "'scores'"))


@pytest.mark.parametrize(
    ("shape", "classes"),
    [
        ((None, 5), 5),
        ((None,), 1),
        ((1,), 1),
        ((None, 1), 1),
        ((4, 1, 1, 1), 1),
        ((1, 1, 7), 7),
        ((None, None), None),
    ],
)
def test_classes_of_a_shape(shape: tuple[int | None, ...], classes: int | None) -> None:
    assert count_classes("scores", shape) == classes


@pytest.mark.parametrize("shape", [(), (5,), (None, 5, 7), (1, 2, 3, 4)])
def test_shapes_that_are_no_row_for_each_picture(shape: tuple[int | None, ...]) -> None:
    with pytest.raises(InvalidModelError, match="not \\(N, classes\\)"):
        count_classes("scores", shape)


def test_numbers_without_a_scale_are_no_scores() -> None:
    for kind in (np.int64, np.uint8, np.int32, np.bool_):
        number = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
        model = onnx_model(helper.make_node("Cast", ["scores"], ["out"], to=number), output="out")
        model.graph.output[0].type.tensor_type.elem_type = number
        found: Inspection = inspect_weights(weights("onnx", model.SerializeToString()))
        assert scores_outputs(found) == ()
