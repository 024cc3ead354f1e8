"""What a model's file states about its use in its own metadata. Each form is one module."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

from pictell.graphs import Inspection, Weights
from pictell.models.metadata import classifier_node
from pictell.models.metadata.onnx_entries import read_onnx_entries
from pictell.models.metadata.openvino import read_openvino
from pictell.models.metadata.tflite import read_tflite
from pictell.models.metadata.ultralytics import read_ultralytics
from pictell.models.stated import Stated, combine

Reader = Callable[[Weights, Inspection], Stated | None]
# The only list of forms, the most specific first.
READERS: tuple[Reader, ...] = (
    classifier_node.read,
    read_ultralytics,
    read_tflite,
    read_onnx_entries,
    read_openvino,
)


def read_metadata(content: Weights, inspection: Inspection) -> Stated | None:
    """What the file states, ``None`` if it has no metadata of a known form.

    What is damaged is in ``Stated.problems``: it matters only if the user does not give it.
    """
    found = (read(content, inspection) for read in READERS)
    return reduce(combine, found, None)
