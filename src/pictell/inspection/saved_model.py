"""SavedModels: the part that one signature runs.

TensorFlow's own loader also runs the operations that restore and initialise the model. pictell
gives an engine only ``freezable``: the nodes and functions between the signature's input and its
outputs, and the keys of the variables' values in the checkpoint.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pictell.errors import InvalidModelError
from pictell.inspection.activation import activation
from pictell.inspection.allowed_ops import STATE, UNUSED, VARIABLES
from pictell.inspection.checkpoint_keys import checkpoint_keys
from pictell.inspection.protobuf import Message, new, parse
from pictell.inspection.selection import listed, select
from pictell.inspection.tensorflow_check import refuse_operations
from pictell.inspection.tensorflow_graph import (
    Function,
    bodies,
    by_name,
    called,
    dtype_name,
    functions,
    node_name,
    reached,
    sizes,
    walk_back,
)
from pictell.types import Inspection, TensorSpec, Weights

SERVING_TAG = "serve"
SERVING_KEY = "serving_default"
# A signature of TensorFlow's writer that names the initialiser.
INIT_KEY = "__saved_model_init_op"


@dataclass(frozen=True, slots=True)
class SavedSignature:
    """The signature of a SavedModel: names of its input and outputs, and of their tensors.

    ``outputs`` maps the names of numeric outputs to tensors (``node:0``).
    """

    key: str
    input_key: str
    input_tensor: str
    outputs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Freezable:
    """What a signature runs.

    ``graph`` is a ``GraphDef``. ``variables`` maps the names of its variables to the keys of their
    values in the checkpoint ``variables/variables``.
    """

    graph: bytes
    variables: Mapping[str, str]


def check(weights: Weights) -> None:
    """Check that the graphs and functions contain only allowed operations.

    The part that the signature runs may only compute. The rest may also save and restore the model.
    Raises ``UnsafeModelError`` or ``InvalidModelError``.
    """
    for meta_graph in _read(weights.graph).meta_graphs:
        refuse_operations(meta_graph.graph_def, UNUSED)
    refuse_operations(_runs(weights), STATE)


def inspect(weights: Weights, outputs: Sequence[str]) -> Inspection:
    """The inputs and the numeric outputs of the signature. Raises ``InvalidModelError``."""
    key_and_signature = _choose(_serving(weights.graph))
    signature = key_and_signature[1]
    names = select(outputs, sorted(_numeric(signature.outputs)))
    graph = _runs(weights)
    nodes, library = by_name(graph.node), functions(graph)
    tensors = {name: signature.outputs[name].name for name in names}
    return Inspection(
        format="saved-model",
        inputs=tuple(_tensor(key, signature.inputs[key]) for key in sorted(signature.inputs)),
        outputs=tuple(_tensor(name, signature.outputs[name]) for name in names),
        activations={
            name: activation(node.op for node in walk_back(nodes, tensor, library))
            for name, tensor in tensors.items()
        },
        ops=Counter(node.op for body in bodies(graph) for node in body),
        metadata={},
    )


def signature(weights: Weights) -> SavedSignature:
    """The signature that pictell runs: ``serving_default``, or the only one.

    Raises ``InvalidModelError`` if there is neither, or if it has not exactly one input.
    """
    meta_graph = _serving(weights.graph)
    key, found = _choose(meta_graph)
    inputs = sorted(found.inputs)
    if len(inputs) != 1:
        raise InvalidModelError(
            f"the signature {key!r} has {len(inputs)} inputs ({listed(inputs)}): it must have one"
        )
    outputs = _numeric(found.outputs)
    return SavedSignature(
        key=key,
        input_key=inputs[0],
        input_tensor=found.inputs[inputs[0]].name,
        outputs={name: outputs[name].name for name in sorted(outputs)},
    )


def freezable(weights: Weights) -> Freezable:
    """The part of the model that its signature runs, not checked. Raises ``InvalidModelError``."""
    graph = _runs(weights)
    wanted = [node.name for node in graph.node if node.op in VARIABLES]
    keys = checkpoint_keys(_serving(weights.graph)) if wanted else {}
    missing = [name for name in wanted if name not in keys]
    if missing:
        raise InvalidModelError(f"the model does not say how to restore {listed(missing)}")
    return Freezable(graph.SerializeToString(), {name: keys[name] for name in wanted})


def _read(content: bytes) -> Message:
    model = parse("tensorflow", "SavedModel", content)
    if not model.meta_graphs:
        raise InvalidModelError("the file is not a SavedModel, or it is cut short")
    return model


def _serving(content: bytes) -> Message:
    """The graph with the tag ``serve``, or the only one."""
    meta_graphs = _read(content).meta_graphs
    tags = [set(meta_graph.meta_info_def.tags) for meta_graph in meta_graphs]
    serving = [index for index, found in enumerate(tags) if SERVING_TAG in found]
    if not serving and len(meta_graphs) > 1:
        raise InvalidModelError(f"none of the SavedModel's graphs has the tag {SERVING_TAG!r}")
    # There may be another one for TPUs, with more tags.
    return meta_graphs[min(serving, key=lambda index: len(tags[index]), default=0)]


def _choose(meta_graph: Message) -> tuple[str, Message]:
    found = meta_graph.signature_def
    keys = sorted(key for key in found if key != INIT_KEY and found[key].outputs)
    if SERVING_KEY not in keys and len(keys) != 1:
        raise InvalidModelError(
            f"the SavedModel has no signature {SERVING_KEY!r}: it has {listed(keys)}"
        )
    key = SERVING_KEY if SERVING_KEY in keys else keys[0]
    return key, found[key]


def _numeric(tensors: Mapping[str, Message]) -> dict[str, Message]:
    """The dense numeric tensors; others have no name."""
    return {
        key: tensor
        for key, tensor in tensors.items()
        if tensor.name and dtype_name(tensor.dtype) != "object"
    }


def _runs(weights: Weights) -> Message:
    """The nodes and functions that the signature's outputs need, as a ``GraphDef``."""
    meta_graph = _serving(weights.graph)
    _, chosen = _choose(meta_graph)
    graph = meta_graph.graph_def
    nodes = by_name(graph.node)
    wanted = [node_name(tensor.name) for tensor in _numeric(chosen.outputs).values()]
    missing = [name for name in wanted if name not in nodes]
    if missing or not wanted:
        raise InvalidModelError(f"the signature's outputs are not in the graph: {listed(missing)}")
    part = list(reached(nodes, wanted).values())
    library = functions(graph)
    for node in part:
        # Ignore the device of the training, and groups of nodes that may not be in this part.
        node.device = ""
        node.attr.pop("_class", None)
    used = _used_functions(part, library)
    return new(
        "tensorflow",
        "GraphDef",
        node=part,
        library=new(
            "tensorflow", "FunctionDefLibrary", function=[library[name].definition for name in used]
        ),
        versions=graph.versions,
    )


def _used_functions(nodes: Iterable[Message], library: Mapping[str, Function]) -> list[str]:
    """The functions that the nodes call, directly or not."""
    found: dict[str, None] = {}
    waiting = [name for node in nodes for name in (node.op, *called(node))]
    while waiting:
        name = waiting.pop()
        if name in library and name not in found:
            found[name] = None
            waiting.extend(
                name for node in library[name].nodes.values() for name in (node.op, *called(node))
            )
    return sorted(found)


def _tensor(name: str, tensor: Message) -> TensorSpec:
    shape = sizes(tensor.tensor_shape) if tensor.HasField("tensor_shape") else None
    return TensorSpec(name, shape, dtype_name(tensor.dtype))
