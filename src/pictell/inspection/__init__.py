"""Model files read without a runtime: format, inputs, outputs, metadata, and what they could do.

Each format is one module with ``inspect``, ``check`` and ``runnable``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

from pictell.graphs import Inspection, Runnable, Weights
from pictell.inspection.model_files import OneFile as OneFile
from pictell.inspection.model_files import read_files as read_files
from pictell.types import WeightsFormat

# The only list of formats, with the modules that read them.
READERS: dict[WeightsFormat, str] = {
    "onnx": "pictell.inspection.onnx",
    "tflite": "pictell.inspection.tflite",
    "frozen-graph": "pictell.inspection.frozen_graph",
    "saved-model": "pictell.inspection.saved_model",
    "openvino": "pictell.inspection.openvino_ir",
}


def check_safe(weights: Weights) -> None:
    """Check that the model can only compute.

    Raises ``UnsafeModelError`` if it could do more, ``InvalidModelError`` if it is damaged.
    """
    import_module(READERS[weights.format]).check(weights)


def inspect_weights(weights: Weights, outputs: Sequence[str] = ()) -> Inspection:
    """Inputs, outputs and metadata of a model.

    Without ``outputs`` these are the model's outputs; in a frozen graph, the nodes that no other
    node consumes. Raises ``InvalidModelError``, for an unknown name with the known ones.
    """
    inspection: Inspection = import_module(READERS[weights.format]).inspect(weights, outputs)
    return inspection


def runnable(weights: Weights, outputs: Sequence[str], input_name: str | None = None) -> Runnable:
    """The files as a runtime gets them to compute these outputs from that input.

    Without the random operations of a training, and without what no runtime can run as it stands.
    Raises ``InvalidModelError`` if the outputs would be random all the same.
    """
    module = import_module(READERS[weights.format])
    rewrite: Callable[[Weights, Sequence[str], str | None], Runnable] = module.runnable
    return rewrite(weights, outputs, input_name)


def checksum(files: Mapping[str, bytes]) -> str:
    """The hexadecimal SHA-256 of one file, or of the list of several files.

    The list is what ``sha256sum`` prints, sorted by name: a line ``<SHA-256>  <name>`` per file.
    """
    # Its import takes long, and the default model needs no checksum.
    import hashlib

    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    if len(sums) == 1:
        return next(iter(sums.values()))
    lines = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
    return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()
