"""What a model's files hold: their content, and what an inspection finds in the graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pictell.types import Activation, WeightsFormat


@dataclass(frozen=True, slots=True)
class Weights:
    """The content of a model's files.

    ``files`` maps names, relative to the model's folder, to bytes: first the graph, then the
    variables of a SavedModel or the external data of an ONNX model. ``path`` is the file of the
    graph, if a runtime may read it there.
    """

    format: WeightsFormat
    files: Mapping[str, bytes]
    path: Path | None = None

    @property
    def graph(self) -> bytes:
        """The bytes of the first file."""
        return next(iter(self.files.values()))


class Runnable(NamedTuple):
    """A model's files as a runtime gets them.

    ``taken_out`` names the operations of the training that are the identity in them.
    """

    weights: Weights
    taken_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """An input or output of a graph.

    ``shape`` is ``None`` if it is unknown; a size in it is ``None`` if it may vary. ``dtype`` is
    numpy's name, ``string`` for text, or ``object`` if it is unknown. A quantised tensor has
    ``quantisation`` (scale, zero_point): real value = scale * (stored - zero_point).
    """

    name: str
    shape: tuple[int | None, ...] | None
    dtype: str
    quantisation: tuple[float, int] | None = None


class NotScores(NamedTuple):
    """The ``operation`` that makes an output something else than a row of scores.

    ``scores`` is the tensor before it that is one, if it has a name in the graph.
    """

    operation: str
    scores: str | None


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a model's files say without running them.

    ``activations`` has for each output the activation that makes probabilities of it, ``None``
    where its last operation does not show that. ``ops`` counts the operations by name.
    ``metadata`` is that of an ONNX file, or the version that saved a SavedModel. ``not_scores`` has
    the outputs that hold the best classes, or yes and no, instead of a score for each class.
    ``labels`` has for an output the names of its classes, if an operation has them.
    """

    format: WeightsFormat
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    activations: Mapping[str, Activation | None]
    ops: Mapping[str, int]
    metadata: Mapping[str, str]
    not_scores: Mapping[str, NotScores] = field(default_factory=dict)
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
