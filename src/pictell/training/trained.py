"""A trained model: its file, and what is known of how good it is."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

from pictell import runtimes
from pictell.classifier import Classifier
from pictell.evaluation.summary import Summary
from pictell.files import write_file
from pictell.image_model import ImageModel
from pictell.inspection import checksum, inspect_weights
from pictell.inspection.onnx import with_metadata
from pictell.models.calibration_file import FittedCalibration, to_toml
from pictell.models.folder import CALIBRATION_FILE, store_errors
from pictell.models.scorer import build_scorer
from pictell.models.single_file import pack, read_spec_of
from pictell.options import MIN_CONFIDENCE, EngineOptions
from pictell.training.data import DataReport
from pictell.training.graph import EMBEDDING, FAMILIARITY, LOGITS
from pictell.training.measure import Accuracy, Measured, Suspect, to_summary
from pictell.types import Attachment, Label, ModelSpec, Weights
from pictell.version import __version__

GRAPH = Path("trained.onnx")
# The metadata that says what the model was trained on, as JSON.
TRAINING_KEY = "pictell.training"
# The metadata with the corrections of a trained model (training/correct.py).
CORRECTIONS_KEY = "pictell.corrections"


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A model of the user's classes.

    ``content`` is the ONNX file, ``spec`` what it carries. ``data`` says what was found in the
    pictures. ``accuracy`` is that on the pictures of ``measured``: held out in cross-validation, or
    a validation set. ``suspects`` are pictures whose label may be wrong, the likeliest first.
    ``index_note`` says why the index of embeddings was not used, if so.
    """

    spec: ModelSpec
    content: bytes
    data: DataReport
    accuracy: Accuracy
    suspects: tuple[Suspect, ...]
    measured: Measured
    index_note: str | None = None

    @property
    def evaluation(self) -> Summary:
        """All figures on the pictures that ``accuracy`` is about. Computed at each call."""
        return to_summary(self.measured, self.spec)

    def open(self, engine: EngineOptions = EngineOptions()) -> Classifier:
        """A classifier that runs the model. Raises a ``ModelError`` as ``pictell.load`` does."""
        weights = Weights("onnx", {GRAPH.name: self.content})
        session = runtimes.open_session(self.spec, weights, engine)
        model = ImageModel(self.spec, session, batch_size=engine.batch_size)
        return Classifier(model, build_scorer(self.spec, MIN_CONFIDENCE))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file, whole or not at all; one that is there is replaced.

        Raises ``StoreError``.
        """
        with store_errors(f"{os.fspath(path)} cannot be written"):
            write_file(Path(path), self.content)


def to_file(
    backbone: ModelSpec,
    graph: bytes,
    classes: tuple[str, ...],
    fitted: FittedCalibration,
    facts: dict[str, object],
) -> tuple[ModelSpec, bytes]:
    """The spec and the ONNX file of a trained graph, on the ``backbone`` that it was cut from.

    ``facts`` are stored as JSON: what the model was trained on, without names of files.
    """
    # A backbone that was trained itself may have corrections, which are not those of this model.
    entries = {TRAINING_KEY: json.dumps(facts, sort_keys=True), CORRECTIONS_KEY: None}
    graph = with_metadata(graph, entries)
    weights = Weights("onnx", {GRAPH.name: graph})
    sha256 = checksum(weights.files)
    spec = replace(
        backbone,
        name="trained",
        format="onnx",
        weights=GRAPH,
        external_data=(),
        sha256=sha256,
        output_name=LOGITS,
        activation="softmax",
        embedding=EMBEDDING,
        feature_map=None,
        familiarity=FAMILIARITY,
        labels=tuple(map(Label, classes)),
        top1_accuracy=None,
        taxonomy=None,
        calibration=Attachment(CALIBRATION_FILE, to_toml(fitted, sha256)),
        source=f"trained by pictell {__version__} on {backbone.name}: {backbone.source}",
    )
    content = pack(spec, weights)
    packed = Weights("onnx", {GRAPH.name: content})
    return read_spec_of(GRAPH, packed, inspect_weights(packed)), content
