"""What a caller may choose: right values are kept, all others are a ``UsageError``."""

import math
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pictell.errors import UsageError
from pictell.options import EngineOptions, Limits, ModelOptions

numbers = st.integers() | st.floats() | st.booleans() | st.sampled_from([10**400, -(10**400)])
anything = st.recursive(
    st.none()
    | numbers
    | st.text()
    | st.binary()
    | st.sampled_from(["cpu", "crop", "NHWC", "BGR", "bilinear", "none", "float32", Path("x")]),
    lambda values: st.lists(values, max_size=3) | st.tuples(values, values, values),
    max_leaves=4,
)


@given(kind=st.sampled_from([EngineOptions, ModelOptions, Limits]), data=st.data())
def test_anything_else_is_a_usage_error(kind: Any, data: st.DataObject) -> None:
    names = [field.name for field in fields(kind)]
    given_values = data.draw(st.dictionaries(st.sampled_from(names), anything))
    with suppress(UsageError):
        kind(**given_values)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (EngineOptions, "device", "cuda"),
        (EngineOptions, "device", None),
        (EngineOptions, "precision", "fp16"),
        (EngineOptions, "precision", ["float32"]),
        (EngineOptions, "threads", 2.5),
        (EngineOptions, "threads", True),
        (EngineOptions, "threads", 0),
        (EngineOptions, "threads", 10**9),
        (EngineOptions, "runtime", 3),
        (ModelOptions, "size", (224.5, 224.5)),
        (ModelOptions, "size", (True, 224)),
        (ModelOptions, "size", (0, 224)),
        (ModelOptions, "size", (224, 10**5000)),
        (ModelOptions, "size", 224),
        (ModelOptions, "mean", "123"),
        (ModelOptions, "mean", (math.nan, 117.0, 117.0)),
        (ModelOptions, "mean", (math.inf, 117.0, 117.0)),
        (ModelOptions, "std", (255.0, 255.0, 0.0)),
        (ModelOptions, "std", (255.0, 255.0)),
        (ModelOptions, "crop_fraction", 0),
        (ModelOptions, "crop_fraction", 1.1),
        (ModelOptions, "crop_fraction", math.nan),
        (ModelOptions, "resize_mode", "pad"),
        (ModelOptions, "layout", ("NHWC",)),
        (ModelOptions, "background", 1),
        (ModelOptions, "unlabelled", 1.0),
        (ModelOptions, "unlabelled", 10**12),
        (ModelOptions, "labels", b"labels.txt"),
        (ModelOptions, "preset", 5),
        (Limits, "timeout_s", math.inf),
        (Limits, "timeout_s", math.nan),
        (Limits, "timeout_s", 0),
        (Limits, "timeout_s", 1e10),
        (Limits, "timeout_s", "20"),
        (Limits, "timeout_s", True),
        (Limits, "max_bytes", 1e6),
        (Limits, "max_bytes", 0),
        (Limits, "max_pixels", None),
        (Limits, "isolate", 1),
        (Limits, "decode_timeout_s", 0),
        (Limits, "max_memory", 1.5),
        (Limits, "max_memory", 10**9),
        (Limits, "decode_timeout_s", 10),
    ],
)
def test_a_wrong_value_is_named(kind: Any, name: str, value: object) -> None:
    with pytest.raises(UsageError, match=name) as caught:
        kind(**{name: value})
    assert len(str(caught.value).splitlines()) == 1


def test_right_values_are_kept() -> None:
    assert ModelOptions(size=(320, 240), labels=Path("x")).size == (320, 240)
    assert ModelOptions(mean=(0, 0, 0), std=(255, 255, 255)).std == (255, 255, 255)
    assert EngineOptions("onnx", 4, "gpu", "engine").threads == 4
    assert Limits(timeout_s=1, max_bytes=1, max_pixels=1).timeout_s == 1
    assert Limits(isolate=True, decode_timeout_s=1, max_memory=10**9).max_memory == 10**9


@pytest.mark.parametrize(
    "options",
    [
        {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
        {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)},
        {"mean": (0.485, 0.456, 0.406)},
        {"mean": (1.0, 1.0, 1.0), "std": (255, 255, 255)},
        {"mean": (0, 0, 0), "std": (0.5, 0.5, 0.5)},
        {"mean": (103.939, 116.779, 123.68), "std": (0.017, 0.017, 0.017)},
    ],
)
def test_a_mean_or_std_for_pixels_in_0_to_1_is_refused_with_both_remedies(
    options: dict[str, Any],
) -> None:
    with pytest.raises(UsageError, match=r"multiply both by 255, or use a preset") as caught:
        ModelOptions(**options)
    assert len(str(caught.value).splitlines()) == 1


def test_a_gpu_gets_larger_batches_than_a_cpu() -> None:
    assert EngineOptions(device="gpu").batch_size > EngineOptions().batch_size > 1
