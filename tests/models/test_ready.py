"""``inspect`` says that a model is ready if, and only if, ``classify`` takes it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

import pictell
from pictell.errors import InvalidModelError, PictellError, UnsafeModelError, UsageError
from pictell.models.examine import examine
from pictell.options import ModelOptions

SIDE = 6
TYPES = {
    "float": TensorProto.FLOAT,
    "half": TensorProto.FLOAT16,
    "double": TensorProto.DOUBLE,
    "uint8": TensorProto.UINT8,
    "int8": TensorProto.INT8,
    "int32": TensorProto.INT32,
    "bool": TensorProto.BOOL,
    "bfloat16": TensorProto.BFLOAT16,
}
SHAPES: list[list[int | str]] = [
    ["N", 3, SIDE, SIDE],
    [1, 3, SIDE, SIDE],
    [2, 3, SIDE, SIDE],
    ["N", SIDE, SIDE, 3],
    ["N", 1, SIDE, SIDE],
    [1, SIDE, SIDE, 1],
    ["N", 3, "h", "w"],
    ["N", 4, SIDE, SIDE],
    ["N", SIDE, SIDE, 4],
    ["N", "c", SIDE, SIDE],
    [3, SIDE, SIDE],
    ["N", 3 * SIDE * SIDE],
]
# The last nodes, from "logits" (N, classes); then the outputs: name, type, axes after the batch.
ROW = ("scores", TensorProto.FLOAT, ["classes"])
ENDS: dict[str, tuple[list[Any], list[tuple[str, int, list[int | str]]]]] = {
    "softmax": ([("Softmax", ["logits"], ["scores"])], [ROW]),
    "sigmoid": ([("Sigmoid", ["logits"], ["scores"])], [ROW]),
    "logits": ([("Identity", ["logits"], ["scores"])], [ROW]),
    "unclear": ([("Relu", ["logits"], ["scores"])], [ROW]),
    "hardmax": ([("Hardmax", ["logits"], ["scores"])], [ROW]),
    "axes": (
        [("Softmax", ["logits"], ["p"]), ("Unsqueeze", ["p", "last"], ["scores"])],
        [("scores", TensorProto.FLOAT, ["classes", 1])],
    ),
    "argmax": (
        [("ArgMax", ["logits"], ["scores"], {"axis": 1, "keepdims": 0})],
        [("scores", TensorProto.INT64, [])],
    ),
    "argmax as float": (
        [
            ("ArgMax", ["logits"], ["index"], {"axis": 1}),
            ("Cast", ["index"], ["scores"], {"to": TensorProto.FLOAT}),
        ],
        [("scores", TensorProto.FLOAT, [1])],
    ),
    "yes or no": (
        [("Greater", ["logits", "zero"], ["scores"])],
        [("scores", TensorProto.BOOL, ["classes"])],
    ),
    "both": (
        [
            ("Softmax", ["logits"], ["scores"]),
            ("ArgMax", ["scores"], ["label"], {"axis": 1, "keepdims": 0}),
        ],
        [("label", TensorProto.INT64, []), ROW],
    ),
    "two rows": (
        [("Softmax", ["logits"], ["scores"]), ("Identity", ["logits"], ["again"])],
        [ROW, ("again", TensorProto.FLOAT, ["classes"])],
    ),
    "map": ([("Identity", ["map"], ["scores"])], [("scores", TensorProto.FLOAT, [3, "h", "w"])]),
}


def graph(end: str, classes: int, shape: list[int | str], element: str) -> bytes:
    """A classifier of pictures; of other inputs, a graph that cannot run."""
    nodes, outputs = ENDS[end]
    depth = 1 if 1 in (shape[1], shape[-1]) else 3
    weights = np.random.default_rng(classes).normal(size=(depth, classes)).astype(np.float32)
    constants = {"w": weights, "last": np.array([2]), "zero": np.zeros(1, np.float32)}
    pixels = helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT)
    order = [0, 3, 1, 2] if shape[-1] in (1, 3) else [0, 1, 2, 3]
    model = helper.make_model(
        helper.make_graph(
            [
                pixels,
                helper.make_node("Transpose", ["real"], ["map"], perm=order),
                helper.make_node("GlobalAveragePool", ["map"], ["pooled"]),
                helper.make_node("Flatten", ["pooled"], ["flat"]),
                helper.make_node("MatMul", ["flat", "w"], ["logits"]),
                *(
                    helper.make_node(op, inputs, names, **(more[0] if more else {}))
                    for op, inputs, names, *more in nodes
                ),
            ],
            "net",
            [helper.make_tensor_value_info("image", TYPES[element], shape)],
            [
                helper.make_tensor_value_info(
                    name, kind, [shape[0], *(classes if one == "classes" else one for one in axes)]
                )
                for name, kind, axes in outputs
            ],
            [numpy_helper.from_array(value, name) for name, value in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    content: bytes = model.SerializeToString()
    return content


def problem(path: Path, options: ModelOptions) -> str | None:
    """Why ``classify`` does not label a picture, ``None`` if it does."""
    picture = np.full((9, 8, 3), 200, np.uint8)
    try:
        with pictell.load(path, options=options) as classifier:
            result = classifier.classify(picture)
    except PictellError as error:
        return str(error)
    return None if result.error is None else str(result.error)


def is_ready(path: Path, options: ModelOptions) -> bool:
    try:
        examine(path, options).ready_spec()
    except (InvalidModelError, UnsafeModelError, UsageError):
        return False
    return True


def mostly(*usual: Any) -> st.SearchStrategy[Any]:
    """One of the values; mostly the first."""
    return st.sampled_from([*[usual[0]] * 3 * len(usual), *usual])


@settings(max_examples=200)
@given(
    end=mostly("softmax", *ENDS),
    classes=st.integers(1, 3),
    shape=mostly(*SHAPES),
    element=mostly(*TYPES),
    extra_labels=mostly(0, 1, -1),
    activation=mostly(None, "softmax", "sigmoid", "none", "independent"),
    preset=mostly("unit", None),
    size=mostly(None, (SIDE, SIDE), (7, 7)),
    layout=mostly(None, "NHWC", "NCHW"),
    channels=mostly(None, "RGB", "BGR", "grey"),
)
def test_ready_is_what_classify_takes(
    tmp_path_factory: pytest.TempPathFactory,
    end: str,
    classes: int,
    shape: list[int | str],
    element: str,
    extra_labels: int,
    **options: Any,
) -> None:
    folder = tmp_path_factory.mktemp("model")
    path = folder / "net.onnx"
    path.write_bytes(graph(end, classes, shape, element))
    names = folder / "labels.txt"
    names.write_text(
        "".join(f"thing {'abcd'[number]}\n" for number in range(classes + extra_labels))
    )
    chosen = ModelOptions(labels=names, **options)
    refused = problem(path, chosen)
    # Raw logits are no probabilities; only a picture shows that.
    if refused is None or "values outside 0..1" not in refused:
        assert is_ready(path, chosen) == (refused is None), refused
