"""The graph of a trained model: views, backbone, features and head in one ONNX file."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np

from pictell.errors import InvalidModelError, UsageError
from pictell.inspection.protobuf import Message
from pictell.training.graph_names import Graph, all_names, rename, rename_inputs
from pictell.training.onnx_parts import (
    FLOAT,
    OLDEST_IR_VERSION,
    OUTPUTS,
    PREFIX,
    Parts,
    keep,
    open_model,
    opset_of,
    sizes_of,
    to_array,
    to_bytes,
    value_info,
)
from pictell.training.recipe import LEAST_NORM, FeatureRecipe, Floats, Head, View
from pictell.training.views import add_views
from pictell.types import Layout

# The metadata with the views and the power; the arrays are constants of the graph.
RECIPE_KEY = "pictell.recipe"
LOGITS, EMBEDDING, FAMILIARITY = OUTPUTS
WEIGHTS, BIAS, BANK, CENTRE, SCALE = "weights", "bias", "bank", "centre", "scale"
SIMILARITY = "similarity"


def with_head(
    backbone: bytes,
    head: Head,
    recipe: FeatureRecipe,
    layout: Layout,
    size: tuple[int, int] | None = None,
) -> bytes:
    """The graph of a trained model from what ``cut`` gives.

    The input has the backbone's name, dtype and ``layout``, and the ``size`` (height, width), by
    default the backbone's own. The outputs are float32: ``logits`` (N, C), ``embedding`` (N, D)
    with norm 1, and, with a bank, ``familiarity`` (N,). Equal arguments give equal bytes.

    Raises ``InvalidModelError`` for a backbone that is not what ``cut`` gives or cannot have these
    views, ``UsageError`` if the parts do not fit together.
    """
    recipe.check_fits(head.size)
    model, vector = _behind_views(backbone, recipe.views, layout, size)
    _check_length(model.graph, head.size)
    parts = Parts(opset_of(model))
    _add_features(parts, vector, recipe, head.size)
    _append(model.graph, parts, head.size)
    _add_head(model, head)
    _write_recipe(model, recipe)
    return to_bytes(model)


def with_views(
    backbone: bytes, views: Sequence[View], layout: Layout, size: tuple[int, int] | None = None
) -> bytes:
    """The graph that gives the embedding of each view, to fit a recipe and a head to.

    As ``with_head``, but the only output is ``embedding`` (N, V * D) float32: first all numbers of
    the first view.
    """
    views = FeatureRecipe(tuple(views)).views
    model, vector = _behind_views(backbone, views, layout, size)
    parts = Parts(opset_of(model))
    vector = parts.node("Cast", [vector], "float", to=FLOAT)
    vector = parts.node("Flatten", [vector], "flat", axis=1)
    shape = parts.node("Shape", [vector], "flat_shape")
    bounds = parts.integers("flat_second", 1), parts.integers("flat_third", 2)
    length = parts.node("Slice", [shape, *bounds], "flat_length")
    start = parts.integers("views_start", len(views), -1)
    shape = parts.node("Concat", [start, length], "views_shape", axis=0)
    vector = parts.node("Reshape", [vector, shape], "by_view")
    vector = parts.node("Transpose", [vector], "by_picture", perm=[1, 0, 2])
    parts.node("Flatten", [vector], EMBEDDING, axis=1)
    _append(model.graph, parts, "numbers")
    return to_bytes(model)


def replace_head(model: bytes, head: Head) -> bytes:
    """A model of ``with_head`` with another head, which may have other classes; the rest stays.

    The labels and the calibration in its metadata are those of the old head.

    Raises ``InvalidModelError`` for another model, ``UsageError`` for a head for embeddings of
    another length.
    """
    opened = open_model(model)
    size = _find_head(opened.graph).size
    if head.size != size:
        raise UsageError(f"the head is for {head.size} numbers, the model's embedding has {size}")
    _remove_head(opened.graph)
    _add_head(opened, head)
    return to_bytes(opened)


def read_head(model: bytes) -> Head:
    """The head of a model of ``with_head``. Raises ``InvalidModelError`` for another model."""
    return _find_head(open_model(model).graph)


def read_recipe(model: bytes) -> FeatureRecipe:
    """The recipe of a model of ``with_head``. Raises ``InvalidModelError`` for another model."""
    opened = open_model(model)
    texts = [entry.value for entry in opened.metadata_props if entry.key == RECIPE_KEY]
    if not texts:
        raise InvalidModelError(
            f"the model has no {RECIPE_KEY} in its metadata: give a model of pictell train"
        )
    arrays = _arrays(opened.graph, CENTRE, SCALE)
    try:
        entries = json.loads(texts[0])
        views, power = tuple(entries["views"]), entries["power"]
        return FeatureRecipe(views, power, arrays.get(CENTRE), arrays.get(SCALE))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InvalidModelError(f"{RECIPE_KEY} in the model's metadata is damaged") from error


def _behind_views(
    backbone: bytes, views: Sequence[View], layout: Layout, size: tuple[int, int] | None
) -> tuple[Message, str]:
    """The backbone behind its views, and the name of their embeddings (V * N, D, …)."""
    model = open_model(backbone)
    graph = model.graph
    image = _image(graph)
    _rename_clashes(graph)
    parts = Parts(opset_of(model))
    rename_inputs(graph, {image.name: add_views(parts, image, views, layout, size)})
    nodes = [*parts.nodes, *graph.node]
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend(parts.constants)
    model.ir_version = max(model.ir_version, OLDEST_IR_VERSION)
    return model, graph.output[0].name


def _append(graph: Message, parts: Parts, length: int | str) -> None:
    """Append the parts that end in the embedding (N, ``length``), the only output so far."""
    (image,) = Graph(graph).inputs
    batch = _batch(next(value for value in graph.input if value.name == image))
    graph.node.extend(parts.nodes)
    graph.initializer.extend(parts.constants)
    del graph.output[:]
    graph.output.append(value_info(EMBEDDING, [batch, length]))


def _image(graph: Message) -> Message:
    """The only input of a backbone; it has one output too."""
    found = Graph(graph)
    if len(found.inputs) != 1 or len(found.outputs) != 1:
        raise InvalidModelError(
            f"the backbone has {len(found.inputs)} inputs and {len(found.outputs)} outputs, "
            "it must have one of each: cut it first"
        )
    image = found.infos[found.inputs[0]]
    if image.name.startswith(PREFIX) or image.name in OUTPUTS:
        raise InvalidModelError(f"the input may not be named {image.name!r}: rename it")
    return image


def _check_length(graph: Message, size: int) -> None:
    """Check that the backbone's embedding, if its shape is stated, has ``size`` numbers."""
    sizes = (sizes_of(graph.output[0]) or ())[1:]
    found = math.prod(length for length in sizes if length is not None)
    if sizes and None not in sizes and found != size:
        raise UsageError(f"the head is for {size} numbers, the backbone's embedding has {found}")


def _rename_clashes(graph: Message) -> None:
    """Free the names that pictell adds; a backbone may be a trained model itself."""
    taken = all_names(graph)
    renamed = {}
    for name in sorted(taken):
        if name in OUTPUTS or name.startswith(PREFIX):
            free = f"backbone.{name}"
            while free in taken:
                free = f"backbone.{free}"
            taken.add(free)
            renamed[name] = free
    rename(graph, renamed)


def _batch(info: Message) -> int | str:
    """The size of the batch, or its name, which is given to it if it has none."""
    dims = info.type.tensor_type.shape.dim
    if not dims:
        raise InvalidModelError(f"the model does not say how many axes {info.name!r} has")
    dim = dims[0]
    if dim.dim_value > 0:
        return int(dim.dim_value)
    dim.ClearField("dim_value")
    dim.dim_param = dim.dim_param or "N"
    return str(dim.dim_param)


def _add_features(parts: Parts, value: str, recipe: FeatureRecipe, size: int) -> None:
    """Add what makes the features (N, D) of embeddings (V * N, D, …)."""
    value = parts.node("Cast", [value], "float", to=FLOAT)
    value = parts.node("Flatten", [value], "flat", axis=1)
    if recipe.power is not None:
        value = _power(parts, value, recipe.power)
    if recipe.centre is not None:
        value = parts.node("Sub", [value, parts.constant(CENTRE, recipe.centre)], "centred")
    if recipe.scale is not None:
        value = parts.node("Div", [value, parts.constant(SCALE, recipe.scale)], "scaled")
    views = len(recipe.views)
    if views == 1:
        _normalise(parts, value, EMBEDDING)
        return
    value = _normalise(parts, value, "view_features")
    shape = parts.integers("views_shape", views, -1, size)
    value = parts.node("Reshape", [value, shape], "features_by_view")
    value = parts.reduce("ReduceMean", value, 0, "mean_features", keepdims=False)
    _normalise(parts, value, EMBEDDING)


def _power(parts: Parts, value: str, power: float) -> str:
    sign = parts.node("Sign", [value], "sign")
    value = parts.node("Abs", [value], "absolute")
    if power == 0.5:
        value = parts.node("Sqrt", [value], "root")
    else:
        exponent = parts.constant("power", np.array(power, np.float32))
        value = parts.node("Pow", [value, exponent], "raised")
    return parts.node("Mul", [value, sign], "signed")


def _normalise(parts: Parts, value: str, output: str) -> str:
    norm = parts.reduce("ReduceL2", value, 1, f"{output}_norm", keepdims=True)
    least = parts.constant("least_norm", np.array(LEAST_NORM, np.float32))
    norm = parts.node("Max", [norm, least], f"{output}_divisor")
    return parts.node("Div", [value, norm], output)


def _add_head(model: Message, head: Head) -> None:
    """Add nodes, constants and outputs of a head, after all others."""
    graph, parts = model.graph, Parts(opset_of(model))
    batch = _batch(next(v for v in graph.output if v.name == EMBEDDING))
    weights, bias = parts.constant(WEIGHTS, head.weights), parts.constant(BIAS, head.bias)
    parts.node("Gemm", [EMBEDDING, weights, bias], LOGITS, transB=1)
    outputs = [value_info(LOGITS, [batch, len(head.bias)]), *graph.output]
    if head.bank is not None:
        bank = parts.constant(BANK, head.bank)
        likeness = parts.node("Gemm", [EMBEDDING, bank], SIMILARITY, transB=1)
        parts.reduce("ReduceMax", likeness, 1, FAMILIARITY, keepdims=False)
        outputs.append(value_info(FAMILIARITY, [batch]))
    del graph.output[:]
    graph.output.extend(outputs)
    graph.node.extend(parts.nodes)
    graph.initializer.extend(parts.constants)


def _remove_head(graph: Message) -> None:
    added = {LOGITS, FAMILIARITY, PREFIX + SIMILARITY}
    keep(graph.node, lambda node: added.isdisjoint(node.output))
    constants = {PREFIX + name for name in (WEIGHTS, BIAS, BANK, f"{FAMILIARITY}_axis")}
    keep(graph.initializer, lambda tensor: tensor.name not in constants)
    keep(graph.output, lambda value: value.name == EMBEDDING)


def _find_head(graph: Message) -> Head:
    arrays = _arrays(graph, WEIGHTS, BIAS, BANK)
    if WEIGHTS not in arrays or BIAS not in arrays or EMBEDDING not in Graph(graph).outputs:
        raise InvalidModelError("the model has no head of pictell: give a model of pictell train")
    try:
        return Head(arrays[WEIGHTS], arrays[BIAS], arrays.get(BANK))
    except UsageError as error:
        raise InvalidModelError(f"the model's head is damaged: {error}") from error


def _arrays(graph: Message, *names: str) -> dict[str, Floats]:
    """Those of the constants that the graph has."""
    wanted = {PREFIX + name: name for name in names}
    return {
        wanted[tensor.name]: to_array(tensor)
        for tensor in graph.initializer
        if tensor.name in wanted
    }


def _write_recipe(model: Message, recipe: FeatureRecipe) -> None:
    text = json.dumps({"views": recipe.views, "power": recipe.power})
    keep(model.metadata_props, lambda entry: entry.key != RECIPE_KEY)
    model.metadata_props.add(key=RECIPE_KEY, value=text)
