"""TensorFlow: frozen graphs in a TensorFlow 1 session; SavedModels by their signature."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pictell.errors import UsageError
from pictell.graphs import TensorSpec, Weights
from pictell.inspection import inspect_weights, saved_model
from pictell.inspection.fit import wanted_outputs
from pictell.options import EngineOptions
from pictell.runtimes import Tensor, Tensors
from pictell.runtimes.files import temporary_files
from pictell.runtimes.quiet import temporary_settings, without_notices, without_package
from pictell.types import ModelSpec

# TensorFlow reports errors as exceptions; the rest of its log is about its build.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# pictell does not use Keras, which takes longer to import than the rest (tf.keras still finds it).
# An old copy of Keras in TensorFlow writes its defaults into the home folder.
with without_notices(), without_package("keras"), temporary_settings("KERAS_HOME"):
    import tensorflow as tf

v1 = tf.compat.v1


class GraphEngine:
    """A graph in a TensorFlow session, which computes only what the requested outputs need."""

    def __init__(
        self, graph: Any, feed: tuple[str, Any], fetches: Mapping[str, Any], options: EngineOptions
    ) -> None:
        """``feed``: name and tensor of the input. ``fetches``: tensors of the outputs by name."""
        given, picture = feed
        self._fetches = fetches
        self._feeds = {
            given if tensor is picture else _plain(tensor.name): tensor
            for tensor in _needed_inputs(fetches.values(), picture)
        }
        self.inputs = [_tensor(name, tensor) for name, tensor in self._feeds.items()]
        self.outputs = [_tensor(name, tensor) for name, tensor in fetches.items()]
        self._session = v1.Session(graph=graph, config=_config(options))

    def run(self, inputs: Tensors, outputs: Sequence[str]) -> dict[str, Tensor]:
        """Inputs by name -> the named outputs."""
        fetches = {name: self._fetches[name] for name in outputs}
        feeds = {self._feeds[name]: values for name, values in inputs.items()}
        found: dict[str, Tensor] = self._session.run(fetches, feeds)
        return found

    def assign(self, values: Mapping[str, Tensor]) -> None:
        """Set the graph's variables: names of their nodes -> values."""
        feeds, assignments = {}, []
        graph = self._session.graph
        with graph.as_default():
            for name, value in values.items():
                variable = graph.get_tensor_by_name(f"{name}:0")
                given = v1.placeholder(value.dtype, value.shape)
                feeds[given] = value
                assignments.append(_assignment(variable, given))
        self._session.run(assignments, feeds)


def open_engine(spec: ModelSpec, weights: Weights, options: EngineOptions) -> GraphEngine:
    """Load a frozen graph or a SavedModel. Raises ``UsageError`` if there is no GPU to use."""
    if options.device == "gpu":
        _set_up_gpu(options)
    if weights.format == "saved-model":
        return _saved_model(weights, options)
    return _frozen_graph(spec, weights, options)


def _frozen_graph(spec: ModelSpec, weights: Weights, options: EngineOptions) -> GraphEngine:
    graph = _graph(weights.graph)
    fetches = {name: _find(graph, name) for name in wanted_outputs(spec)}
    if any(tensor is None for tensor in fetches.values()):
        # ``check_fits`` lists these instead.
        found = [tensor.name for tensor in inspect_weights(weights).outputs]
        fetches = {name: tensor for name in found if (tensor := _find(graph, name)) is not None}
    return GraphEngine(graph, (spec.input_name, _find(graph, spec.input_name)), fetches, options)


def _saved_model(weights: Weights, options: EngineOptions) -> GraphEngine:
    """The part of the graph that the signature runs, with variables read from the checkpoint.

    TensorFlow's own loader would also run the operations that restore and initialise the model.
    """
    part = saved_model.signature(weights)
    graph = _graph(part.graph)
    fetches = {name: _find(graph, tensor) for name, tensor in part.outputs.items()}
    feed = (part.input_key, _find(graph, part.input_tensor))
    engine = GraphEngine(graph, feed, fetches, options)
    if part.variables:
        with temporary_files(weights) as folder:
            checkpoint = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
            engine.assign({name: checkpoint.get_tensor(k) for name, k in part.variables.items()})
    return engine


def _graph(content: bytes) -> Any:
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(v1.GraphDef.FromString(content), name="")
    return graph


def _assignment(variable: Any, value: Any) -> Any:
    if variable.dtype == tf.resource:
        return tf.raw_ops.AssignVariableOp(resource=variable, value=value)
    # A variable of TensorFlow 1.
    return tf.raw_ops.Assign(ref=variable, value=value)


def _set_up_gpu(options: EngineOptions) -> None:
    if not tf.config.list_physical_devices("GPU"):
        raise UsageError(
            "TensorFlow finds no GPU: install its build for CUDA "
            "(pip install 'tensorflow[and-cuda]'), or give --device cpu"
        )
    if options.precision == "float32":
        # TensorFlow has this setting only for the whole process.
        tf.config.experimental.enable_tensor_float_32_execution(False)


def _config(options: EngineOptions) -> Any:
    return v1.ConfigProto(
        intra_op_parallelism_threads=options.threads,
        inter_op_parallelism_threads=1,
        device_count={"GPU": 0} if options.device == "cpu" else {},
        gpu_options=v1.GPUOptions(allow_growth=True),
    )


def _find(graph: Any, name: str) -> Any:
    """The tensor of that name (``node`` stands for ``node:0``), or ``None``."""
    try:
        return graph.get_tensor_by_name(name if ":" in name else f"{name}:0")
    except (KeyError, ValueError):
        return None


def _needed_inputs(outputs: Iterable[Any], feed: Any) -> list[Any]:
    """The tensors that the outputs need: ``feed``, if they depend on it, and placeholders.

    Placeholders with a default, such as ``keep_prob``, are not needed.
    """
    needed, seen = [], set()
    waiting = list(outputs)
    while waiting:
        tensor = waiting.pop()
        if tensor.name in seen:
            continue
        seen.add(tensor.name)
        if tensor is feed or tensor.op.type == "Placeholder":
            needed.append(tensor)
        else:
            waiting.extend(tensor.op.inputs)
    return needed


def _plain(name: str) -> str:
    return name.removesuffix(":0")


def _tensor(name: str, tensor: Any) -> TensorSpec:
    shape = tensor.shape
    sizes = None if shape.rank is None else tuple(shape.as_list())
    return TensorSpec(name, sizes, tensor.dtype.base_dtype.name)
