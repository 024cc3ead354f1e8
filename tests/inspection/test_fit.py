"""What a graph must have to fit a model's spec, and what the errors ask for."""

import dataclasses
import re
from typing import Any

import pytest

from pictell.errors import InvalidModelError
from pictell.graphs import TensorSpec
from pictell.inspection.fit import check_fits
from pictell.models.labels import complete
from pictell.types import Label, Layout, ModelSpec
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


BYTES = (1 / 128, 128)
IMAGENET = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
# Mean, std, type and quantisation.
Given = tuple[tuple[float, float, float], tuple[float, float, float], str, tuple[float, int]]


def given(mean: float, std: float, dtype: str, scale: float, zero_point: int) -> Given:
    return (mean, mean, mean), (std, std, std), dtype, (scale, zero_point)


@pytest.mark.parametrize(
    "case",
    [
        given(127.5, 127.5, "uint8", *BYTES),
        given(127, 128, "uint8", *BYTES),
        given(0, 255, "uint8", 1 / 255, 0),
        given(0, 1, "uint8", 1, 0),
        given(127.5, 127.5, "int8", 1 / 127.5, 0),
        given(0, 255, "int8", 0.85 / 255, -128),  # no picture of those was white
        given(0, 1, "int8", 1, -128),
        given(0, 255, "int16", 1 / 32767, 0),
        given(127.5, 127.5, "int16", 1 / 32767, 0),
        (*IMAGENET, "uint8", (4.758 / 255, 114)),
        (*IMAGENET, "int8", (4.758 / 255, -14)),
    ],
)
def test_a_mean_and_a_std_that_make_the_numbers_of_a_quantised_input_fit(case: Given) -> None:
    mean, std, dtype, quantisation = case
    tensor = TensorSpec("input", (None, 8, 8, 3), dtype, quantisation)
    check_fits([tensor], [SCORES], preprocessed(mean=mean, std=std))


@pytest.mark.parametrize(
    "case",
    [
        given(117, 117, "uint8", *BYTES),
        given(0, 255, "uint8", *BYTES),
        given(0, 1, "uint8", *BYTES),
        given(117, 1, "uint8", *BYTES),
        (*IMAGENET, "uint8", BYTES),
        given(127.5, 127.5, "uint8", 1 / 255, 0),
        given(0, 255, "int8", 1 / 127.5, 0),
        given(127.5, 127.5, "int8", 1 / 255, -128),
        given(0, 1, "int8", 1 / 255, -128),
        given(0, 255, "int8", 1, -128),
        given(0, 1, "int16", 1 / 32767, 0),
        (*IMAGENET, "int8", (1 / 127.5, 0)),
    ],
)
def test_a_mean_and_a_std_that_contradict_the_quantisation_are_refused(case: Given) -> None:
    mean, std, dtype, quantisation = case
    tensor = TensorSpec("input", (None, 8, 8, 3), dtype, quantisation)
    with pytest.raises(InvalidModelError, match="is quantised for numbers from") as caught:
        check_fits([tensor], [SCORES], preprocessed(mean=mean, std=std))
    assert ("leave --preset out" in str(caught.value)) == (dtype == "uint8")


@pytest.mark.parametrize(
    ("names", "background", "unlabelled", "advice"),
    [
        (CLASSES, True, 0, "leave --background out"),
        (CLASSES, False, 1, "leave --unlabelled out"),
        (CLASSES, True, 2, "leave --background and --unlabelled out"),
        (CLASSES - 1, True, 1, "leave --unlabelled out"),
        (CLASSES - 1, False, 3, "give --unlabelled 1, not 3"),
        (CLASSES - 2, True, 0, "give --unlabelled 1 if the last has no label"),
        (CLASSES - 3, False, 1, "give --unlabelled 3 if the last 3 have no label"),
        (CLASSES + 1, False, 0, "these labels are for another model"),
        (CLASSES + 1, True, 1, "these labels are for another model"),
    ],
)
def test_the_number_of_labels_tells_which_options_are_wrong(
    names: int, background: bool, unlabelled: int, advice: str
) -> None:
    labels = complete([Label(f"class {n}") for n in range(names)], background, unlabelled)
    with pytest.raises(InvalidModelError, match=f"classes: {advice}"):
        check_fits([FLOAT], [SCORES], small(labels=labels))
    right = re.search(r"give --unlabelled (\d+)", advice)
    if "out" in advice or right:
        options = (
            background and "--background" not in advice,
            int(right[1]) if right else 0,
        )
        fitting = complete([Label(f"class {n}") for n in range(names)], *options)
        check_fits([FLOAT], [SCORES], small(labels=fitting))
