"""A trained graph gives what numpy computes from the embedding of the original model."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

import pictell
from hostile_models import weights
from pictell.errors import InvalidModelError, PictellError, UsageError
from pictell.inspection import check_safe, checksum
from pictell.inspection.onnx import with_metadata
from pictell.models import find
from pictell.models.single_file import pack
from pictell.runtimes import open_session
from pictell.training.backbone import cut, find_embedding
from pictell.training.graph import (
    RECIPE_KEY,
    read_head,
    read_recipe,
    replace_head,
    with_head,
    with_views,
)
from pictell.training.recipe import FeatureRecipe, Head, View
from pictell.types import Label, Layout
from small_networks import CHANNELS, HEIGHT, LAST_LAYERS, WIDTH, edited, network, run

DEFAULT = Path(pictell.__file__).parent / "models/default/weights.onnx"
RANDOM = np.random.default_rng(5)
OPSETS = range(11, 25)
RECIPE = FeatureRecipe(
    power=0.5,
    centre=RANDOM.normal(size=CHANNELS).astype(np.float32),
    scale=RANDOM.uniform(0.5, 2, CHANNELS).astype(np.float32),
)
ALL_VIEWS: tuple[View, ...] = ("centre", "whole", "mirror")


def some_head(size: int = CHANNELS, classes: int = 3, known: int = 7) -> Head:
    random = np.random.default_rng(classes)
    bank = random.normal(size=(known, size)).astype(np.float32)
    return Head(
        random.normal(size=(classes, size)).astype(np.float32),
        random.normal(size=classes).astype(np.float32),
        bank if known else None,
    )


HEAD = some_head()


def backbone(last: str = "gemm", **options: object) -> bytes:
    return cut(network(last, **options), LAST_LAYERS[last][1], "image")


def some_images(count: int, *size: int, dtype: type = np.float32) -> NDArray[np.generic]:
    random = np.random.default_rng(count)
    shape = (count, *(size or (HEIGHT, WIDTH)), 3)
    if dtype is np.uint8:
        return random.integers(0, 256, shape, np.uint8)
    return random.normal(size=shape).astype(dtype)


def normalised(values: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.array([row / (np.sqrt((row**2).sum()) or 1) for row in values])


def expected_features(
    recipe: FeatureRecipe, embeddings: list[NDArray[np.floating]]
) -> NDArray[np.floating]:
    """By the definition, in float64, from the embedding (N, D) of each view."""
    views = []
    for values in embeddings:
        x = values.astype(np.float64).reshape(len(values), -1)
        if recipe.power is not None:
            x = np.sign(x) * np.abs(x) ** recipe.power
        x = x - (0 if recipe.centre is None else recipe.centre)
        views.append(normalised(x / (1 if recipe.scale is None else recipe.scale)))
    return normalised(sum(views) / len(views))


TRAINED = with_head(backbone(), HEAD, replace(RECIPE, views=ALL_VIEWS), "NHWC", (HEIGHT, WIDTH))


def check_outputs(
    model: bytes,
    head: Head,
    images: NDArray[np.generic],
    features: NDArray[np.floating],
    *,
    atol: float = 1e-5,
) -> None:
    check_safe(weights("onnx", model))
    onnx.checker.check_model(edited(model), full_check=True)
    logits, embedding, *familiarity = run(model, images)
    assert all(values.dtype == np.float32 for values in (logits, embedding))
    np.testing.assert_allclose(embedding, features, atol=atol)
    np.testing.assert_allclose(logits, features @ head.weights.T + head.bias, atol=10 * atol)
    assert len(familiarity) == (head.bank is not None)
    if head.bank is not None:
        nearest = (features @ head.bank.T).max(axis=1)
        np.testing.assert_allclose(familiarity[0], nearest, atol=10 * atol)


# One view


@pytest.mark.parametrize("known", [0, 7])
@pytest.mark.parametrize("last", ["gemm", "conv", "quantised-and-back"])
@pytest.mark.parametrize(
    "recipe",
    [
        FeatureRecipe(),
        RECIPE,
        replace(RECIPE, power=None),
        replace(RECIPE, power=0.3, scale=None),
        FeatureRecipe(power=2.0),
    ],
)
def test_features_and_head(recipe: FeatureRecipe, last: str, known: int) -> None:
    head, part = some_head(known=known), backbone(last)
    model = with_head(part, head, recipe, "NHWC")
    for count in (1, 3, 8):
        images = some_images(count)
        features = expected_features(recipe, run(part, images))
        check_outputs(model, head, images, features)


@pytest.mark.parametrize("opset", OPSETS)
def test_every_opset(opset: int) -> None:
    recipe = replace(RECIPE, views=ALL_VIEWS)
    part = backbone("gemm", opset=opset)
    model = with_head(part, HEAD, recipe, "NHWC", (HEIGHT + 4, WIDTH + 2))
    check_safe(weights("onnx", model))
    onnx.checker.check_model(edited(model), full_check=True)
    images = some_images(3, HEIGHT + 4, WIDTH + 2)
    newest = with_head(backbone("gemm", opset=17), HEAD, recipe, "NHWC", (HEIGHT + 4, WIDTH + 2))
    for found, other in zip(run(model, images), run(newest, images), strict=True):
        np.testing.assert_allclose(found, other, atol=1e-5)


def test_an_embedding_of_zeros_stays_zero() -> None:
    model = with_head(backbone(), HEAD, FeatureRecipe(("centre", "mirror"), 0.5), "NHWC")
    # The only bias is that of the head, so black gives zeros.
    black = np.zeros((2, HEIGHT, WIDTH, 3), np.float32)
    _, embedding, _ = run(model, black)
    assert np.array_equal(embedding, np.zeros((2, CHANNELS)))


def test_negative_numbers_keep_their_sign() -> None:
    model = edited(network())
    model.graph.node.insert(6, helper.make_node("Neg", ["flat"], ["negative"]))
    part = cut(model.SerializeToString(), "negative", "image")
    (embedding,) = run(part, some_images(2))
    assert (embedding < 0).any()
    features = expected_features(RECIPE, [embedding])
    check_outputs(with_head(part, HEAD, RECIPE, "NHWC"), HEAD, some_images(2), features)


def test_float16_weights() -> None:
    model = edited(network())
    nodes = list(model.graph.node)
    del model.graph.node[:]
    half = helper.make_node("Cast", ["real"], ["half"], to=TensorProto.FLOAT16)
    nodes[1].input[0] = "half"
    model.graph.node.extend([nodes[0], half, *nodes[1:]])
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            values = numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT16
    part = cut(model.SerializeToString(), "flat", "image")
    (embedding,) = run(part, some_images(4))
    assert embedding.dtype == np.float16
    trained = with_head(part, HEAD, RECIPE, "NHWC")
    check_outputs(trained, HEAD, some_images(4), expected_features(RECIPE, [embedding]))


# Views


def middle(images: NDArray[np.generic], height: int, width: int) -> NDArray[np.generic]:
    top, left = (images.shape[1] - height) // 2, (images.shape[2] - width) // 2
    return images[:, top : top + height, left : left + width]


def linear(size: int, target: int) -> NDArray[np.float64]:
    """The matrix (target, size) of linear interpolation between the centres of pixels."""
    places = ((np.arange(target) + 0.5) * size / target - 0.5).clip(0, size - 1)
    low = np.floor(places).astype(int)
    high = (low + 1).clip(max=size - 1)
    matrix = np.zeros((target, size))
    np.add.at(matrix, (np.arange(target), low), 1 - (places - low))
    np.add.at(matrix, (np.arange(target), high), places - low)
    return matrix


def shrunk(images: NDArray[np.generic], height: int, width: int) -> NDArray[np.generic]:
    rows, columns = linear(images.shape[1], height), linear(images.shape[2], width)
    resized = np.einsum("ah,bw,nhwc->nabc", rows, columns, images.astype(np.float64))
    return (np.rint(resized) if images.dtype == np.uint8 else resized).astype(images.dtype)


def views_of(images: NDArray[np.generic], views: tuple[View, ...]) -> list[NDArray[np.generic]]:
    found: list[NDArray[np.generic]] = []
    for view in views:
        if view == "mirror":
            found.append(np.ascontiguousarray(found[0][:, :, ::-1]))
        else:
            make = middle if view == "centre" else shrunk
            found.append(make(images, HEIGHT, WIDTH))
    return found


@settings(max_examples=25, deadline=None)
@given(
    views=st.permutations(ALL_VIEWS).filter(lambda order: order[0] != "mirror"),
    how_many=st.integers(1, 3),
    more=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    layout=st.sampled_from(["NHWC", "NCHW"]),
    element=st.sampled_from([TensorProto.FLOAT, TensorProto.UINT8, TensorProto.FLOAT16]),
    count=st.integers(1, 4),
)
def test_views_of_any_size(
    views: list[View],
    how_many: int,
    more: tuple[int, int],
    layout: Layout,
    element: int,
    count: int,
) -> None:
    dtype = helper.tensor_dtype_to_np_dtype(element).type
    recipe = replace(RECIPE, views=tuple(views[:how_many]))
    part = backbone(element=element, layout=layout)
    size = (HEIGHT + more[0], WIDTH + more[1])
    images = some_images(count, *size, dtype=dtype)

    def laid_out(pictures: NDArray[np.generic]) -> NDArray[np.generic]:
        return pictures.transpose(0, 3, 1, 2) if layout == "NCHW" else pictures

    embeddings = [run(part, laid_out(view))[0] for view in views_of(images, recipe.views)]
    model = with_head(part, HEAD, recipe, layout, size)
    # A uint8 value half-way between two may be rounded to either.
    atol = 1e-5 if dtype is np.float32 else 2e-2
    features = expected_features(recipe, embeddings)
    check_outputs(model, HEAD, laid_out(images), features, atol=atol)
    (raw,) = run(with_views(part, recipe.views, layout, size), laid_out(images))
    raw = raw.reshape(count, how_many, CHANNELS)
    np.testing.assert_allclose(recipe.features(raw), features, atol=atol)


def test_the_whole_view_is_what_pillow_samples() -> None:
    image = Image.fromarray(RANDOM.integers(0, 256, (12, 14, 3), np.uint8))
    steps = (14 / WIDTH, 0, 0, 0, 12 / HEIGHT, 0)
    expected = image.transform(
        (WIDTH, HEIGHT), Image.Transform.AFFINE, steps, Image.Resampling.BILINEAR
    )
    found = shrunk(np.asarray(image)[np.newaxis], HEIGHT, WIDTH)[0]
    assert np.abs(found.astype(int) - np.asarray(expected)).max() <= 1


def test_one_view_of_the_own_size_adds_no_nodes_in_front() -> None:
    part = backbone()
    model = edited(with_head(part, HEAD, FeatureRecipe(), "NHWC", (HEIGHT, WIDTH)))
    nodes = edited(part).graph.node
    assert list(model.graph.node[: len(nodes)]) == list(nodes)
    assert [node.op_type for node in model.graph.node[len(nodes) :]][:2] == ["Cast", "Flatten"]


@pytest.mark.parametrize(
    ("options", "size", "error", "words"),
    [
        ({}, (HEIGHT - 1, WIDTH), UsageError, "10 x 7 pixels is smaller than the model's own"),
        ({"batch": 1}, None, InvalidModelError, "batches of 1 only: use one view, or export"),
        ({"size": ("h", "w")}, (20, 20), InvalidModelError, "export the model with a fixed height"),
    ],
)
def test_views_that_do_not_fit(
    options: dict[str, object], size: tuple[int, int] | None, error: type[Exception], words: str
) -> None:
    recipe = FeatureRecipe(("centre", "mirror"))
    with pytest.raises(error, match=words):
        with_head(backbone(**options), HEAD, recipe, "NHWC", size)


def test_a_fixed_batch_with_one_view() -> None:
    part = backbone(batch=1)
    features = expected_features(RECIPE, run(part, some_images(1)))
    check_outputs(with_head(part, HEAD, RECIPE, "NHWC"), HEAD, some_images(1), features)


def test_any_size_with_a_mirror() -> None:
    part = backbone(size=("h", "w"))
    model = with_head(part, HEAD, FeatureRecipe(("centre", "mirror")), "NHWC")
    images = some_images(2, 15, 12)
    flipped = np.ascontiguousarray(images[:, :, ::-1])
    embeddings = [run(part, images)[0], run(part, flipped)[0]]
    check_outputs(model, HEAD, images, expected_features(FeatureRecipe(), embeddings))


# Names


def test_names_that_clash_are_free_again() -> None:
    names = {
        "flat": "embedding",
        "pooled": "logits",
        "relu": "familiarity",
        "kernel": "pictell.weights",
        "map": "pictell.centred",
        "real": "backbone.embedding",
    }
    part = cut(network(names=names), "embedding", "image")
    features = expected_features(RECIPE, run(backbone(), some_images(2)))
    model = with_head(part, HEAD, RECIPE, "NHWC")
    check_outputs(model, HEAD, some_images(2), features)
    assert np.array_equal(read_head(model).weights, HEAD.weights)


def test_a_trained_model_is_a_backbone_again() -> None:
    recipe = replace(RECIPE, views=ALL_VIEWS)
    first = with_head(backbone(), HEAD, recipe, "NHWC", (HEIGHT + 2, WIDTH + 2))
    images = some_images(3, HEIGHT + 4, WIDTH + 2)
    part = cut(first, "embedding", "image")
    again = with_head(part, some_head(classes=5), recipe, "NHWC", (HEIGHT + 4, WIDTH + 2))
    inner = middle(images, HEIGHT + 2, WIDTH + 2), shrunk(images, HEIGHT + 2, WIDTH + 2)
    pictures = [*inner, np.ascontiguousarray(inner[0][:, :, ::-1])]
    embeddings = [run(part, picture)[0] for picture in pictures]
    features = expected_features(recipe, embeddings)
    check_outputs(again, some_head(classes=5), images, features)


def test_a_backbone_with_several_outputs_is_refused() -> None:
    model = edited(network())
    model.graph.output.append(onnx.ValueInfoProto(name="flat"))
    with pytest.raises(InvalidModelError, match=r"1 inputs and 2 outputs, .*: cut it first$"):
        with_head(model.SerializeToString(), HEAD, RECIPE, "NHWC")


def test_an_input_with_the_name_of_an_output_is_refused() -> None:
    part = cut(network(names={"image": "logits"}), "flat", "logits")
    with pytest.raises(InvalidModelError, match=r"'logits': rename it$"):
        with_head(part, HEAD, RECIPE, "NHWC")


# The head and the recipe of a file


@pytest.mark.parametrize("known", [0, 2])
@pytest.mark.parametrize("opset", [13, 18])
def test_a_replaced_head_is_as_if_trained_so(opset: int, known: int) -> None:
    part, other = backbone(opset=opset), some_head(classes=9, known=known)
    first = with_head(part, HEAD, RECIPE, "NHWC")
    assert first == with_head(part, HEAD, RECIPE, "NHWC")
    replaced = replace_head(first, other)
    assert replaced == with_head(part, other, RECIPE, "NHWC")
    assert replace_head(replaced, HEAD) == first
    features = expected_features(RECIPE, run(part, some_images(2)))
    check_outputs(replaced, other, some_images(2), features)


@pytest.mark.parametrize("known", [0, 7])
def test_a_head_is_read_back(known: int) -> None:
    head = some_head(known=known)
    found = read_head(with_head(backbone(), head, RECIPE, "NHWC"))
    assert np.array_equal(found.weights, head.weights)
    assert np.array_equal(found.bias, head.bias)
    assert (found.bank is None) == (head.bank is None)
    if found.bank is not None:
        assert np.array_equal(found.bank, head.bank)


def test_a_recipe_is_read_back() -> None:
    recipe = replace(RECIPE, views=ALL_VIEWS)
    found = read_recipe(with_head(backbone(), HEAD, recipe, "NHWC"))
    assert (found.views, found.power) == (ALL_VIEWS, 0.5)
    assert np.array_equal(found.centre, recipe.centre)
    assert np.array_equal(found.scale, recipe.scale)
    plain = read_recipe(with_head(backbone(), HEAD, FeatureRecipe(), "NHWC"))
    assert (plain.power, plain.centre, plain.scale) == (None, None, None)


def test_values_as_another_tool_writes_them() -> None:
    model = edited(with_head(backbone(), HEAD, RECIPE, "NHWC"))
    for tensor in model.graph.initializer:
        if tensor.name == "pictell.weights":
            tensor.ClearField("raw_data")
            tensor.float_data.extend(HEAD.weights.ravel())
    assert np.array_equal(read_head(model.SerializeToString()).weights, HEAD.weights)


@pytest.mark.parametrize("text", ["", "[]", "{}", "{", '{"views": ["x"], "power": 1}', "[" * 9999])
def test_a_damaged_recipe(text: str) -> None:
    model = with_metadata(with_head(backbone(), HEAD, RECIPE, "NHWC"), {RECIPE_KEY: text})
    with pytest.raises(InvalidModelError, match=r"is damaged$"):
        read_recipe(model)


def test_other_models_have_neither_head_nor_recipe() -> None:
    for read in (read_head, read_recipe, lambda model: replace_head(model, HEAD)):
        with pytest.raises(InvalidModelError, match=r"give a model of pictell train$"):
            read(network())
        with pytest.raises(InvalidModelError):
            read(b"\xff" * 9)


@pytest.mark.parametrize("change", ["type", "short", "odd", "nan", "negative"])
def test_a_damaged_head(change: str) -> None:
    model = edited(with_head(backbone(), HEAD, RECIPE, "NHWC"))
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
            read_recipe,
            lambda model: replace_head(model, HEAD),
            lambda model: find_embedding(model, "logits"),
            lambda model: cut(model, "embedding", "image"),
            lambda model: with_head(cut(model, "embedding", "image"), HEAD, RECIPE, "NHWC"),
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
    model = with_head(backbone(), HEAD, RECIPE, "NHWC")
    with pytest.raises(UsageError, match=r"the head is for 5 numbers, .* has 6$"):
        replace_head(model, some_head(size=5))
    with pytest.raises(UsageError, match=r"^centre has 6 numbers, the embedding 5$"):
        with_head(backbone(), some_head(size=5), RECIPE, "NHWC")
    part = cut(DEFAULT.read_bytes(), "embedding", "image")
    with pytest.raises(UsageError, match=r"the head is for 5 numbers, .* has 1280$"):
        with_head(part, some_head(size=5), FeatureRecipe(), "NHWC")


@pytest.mark.parametrize(
    "changes",
    [
        {"weights": HEAD.weights.astype(np.float64)},
        {"weights": HEAD.weights[0]},
        {"weights": HEAD.weights * np.float32(np.inf)},
        {"bias": HEAD.bias[:2]},
        {"bank": HEAD.weights[:, :3]},
        {"bank": HEAD.weights[:0]},
    ],
)
def test_arrays_that_are_no_head(changes: dict[str, NDArray[np.generic]]) -> None:
    with pytest.raises(UsageError), np.errstate(invalid="ignore"):
        replace(HEAD, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"views": ()},
        {"views": ("mirror",)},
        {"views": ("centre", "centre")},
        {"views": ("left",)},
        {"power": 0.0},
        {"power": float("nan")},
        {"scale": np.zeros(CHANNELS, np.float32)},
        {"centre": np.full(CHANNELS, np.nan, np.float32)},
    ],
)
def test_values_that_are_no_recipe(changes: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        replace(RECIPE, **changes)


# The default model


def test_the_default_model_trained_on_views() -> None:
    part = cut(DEFAULT.read_bytes(), "embedding", "image")
    head = some_head(size=1280)
    recipe = FeatureRecipe(("centre", "mirror"), 0.5)
    images = some_images(3, 230, 240, dtype=np.uint8)
    centre = np.ascontiguousarray(middle(images, 224, 224))
    mirror = np.ascontiguousarray(centre[:, :, ::-1])
    embeddings = [run(DEFAULT.read_bytes(), view, "embedding")[0] for view in (centre, mirror)]
    features = expected_features(recipe, embeddings)
    model = with_head(part, head, recipe, "NHWC", (230, 240))
    check_outputs(model, head, images, features)
    (alone,) = run(model, images[:1], "embedding")
    np.testing.assert_allclose(alone, features[:1], atol=1e-5)


def test_a_trained_model_opens_with_its_spec() -> None:
    spec = find("default")
    model = with_head(
        cut(spec.weights.read_bytes(), "embedding", spec.input_name),
        some_head(size=1280),
        FeatureRecipe(ALL_VIEWS),
        "NHWC",
        (240, 250),
    )
    content = weights("onnx", model)
    trained = replace(
        spec,
        preprocess=replace(spec.preprocess, height=240, width=250),
        labels=tuple(map(Label, "abc")),
        sha256=checksum(content.files),
        embedding="embedding",
        feature_map=None,
        taxonomy=None,
        calibration=None,
    )
    session = open_session(trained, content)
    images = some_images(2, 240, 250, dtype=np.uint8)
    outputs = session.run({"image": images}, ["logits", "embedding", "familiarity"])
    assert [values.shape for values in outputs.values()] == [(2, 3), (2, 1280), (2,)]
    packed = pack(trained, content)
    assert read_recipe(packed).views == ALL_VIEWS
    assert run(replace_head(packed, some_head(size=1280, classes=4)), images)[0].shape == (2, 4)
