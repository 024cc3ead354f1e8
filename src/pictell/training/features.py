"""The features of a picture, which a head is fitted to, as part of the graph of a model.

They have three parts, each the mean over the views of the picture (``views.py``):

- the embedding x: sign(x) log(1 + abs(x));
- the texture x, if the backbone has one (``backbone.find_texture``): sign(x) sqrt(abs(x));
- the square roots of the probabilities of the backbone's own classes, whose distances are those of
  Hellinger.

Each part is divided by its L2 norm and multiplied by its weight in ``WEIGHTS``; the parts in one
vector (D,) are divided by their norm again. A norm of 0 stays 0. What each part and the second view
bring is in ``benchmarks/train.md``.
"""

from __future__ import annotations

import numpy as np

from pictell.errors import InvalidModelError
from pictell.inspection.protobuf import Message
from pictell.training.backbone import Taps
from pictell.training.graph_names import Graph, all_names, rename, rename_inputs
from pictell.training.onnx_parts import (
    FEATURES,
    FLOAT,
    OLDEST_IR_VERSION,
    OUTPUTS,
    PREFIX,
    Parts,
    normalise,
    open_model,
    opset_of,
    to_bytes,
    value_info,
)
from pictell.training.views import add_views
from pictell.types import Activation, Layout

# The output with the features.
EMBEDDING = OUTPUTS[1]
WEIGHTS = {"embedding": 1.0, "texture": 0.7, "probabilities": 0.5}


def feature_graph(backbone: bytes, taps: Taps, activation: Activation, layout: Layout) -> bytes:
    """The graph that computes the features from the input of a backbone.

    ``backbone`` is what ``backbone.cut`` gives for ``taps``; ``activation`` is what turns its
    output into probabilities. The input stays as it is; the only output is ``embedding`` (N, D)
    float32 with norm 1. Equal arguments give equal bytes. Raises ``InvalidModelError``.
    """
    model = open_model(backbone)
    graph = model.graph
    image = _image(graph)
    taps = _rename_clashes(graph, taps)
    parts = Parts(opset_of(model))
    name, views = add_views(parts, image, layout)
    rename_inputs(graph, {image.name: name})
    nodes = [*parts.nodes, *graph.node]
    added = len(parts.nodes)
    _add_features(parts, taps, activation, views)
    del graph.node[:], graph.value_info[:], graph.output[:], model.metadata_props[:]
    graph.node.extend([*nodes, *parts.nodes[added:]])
    graph.initializer.extend(parts.constants)
    graph.output.append(value_info(EMBEDDING, [_batch(image), FEATURES]))
    model.ir_version = max(model.ir_version, OLDEST_IR_VERSION)
    return to_bytes(model)


def _image(graph: Message) -> Message:
    """The only input of a backbone."""
    found = Graph(graph)
    if len(found.inputs) != 1:
        raise InvalidModelError(f"the backbone has {len(found.inputs)} inputs: give one with one")
    image = found.infos[found.inputs[0]]
    if image.name.startswith(PREFIX) or image.name in OUTPUTS:
        raise InvalidModelError(f"the input may not be named {image.name!r}: rename it")
    return image


def _rename_clashes(graph: Message, taps: Taps) -> Taps:
    """Free the names that pictell adds; the taps with their new names."""
    taken, renamed = all_names(graph), dict[str, str]()
    for name in sorted(taken):
        if name in OUTPUTS or name.startswith(PREFIX):
            free = f"backbone.{name}"
            while free in taken:
                free = f"backbone.{free}"
            taken.add(free)
            renamed[name] = free
    rename(graph, renamed)
    embedding, *others = (name and renamed.get(name, name) for name in taps)
    return Taps(str(embedding), *others)


def _batch(image: Message) -> int | str:
    """The size of the batch, or its name, which is given to it if it has none."""
    dim = image.type.tensor_type.shape.dim[0]
    if dim.dim_value > 0:
        return int(dim.dim_value)
    dim.ClearField("dim_value")
    dim.dim_param = dim.dim_param or "N"
    return str(dim.dim_param)


def _add_features(parts: Parts, taps: Taps, activation: Activation, views: int) -> None:
    made = [_weighted(parts, "embedding", _logarithm(parts, _mean(parts, taps.embedding, views)))]
    if taps.texture is not None:
        pooled = parts.node("GlobalAveragePool", [taps.texture], "texture_pooled")
        texture = _mean(parts, pooled, views, "texture")
        made.append(_weighted(parts, "texture", _root(parts, texture, "texture")))
    if taps.output is not None:
        scores = _mean(parts, taps.output, views, "probabilities")
        if activation == "softmax":
            scores = parts.node("Softmax", [scores], "softmax", axis=1)
        if activation == "sigmoid":
            scores = parts.node("Sigmoid", [scores], "sigmoid")
        made.append(_weighted(parts, "probabilities", _root(parts, scores, "probabilities")))
    value = made[0] if len(made) == 1 else parts.node("Concat", made, "parts", axis=1)
    normalise(parts, value, EMBEDDING)


def _mean(parts: Parts, value: str, views: int, name: str = "embedding") -> str:
    """The mean (N, D) over the views of a tensor (V * N, D, …), in float32."""
    value = parts.node("Cast", [value], f"{name}_float", to=FLOAT)
    if views == 1:
        return parts.node("Flatten", [value], f"{name}_flat", axis=1)
    # In a shape, 0 stands for the same length as before, and -1 for all that is left.
    by_picture = parts.integers("shape_by_picture", 0, 1, -1)
    value = parts.node("Reshape", [value, by_picture], f"{name}_by_picture")
    by_view = parts.integers("shape_by_view", views, -1, 0)
    value = parts.node("Reshape", [value, by_view], f"{name}_by_view")
    return parts.reduce("ReduceMean", value, 0, f"{name}_mean", keepdims=False)


def _logarithm(parts: Parts, value: str) -> str:
    sign = parts.node("Sign", [value], "embedding_sign")
    value = parts.node("Abs", [value], "embedding_absolute")
    one = parts.constant("one", np.array(1, np.float32))
    value = parts.node("Log", [parts.node("Add", [value, one], "embedding_plus_one")], "logarithm")
    return parts.node("Mul", [value, sign], "embedding_signed")


def _root(parts: Parts, value: str, name: str) -> str:
    sign = parts.node("Sign", [value], f"{name}_sign")
    value = parts.node("Sqrt", [parts.node("Abs", [value], f"{name}_absolute")], f"{name}_root")
    return parts.node("Mul", [value, sign], f"{name}_signed")


def _weighted(parts: Parts, name: str, value: str) -> str:
    value = normalise(parts, value, f"{name}_unit")
    weight = parts.constant(f"{name}_weight", np.array(WEIGHTS[name], np.float32))
    return parts.node("Mul", [value, weight], f"{name}_weighted")
