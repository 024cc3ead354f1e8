"""A head is added to features, read back, replaced and removed."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto

from hostile_models import weights
from pictell.errors import InvalidModelError, PictellError, UsageError
from pictell.inspection import check_safe
from pictell.inspection.onnx import with_metadata
from pictell.training.backbone import Taps, cut, find_embedding, find_taps
from pictell.training.familiarity import Familiarity
from pictell.training.features import feature_graph
from pictell.training.graph import features_of, read_head, replace_head, with_head
from pictell.training.head import Head
from small_networks import CHANNELS, CLASSES, HEIGHT, WIDTH, edited, network, run

SIZE = CHANNELS + CLASSES


def some_head(
    size: int = SIZE, classes: int = 3, *, known: int = 7, origin: bool = True, gate: bool = True
) -> Head:
    random = np.random.default_rng(classes)

    def some(*shape: int) -> NDArray[np.float32]:
        return random.normal(size=shape).astype(np.float32)

    start = some(size) if origin else np.zeros(size, np.float32)
    gates = (some(size), some(1)) if gate else (None, None)
    return Head(some(classes, size), some(classes), Familiarity(some(known, size), start, *gates))


HEAD = some_head()


def features(**options: object) -> bytes:
    model = network(**options)
    taps = find_taps(model, "scores")
    return feature_graph(cut(model, filter(None, taps), "image"), taps, "softmax", "NHWC")


def some_images(count: int) -> NDArray[np.float32]:
    shape = (count, HEIGHT, WIDTH, 3)
    return np.random.default_rng(count).normal(size=shape).astype(np.float32)


TRAINED = with_head(features(), HEAD)


def check_outputs(model: bytes, head: Head, embedding: NDArray[np.float32]) -> None:
    check_safe(weights("onnx", model))
    onnx.checker.check_model(edited(model), full_check=True)
    logits, found, familiarity = run(model, some_images(len(embedding)))
    assert all(values.dtype == np.float32 for values in (logits, found, familiarity))
    np.testing.assert_allclose(found, embedding, atol=1e-6)
    np.testing.assert_allclose(logits, embedding @ head.weights.T + head.bias, atol=1e-5)
    np.testing.assert_allclose(familiarity, by_definition(head.familiarity, embedding), atol=1e-5)


def by_definition(known: Familiarity, embedding: NDArray[np.float32]) -> NDArray[np.float64]:
    found = []
    for row in embedding.astype(np.float64):
        seen = row - known.origin
        nearest = max(0.0, (known.bank @ (seen / np.sqrt((seen**2).sum()))).max())
        opened = 1.0
        if known.gate is not None and known.gate_bias is not None:
            opened = 1 / (1 + np.exp(-(row @ known.gate + known.gate_bias[0])))
        found.append(nearest * opened)
    return np.array(found)


def check_equal(found: Head, wanted: Head) -> None:
    for name in ("weights", "bias"):
        assert np.array_equal(getattr(found, name), getattr(wanted, name))
    for name in ("bank", "origin", "gate", "gate_bias"):
        ours, theirs = (getattr(one.familiarity, name) for one in (found, wanted))
        assert (ours is None) == (theirs is None)
        assert ours is None or np.array_equal(ours, theirs)


@pytest.mark.parametrize("gate", [False, True])
@pytest.mark.parametrize("opset", range(11, 25))
def test_features_and_head(opset: int, gate: bool) -> None:
    part, head = features(opset=opset), some_head(gate=gate)
    for count in (1, 3):
        check_outputs(with_head(part, head), head, run(part, some_images(count))[0])


def test_a_graph_without_features_is_refused() -> None:
    with pytest.raises(InvalidModelError, match="no features"):
        with_head(network(), HEAD)


@pytest.mark.parametrize("gate", [False, True])
@pytest.mark.parametrize("opset", [13, 18])
def test_a_replaced_head_is_as_if_trained_so(opset: int, gate: bool) -> None:
    part, other = features(opset=opset), some_head(classes=9, gate=gate)
    first = with_head(part, HEAD)
    assert first == with_head(part, HEAD)
    replaced = replace_head(first, other)
    assert replaced == with_head(part, other)
    assert replace_head(replaced, HEAD) == first
    check_outputs(replaced, other, run(part, some_images(2))[0])


def test_the_features_of_a_trained_model_are_those_it_was_made_of() -> None:
    packed = with_metadata(TRAINED, {"pictell.model": "x"})
    assert features_of(packed) == features()


@pytest.mark.parametrize("gate", [False, True])
def test_a_head_is_read_back(gate: bool) -> None:
    head = some_head(gate=gate)
    check_equal(read_head(with_head(features(), head)), head)


def test_values_as_another_tool_writes_them() -> None:
    model = edited(TRAINED)
    for tensor in model.graph.initializer:
        if tensor.name == "pictell.weights":
            tensor.ClearField("raw_data")
            tensor.float_data.extend(HEAD.weights.ravel())
    assert np.array_equal(read_head(model.SerializeToString()).weights, HEAD.weights)


def test_other_models_have_no_head() -> None:
    for read in (read_head, features_of, lambda model: replace_head(model, HEAD)):
        with pytest.raises(InvalidModelError, match=r"give a model of pictell train$"):
            read(network())
        with pytest.raises(InvalidModelError):
            read(b"\xff" * 9)


@pytest.mark.parametrize("change", ["type", "short", "odd", "nan", "negative"])
def test_a_damaged_head(change: str) -> None:
    model = edited(TRAINED)
    (tensor,) = (found for found in model.graph.initializer if found.name == "pictell.weights")
    if change == "type":
        tensor.data_type = TensorProto.INT32
    elif change == "negative":
        tensor.dims[:] = [-size for size in HEAD.weights.shape]
    elif change == "nan":
        tensor.raw_data = np.full(HEAD.weights.shape, np.nan, "<f4").tobytes()
    else:
        tensor.raw_data = tensor.raw_data[: -4 if change == "short" else -3]
    with pytest.raises(InvalidModelError):
        read_head(model.SerializeToString())


@settings(max_examples=300, deadline=None)
@given(
    places=st.lists(st.tuples(st.integers(0, 10**4), st.integers(0, 255)), min_size=1, max_size=4),
    operation=st.sampled_from(
        [
            read_head,
            features_of,
            lambda model: replace_head(model, HEAD),
            lambda model: find_embedding(model, "logits"),
            lambda model: cut(model, ["embedding"], "image"),
            lambda model: feature_graph(model, Taps("embedding"), "softmax", "NHWC"),
        ]
    ),
)
def test_damage_is_an_error_of_pictell(
    places: list[tuple[int, int]], operation: Callable[[bytes], object]
) -> None:
    content = bytearray(TRAINED)
    for place, value in places:
        content[place % len(content)] = value
    with suppress(PictellError):
        operation(bytes(content))


# Parts that do not fit together


def test_a_head_for_another_embedding_is_refused() -> None:
    with pytest.raises(UsageError, match=rf"the head is for 5 numbers, .* has {SIZE}$"):
        replace_head(TRAINED, some_head(size=5))


@pytest.mark.parametrize(
    "changes",
    [
        {"weights": HEAD.weights.astype(np.float64)},
        {"weights": HEAD.weights[0]},
        {"weights": HEAD.weights * np.float32(np.inf)},
        {"weights": HEAD.weights[:, :3]},
        {"bias": HEAD.bias[:2]},
    ],
)
def test_arrays_that_are_no_head(changes: dict[str, NDArray[np.generic]]) -> None:
    with pytest.raises(UsageError), np.errstate(invalid="ignore"):
        replace(HEAD, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"bank": HEAD.familiarity.bank[:, :3]},
        {"bank": HEAD.familiarity.bank[:0]},
        {"origin": HEAD.bias},
        {"gate": HEAD.bias},
        {"gate_bias": np.array([np.nan], np.float32)},
    ],
)
def test_arrays_that_are_no_familiarity(changes: dict[str, NDArray[np.generic]]) -> None:
    with pytest.raises(UsageError):
        replace(HEAD.familiarity, **changes)
