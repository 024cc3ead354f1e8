"""Model files read without an engine: format, inputs, outputs, metadata, and what they could do.

Each format is one module with ``inspect`` and ``check``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

from pictell.types import Inspection, Weights, WeightsFormat

# The only list of formats, with the modules that read them.
READERS: dict[WeightsFormat, str] = {
    "onnx": "pictell.inspection.onnx",
    "tflite": "pictell.inspection.tflite",
    "frozen-graph": "pictell.inspection.frozen_graph",
    "saved-model": "pictell.inspection.saved_model",
}


def sniff_format(path: Path) -> WeightsFormat:
    """The format of a model's file or folder, detected from its content.

    Raises ``InvalidModelError`` if it is not a model, ``UnsafeModelError`` for formats that can run
    code when loaded (pickles, Keras files).
    """
    from pictell.inspection.sniff import sniff_format as sniff

    return sniff(path)


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


def read_files(path: Path, external_data: Sequence[str] = ()) -> Mapping[str, bytes]:
    """The contents of a model's files by relative name (with ``/``), the graph first.

    ``path`` is a file, or the folder of a SavedModel or its ``saved_model.pb``. ``external_data``
    names files in the folder of an ONNX graph.

    Raises ``InvalidModelError``, and ``UnsafeModelError`` for links and files outside the folder.
    """
    from pictell.inspection.model_files import read_files as read

    return read(path, external_data)


def checksum(files: Mapping[str, bytes]) -> str:
    """The hexadecimal SHA-256 of one file, or of the list of several files.

    The list is what ``sha256sum`` prints, sorted by name: a line ``<SHA-256>  <name>`` per file.
    """
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    if len(sums) == 1:
        return next(iter(sums.values()))
    lines = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
    return hashlib.sha256(lines.encode()).hexdigest()
