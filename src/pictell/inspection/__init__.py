"""A model's files, read without the engine that runs them: what they are, hold, and could do.

Nothing here loads an engine. Every format is one module with ``inspect`` and ``check``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

from pictell.types import Inspection, Weights, WeightsFormat

# The only list of formats: each with the module that reads it.
READERS: dict[WeightsFormat, str] = {
    "onnx": "pictell.inspection.onnx",
    "tflite": "pictell.inspection.tflite",
    "frozen-graph": "pictell.inspection.frozen_graph",
    "saved-model": "pictell.inspection.saved_model",
}


def sniff_format(path: Path) -> WeightsFormat:
    """What kind of model the file or folder holds, by its content.

    Raises ``InvalidModelError`` for what is no model, ``UnsafeModelError`` for a kind that would
    run code when loaded (pickles, Keras files).
    """
    from pictell.inspection.sniff import sniff_format as sniff

    return sniff(path)


def check_safe(weights: Weights) -> None:
    """See that the files can do nothing but compute. Raises ``UnsafeModelError``.

    Raises ``InvalidModelError`` for files that are damaged.
    """
    import_module(READERS[weights.format]).check(weights)


def inspect_weights(weights: Weights, outputs: Sequence[str] = ()) -> Inspection:
    """What the files hold; of the named ``outputs``, or of those that nothing else consumes.

    Raises ``InvalidModelError``: for a name that is not there it lists those that are.
    """
    inspection: Inspection = import_module(READERS[weights.format]).inspect(weights, outputs)
    return inspection


def read_files(path: Path, external_data: Sequence[str] = ()) -> Mapping[str, bytes]:
    """The graph and what belongs to it, the graph first; names are relative, with ``/``.

    ``path`` is a file, or the folder of a SavedModel (or ``saved_model.pb`` in it: both stand for
    the same files). ``external_data`` names files beside an ONNX graph.

    Raises ``InvalidModelError``, and ``UnsafeModelError`` for links and what lies outside.
    """
    from pictell.inspection.model_files import read_files as read

    return read(path, external_data)


def checksum(files: Mapping[str, bytes]) -> str:
    """SHA-256, in hexadecimal: of one file its own; of several that of their list.

    The list has a line ``<SHA-256>  <name>`` for each, sorted by name, as ``sha256sum`` prints it.
    """
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    if len(sums) == 1:
        return next(iter(sums.values()))
    lines = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
    return hashlib.sha256(lines.encode()).hexdigest()
