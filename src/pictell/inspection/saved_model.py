"""SavedModels: the part that one signature runs.

TensorFlow's own loader also runs the operations that restore and initialise the model. pictell
gives a runtime only the part in ``Signature``: the nodes and functions between the signature's
input and its outputs, and the keys of the variables' values in the checkpoint.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pictell.errors import InvalidModelError
from pictell.graphs import Inspection, Runnable, TensorSpec, Weights
from pictell.inspection.activation import judge_outputs
from pictell.inspection.allowed_ops import STATE, UNUSED, VARIABLES
from pictell.inspection.checkpoint_keys import checkpoint_keys
from pictell.inspection.protobuf import Message, inside, new, parse, with_graph
from pictell.inspection.selection import listed, select
from pictell.inspection.tensorflow_graph import (
    NO_NUMBERS,
    Place,
    by_name,
    called,
    dtype_name,
    functions,
    node_name,
    producers,
    reached,
    refuse_operations,
    sizes,
)
from pictell.inspection.tensorflow_noise import may_be_random, take_out

SERVING_TAG = "serve"
SERVING_KEY = "serving_default"
# A signature of TensorFlow's writer that names the initialiser.
INIT_KEY = "__saved_model_init_op"


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature with one input, and the part of the model that it runs.

    ``outputs`` maps the names of numeric outputs to tensors (``node:0``). ``graph`` is a
    ``GraphDef``. ``variables`` maps the names of its variables to the keys of their values in the
    checkpoint ``variables/variables``.
    """

    key: str
    input_key: str
    input_tensor: str
    outputs: Mapping[str, str]
    graph: bytes
    variables: Mapping[str, str]


def check(weights: Weights) -> None:
    """Check that the graphs and functions contain only allowed operations.

    The part that the signature runs may only compute. The rest may also save and restore the model.
    Raises ``UnsafeModelError`` or ``InvalidModelError``.
    """
    model = _read(weights.graph)
    for meta_graph in model.meta_graphs:
        refuse_operations(meta_graph.graph_def, UNUSED)
    refuse_operations(_part(*_serving(model)), STATE)


def inspect(weights: Weights, outputs: Sequence[str]) -> Inspection:
    """The inputs and the numeric outputs of the signature. Raises ``InvalidModelError``."""
    meta_graph, key = _serving(_read(weights.graph))
    inputs, found = meta_graph.signature_def[key].inputs, _outputs(meta_graph, key)
    names = select(outputs, found)
    graph = _part(meta_graph, key)
    producer = producers(by_name(graph.node), functions(graph))
    places = {name: Place(found[name].name) for name in names}
    # The names in the graph are not those of the signature.
    judged = judge_outputs(places, producer, lambda _: None)
    version = meta_graph.meta_info_def.tensorflow_version
    return Inspection(
        format="saved-model",
        inputs=tuple(_tensor(name, inputs[name]) for name in sorted(inputs)),
        outputs=tuple(_tensor(name, found[name]) for name in names),
        activations=judged.activations,
        ops=Counter(node.op for node in inside(graph, "NodeDef")),
        metadata={"tensorflow_version": version} if version else {},
        not_scores=judged.not_scores,
    )


def runnable(weights: Weights, outputs: Sequence[str], _input_name: str | None) -> Runnable:
    """The model without the random operations of the training that the outputs need.

    Raises ``InvalidModelError`` for other random operations that they need.
    """
    if not may_be_random(weights.graph):
        return Runnable(weights)
    model = _read(weights.graph)
    meta_graph, key = _serving(model)
    tensors = _outputs(meta_graph, key)
    wanted = [tensors[name].name for name in outputs if name in tensors]
    taken_out = take_out(meta_graph.graph_def, wanted)
    return Runnable(with_graph(weights, model) if taken_out else weights, taken_out)


def signature(weights: Weights) -> Signature:
    """The signature that pictell runs: ``serving_default``, or the only one. It is not checked.

    Raises ``InvalidModelError`` if there is neither, or if it has not exactly one input.
    """
    meta_graph, key = _serving(_read(weights.graph))
    inputs = meta_graph.signature_def[key].inputs
    if len(inputs) != 1:
        raise InvalidModelError(
            f"the signature {key!r} has {len(inputs)} inputs ({listed(sorted(inputs))}): "
            "it must have one"
        )
    graph = _part(meta_graph, key)
    variables = [node.name for node in graph.node if node.op in VARIABLES]
    keys = checkpoint_keys(meta_graph) if variables else {}
    missing = [name for name in variables if name not in keys]
    if missing:
        raise InvalidModelError(f"the model does not say how to restore {listed(missing)}")
    ((input_key, tensor),) = inputs.items()
    return Signature(
        key=key,
        input_key=input_key,
        input_tensor=tensor.name,
        outputs={name: tensor.name for name, tensor in _outputs(meta_graph, key).items()},
        graph=graph.SerializeToString(),
        variables={name: keys[name] for name in variables},
    )


def _read(content: bytes) -> Message:
    """The bytes as a ``SavedModel``. Raises ``InvalidModelError``."""
    model = parse("tensorflow", "SavedModel", content)
    if not model.meta_graphs:
        raise InvalidModelError("the file is not a SavedModel, or it is cut short")
    return model


def _serving(model: Message) -> tuple[Message, str]:
    """The graph with the tag ``serve``, or the only one, and the name of its signature."""
    meta_graphs = model.meta_graphs
    serving = [graph for graph in meta_graphs if SERVING_TAG in graph.meta_info_def.tags]
    if not serving and len(meta_graphs) > 1:
        raise InvalidModelError(f"none of the SavedModel's graphs has the tag {SERVING_TAG!r}")
    # There may be another one for TPUs, with more tags.
    chosen = min(serving or meta_graphs, key=lambda graph: len(graph.meta_info_def.tags))
    found = chosen.signature_def
    keys = sorted(key for key in found if key != INIT_KEY and found[key].outputs)
    if SERVING_KEY not in keys and len(keys) != 1:
        raise InvalidModelError(
            f"the SavedModel has no signature {SERVING_KEY!r}: it has {listed(keys)}"
        )
    return chosen, SERVING_KEY if SERVING_KEY in keys else keys[0]


def _outputs(meta_graph: Message, key: str) -> dict[str, Message]:
    """The dense numeric outputs of a signature, sorted; others have no name."""
    return {
        name: tensor
        for name, tensor in sorted(meta_graph.signature_def[key].outputs.items())
        if tensor.name and dtype_name(tensor.dtype) not in NO_NUMBERS
    }


def _part(meta_graph: Message, key: str) -> Message:
    """The nodes and functions that the signature's outputs need, as a ``GraphDef``."""
    graph = meta_graph.graph_def
    nodes, library = by_name(graph.node), functions(graph)
    wanted = [node_name(tensor.name) for tensor in _outputs(meta_graph, key).values()]
    missing = [name for name in wanted if name not in nodes]
    if missing or not wanted:
        raise InvalidModelError(f"the signature's outputs are not in the graph: {listed(missing)}")
    inputs = {name: list(map(node_name, node.input)) for name, node in nodes.items()}
    part = [nodes[name] for name in reached(wanted, inputs)]
    for node in part:
        # Ignore the device of the training, and groups of nodes that may not be in this part.
        node.device = ""
        node.attr.pop("_class", None)
    names = [name for node in part for name in called(node)]
    used = reached(names, {name: function.callees for name, function in library.items()})
    definitions = [library[name].definition for name in sorted(used)]
    return new(
        "tensorflow",
        "GraphDef",
        node=part,
        library=new("tensorflow", "FunctionDefLibrary", function=definitions),
        versions=graph.versions,
    )


def _tensor(name: str, tensor: Message) -> TensorSpec:
    shape = sizes(tensor.tensor_shape) if tensor.HasField("tensor_shape") else None
    return TensorSpec(name, shape, dtype_name(tensor.dtype))
