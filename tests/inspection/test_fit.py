"""What a graph must have to fit a model's spec, and what the errors ask for."""

import dataclasses
from typing import Any

import pytest

from pictell.errors import InvalidModelError
from pictell.inspection.fit import check_fits
from pictell.types import Label, Layout, ModelSpec, TensorSpec
from real_models import spec

CLASSES = 5
FLOAT = TensorSpec("input", (None, 8, 8, 3), "float32")
SCORES = TensorSpec("scores", (None, CLASSES), "float32")


def small(**changes: Any) -> ModelSpec:
    return dataclasses.replace(spec("onnx", 8, CLASSES, "scores"), **changes)


def preprocessed(**changes: Any) -> ModelSpec:
    return small(preprocess=dataclasses.replace(small().preprocess, **changes))


def laid_out(layout: Layout) -> ModelSpec:
    return preprocessed(layout=layout)


def image(*shape: int | None, dtype: str = "float32") -> TensorSpec:
    return TensorSpec("input", shape, dtype)


@pytest.mark.parametrize(
    ("tensor", "spec", "message"),
    [
        (image(8, 8, 3), small(), r"shape \(8, 8, 3\), not that of a batch .* \(N, H, W, 3\) or"),
        (image(1, 8, 8, 1), small(), r"give --channels grey, not RGB"),
        (image(1, 8, 8, 4), small(), r"gives 3 channels \(RGB\) or 1 \(grey\)"),
        (image(1, 3, 8, 8), small(), r"\(1, 3, 8, 8\): give --layout NCHW, not NHWC"),
        (image(None, 8, 8, 3), laid_out("NCHW"), r"\(N, 8, 8, 3\): give --layout NHWC, not"),
        (image(None, 16, 12, 3), small(), r"give --size 12x16, not 8x8"),
        (image(None, None, 12, 3), small(), r"give --size 12x8, not 8x8"),
        (image(None, 8, 8, 3, dtype="uint8"), small(), "give neither --mean nor --std"),
        (
            image(None, 8, 8, 3, dtype="int8"),
            small(),
            "takes int8: export the model with an input of",
        ),
        (image(None, 8, 8, 3, dtype="bfloat16"), small(), "takes bfloat16: export the model"),
        (image(None, 8, 8, 3, dtype="bool"), preprocessed(mean=None, std=None), "takes bool: ex"),
        (image(None, 8, 8, 3), preprocessed(mean=None, std=None), "give --mean and --std"),
    ],
)
def test_an_input_that_does_not_fit_says_what_to_give(
    tensor: TensorSpec, spec: ModelSpec, message: str
) -> None:
    with pytest.raises(InvalidModelError, match=message):
        check_fits([tensor], [SCORES], spec)


@pytest.mark.parametrize(
    "tensor", [image(None, None, None, 3), image(1, 8, 8, 3), TensorSpec("input", None, "float32")]
)
def test_an_unknown_size_fits(tensor: TensorSpec) -> None:
    check_fits([tensor], [SCORES], small())


def test_an_unknown_input_lists_the_known_ones() -> None:
    with pytest.raises(InvalidModelError, match="no input 'data': it has input"):
        check_fits([FLOAT], [SCORES], small(input_name="data"))


def test_a_graph_that_needs_more_than_the_picture_is_refused() -> None:
    with pytest.raises(InvalidModelError, match=r"several inputs \(input, keep_prob\)"):
        check_fits([FLOAT, TensorSpec("keep_prob", (), "float32")], [SCORES], small())


@pytest.mark.parametrize("name", ["output_name", "embedding", "feature_map"])
def test_an_unknown_output_lists_the_known_ones(name: str) -> None:
    with pytest.raises(InvalidModelError, match="no output 'probs': it has scores"):
        check_fits([FLOAT], [SCORES], small(**{name: "probs"}))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (CLASSES - 1, "--background .* --unlabelled 1 "),
        (3, "give --unlabelled 2 "),
        (CLASSES + 1, "6 labels for an output of 5 classes"),
    ],
)
def test_labels_that_do_not_fit_the_output(labels: int, message: str) -> None:
    with pytest.raises(InvalidModelError, match=message):
        check_fits(
            [FLOAT], [SCORES], small(labels=tuple(Label(str(index)) for index in range(labels)))
        )


@pytest.mark.parametrize("shape", [(CLASSES,), (None, 2, CLASSES), (None, CLASSES, 7, 7), ()])
def test_an_output_without_one_axis_of_classes_is_refused(shape: tuple[int | None, ...]) -> None:
    with pytest.raises(InvalidModelError, match=r"has shape .*, not \(N, classes\)"):
        check_fits([FLOAT], [TensorSpec("scores", shape, "float32")], small())
