"""Labels in the operation of an ONNX graph that classifies, as from scikit-learn."""

from __future__ import annotations

from pictell.graphs import Inspection, Weights
from pictell.models.stated import Stated
from pictell.options import ModelOptions
from pictell.types import Label


def read(content: Weights, inspection: Inspection) -> Stated | None:
    """The labels, ``None`` if there are none, or if outputs have different ones."""
    found = set(inspection.labels.values())
    if len(found) != 1:
        return None
    labels = tuple(map(Label, found.pop()))
    return Stated("the graph's classifier", ModelOptions(), labels)
