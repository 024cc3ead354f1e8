"""Dropout and noise of a training in ONNX graphs; other random operations."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from pictell.errors import InvalidModelError
from pictell.graphs import Weights
from pictell.inspection import check_safe, runnable
from pictell.inspection.onnx_noise import RANDOM_OPS

SHAPE = (2, 3, 4, 4)
FLOAT = TensorProto.FLOAT
Nodes = list[Any]
node = helper.make_node
PLAIN: Nodes = [node("Identity", ["image"], ["y"])]
YES = node("Constant", [], ["yes"], value_int=1)


def constant(name: str, value: Any, dtype: Any = np.float32) -> Any:
    return node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(value, dtype)))


def cast(name: str, made: str, kind: int = FLOAT) -> Any:
    return node("Cast", [name], [made], to=kind)


def model(
    layer: Nodes,
    opset: int = 17,
    functions: tuple[Any, ...] = (),
    initializers: tuple[Any, ...] = (),
) -> Weights:
    """Pictures (N, 3, 4, 4) -> ``layer`` makes ``y`` of ``image`` -> ``scores`` (N, 3)."""
    nodes = [
        *layer,
        node("GlobalAveragePool", ["y"], ["pooled"]),
        node("Flatten", ["pooled"], ["scores"]),
        node("Relu", ["image"], ["other"]),
    ]
    graph = helper.make_graph(
        nodes,
        "layer",
        [helper.make_tensor_value_info("image", FLOAT, ["N", *SHAPE[1:]])],
        [
            helper.make_tensor_value_info("scores", FLOAT, ["N", 3]),
            helper.make_tensor_value_info("other", FLOAT, None),
        ],
        initializers,
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("own", 1)]
    made = helper.make_model(graph, opset_imports=opsets, functions=functions)
    made.ir_version = 8
    return Weights("onnx", {"model.onnx": made.SerializeToString()})


def run(weights: Weights) -> np.ndarray:
    image = np.random.default_rng(3).uniform(-1, 1, SHAPE).astype(np.float32)
    session = onnxruntime.InferenceSession(weights.graph, providers=["CPUExecutionProvider"])
    (scores,) = session.run(["scores"], {"image": image})
    return scores


def dropout(name: str = "image", made: str = "y", mask: str = "") -> Nodes:
    return [
        constant("ratio", 0.4),
        constant("on", True, bool),
        node("Dropout", [name, "ratio", "on"], [made, mask] if mask else [made], name="drop"),
    ]


UNIFORM = node("RandomUniformLike", ["image"], ["u"], dtype=FLOAT)
MASK = [
    UNIFORM,
    constant("keep", 0.6),
    node("Less", ["u", "keep"], ["less"]),
    cast("less", "mask"),
]
TAKEN_OUT: dict[str, Nodes] = {
    "Dropout": dropout(),
    "Dropout with a mask": dropout(mask="mask"),
    "Dropout in a float16": [
        cast("image", "half", TensorProto.FLOAT16),
        *dropout("half", "dropped"),
        cast("dropped", "y"),
    ],
    "the mask, then the scale": [
        *MASK,
        node("Mul", ["image", "mask"], ["x"]),
        node("Div", ["x", "keep"], ["y"]),
    ],
    "a scaled mask": [
        *MASK,
        node("Div", ["mask", "keep"], ["scaled"]),
        node("Mul", ["scaled", "image"], ["y"]),
    ],
    "Bernoulli": [
        node("Shape", ["image"], ["shape"]),
        node(
            "ConstantOfShape",
            ["shape"],
            ["p"],
            value=numpy_helper.from_array(np.array([0.6], np.float32)),
        ),
        node("Bernoulli", ["p"], ["b"]),
        constant("keep", 0.6),
        node("Div", ["image", "keep"], ["x"]),
        node("Mul", ["x", "b"], ["y"]),
    ],
    "Where": [
        *MASK,
        constant("zero", 0),
        node("Div", ["image", "keep"], ["x"]),
        node("Not", ["less"], ["drop"]),
        node("Where", ["drop", "zero", "x"], ["y"]),
    ],
    "floor": [
        UNIFORM,
        constant("keep", 0.6),
        node("Add", ["keep", "u"], ["sum"]),
        node("Floor", ["sum"], ["mask"]),
        node("Div", ["image", "keep"], ["x"]),
        node("Mul", ["x", "mask"], ["y"]),
    ],
    "a range from 0 to 2": [
        node("RandomUniformLike", ["image"], ["u"], low=0.0, high=2.0),
        constant("limit", 1),
        constant("twice", [2]),
        node("Greater", ["u", "limit"], ["b"]),
        cast("b", "mask"),
        node("Mul", ["image", "twice"], ["x"]),
        node("Mul", ["mask", "x"], ["y"]),
    ],
    "noise": [
        node("RandomNormalLike", ["image"], ["n"], scale=0.3),
        node("Sub", ["image", "n"], ["y"]),
    ],
    "factors": [
        node("RandomNormal", [], ["n"], mean=1.0, scale=0.3, shape=[1, 3, 1, 1]),
        node("Mul", ["image", "n"], ["y"]),
    ],
}
REFUSED: dict[str, Nodes] = {
    "a mask without its scale": [*MASK, node("Mul", ["image", "mask"], ["y"])],
    "a mask that is used": [
        *dropout("image", "unused", "kept"),
        cast("kept", "mask"),
        node("Mul", ["image", "mask"], ["y"]),
    ],
    "noise with a mean": [
        node("RandomNormalLike", ["image"], ["n"], mean=0.1),
        node("Add", ["image", "n"], ["y"]),
    ],
    "classes drawn": [
        node("Flatten", ["image"], ["flat"]),
        node("Multinomial", ["flat"], ["n"], sample_size=1),
        cast("n", "y", FLOAT),
    ],
    "a number cut to an integer": [
        UNIFORM,
        constant("two", 2),
        node("Mul", ["u", "two"], ["v"]),
        cast("v", "whole", TensorProto.INT32),
        cast("whole", "real"),
        node("Mul", ["image", "real"], ["x"]),
        node("Mul", ["x", "two"], ["y"]),
    ],
}


@pytest.mark.parametrize("kind", TAKEN_OUT)
@pytest.mark.parametrize("opset", [15, 17, 20])
def test_dropout_is_the_identity(kind: str, opset: int) -> None:
    content = model(TAKEN_OUT[kind], opset)
    check_safe(content)
    rewritten, taken_out = runnable(content, ["scores"])
    assert taken_out
    tolerance = 1e-3 if "float16" in kind else 1e-6
    np.testing.assert_allclose(run(rewritten), run(model(PLAIN)), atol=tolerance)
    assert runnable(rewritten, ["scores"]) == (rewritten, ())


@pytest.mark.parametrize("kind", REFUSED)
def test_other_random_operations_are_refused(kind: str) -> None:
    with pytest.raises(InvalidModelError, match=r"random, because of .+ \(\w+\)") as caught:
        runnable(model(REFUSED[kind]), ["scores"])
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("name", sorted(RANDOM_OPS))
def test_every_random_operation_is_refused_on_the_way(name: str) -> None:
    inputs = [] if name in ("RandomNormal", "RandomUniform") else ["image"]
    content = model([node(name, inputs, ["n"]), node("Add", ["image", "n"], ["y"], name="sum")])
    if name == "RandomNormal" or name == "RandomNormalLike":
        assert runnable(content, ["scores"]).taken_out == ("sum",)
    else:
        with pytest.raises(InvalidModelError, match=rf"n \({name}\)"):
            runnable(content, ["scores"])


@pytest.mark.parametrize("kind", REFUSED)
def test_random_operations_beside_the_way_to_the_output_do_not_matter(kind: str) -> None:
    content = model(REFUSED[kind])
    assert runnable(content, ["other"]) == (content, ())


@pytest.mark.parametrize("stored", ["initializer", "missing", "off"])
def test_a_dropout_that_is_off_stays(stored: str) -> None:
    ratio = numpy_helper.from_array(np.float32(0.4), "ratio")
    on = numpy_helper.from_array(np.bool_(stored == "initializer"), "on")
    inputs = ["image", "ratio", "on"][: 2 if stored == "missing" else 3]
    content = model([node("Dropout", inputs, ["y"])], initializers=(ratio, on))
    rewritten, taken_out = runnable(content, ["scores"])
    assert bool(taken_out) == (stored == "initializer")
    np.testing.assert_allclose(run(rewritten), run(model(PLAIN)), atol=1e-6)


@pytest.mark.parametrize(
    ("opset", "is_test", "trains"), [(6, 0, True), (6, 1, False), (9, 0, False)]
)
def test_old_dropout(opset: int, is_test: int, trains: bool) -> None:
    attributes = {"is_test": is_test} if opset < 7 else {}
    content = model([node("Dropout", ["image"], ["y"], **attributes)], opset)
    assert bool(runnable(content, ["scores"]).taken_out) == trains


def branches(condition: Any) -> Nodes:
    def graph(name: str, nodes: Nodes) -> Any:
        return helper.make_graph(
            nodes, name, [], [helper.make_tensor_value_info(f"{name}_y", FLOAT, None)]
        )

    on = graph("on", [*dropout("image", "on_y")])
    off = graph("off", [node("RandomUniformLike", ["image"], ["off_y"])])
    return [condition, node("If", ["on_if"], ["y"], then_branch=on, else_branch=off)]


def test_dropout_in_a_branch() -> None:
    content = model(branches(constant("on_if", True, bool)))
    rewritten, taken_out = runnable(content, ["scores"])
    assert taken_out == ("drop",)
    np.testing.assert_allclose(run(rewritten), run(model(PLAIN)), atol=1e-6)
    with pytest.raises(InvalidModelError, match="off_y"):
        runnable(model(branches(constant("on_if", False, bool))), ["scores"])
    unknown = node("IsNaN", ["some"], ["on_if"])
    with pytest.raises(InvalidModelError, match="off_y"):
        runnable(model([constant("some", 1), *branches(unknown)]), ["scores"])


@pytest.mark.parametrize("kind", ["Dropout", "Where", "Bernoulli"])
def test_dropout_in_a_function(kind: str) -> None:
    function = helper.make_function(
        "own", "Layer", ["image"], ["y"], TAKEN_OUT[kind], [helper.make_opsetid("", 17)]
    )
    content = model([node("Layer", ["image"], ["y"], domain="own")], functions=(function,))
    rewritten, taken_out = runnable(content, ["scores"])
    assert len(taken_out) == 1
    np.testing.assert_allclose(run(rewritten), run(model(PLAIN)), atol=1e-6)


@pytest.mark.parametrize("arguments", [["image", "ratio", "on"], ["image"]])
def test_a_function_may_be_told_to_train(arguments: list[str]) -> None:
    function = helper.make_function(
        "own",
        "Layer",
        ["x", "r", "t"],
        ["y"],
        [node("Dropout", ["x", "r", "t"], ["y"])],
        [helper.make_opsetid("", 17)],
    )
    layer = [*dropout("image", "unused"), node("Layer", arguments, ["y"], domain="own")]
    rewritten, _ = runnable(model(layer, functions=(function,)), ["scores"])
    np.testing.assert_allclose(run(rewritten), run(model(PLAIN)), atol=1e-6)


def test_a_functions_own_bounds_are_not_known() -> None:
    uniform = node("RandomUniformLike", ["image"], ["u"])
    attribute = uniform.attribute.add(name="high", type=onnx.AttributeProto.FLOAT)
    attribute.ref_attr_name = "high"
    function = helper.make_function(
        "own",
        "Layer",
        ["image"],
        ["y"],
        [uniform, *MASK[1:], *TAKEN_OUT["a scaled mask"][len(MASK) :]],
        [helper.make_opsetid("", 17)],
        attributes=["high"],
    )
    layer = node("Layer", ["image"], ["y"], domain="own", high=3.0)
    with pytest.raises(InvalidModelError, match="RandomUniformLike"):
        runnable(model([layer], functions=(function,)), ["scores"])
