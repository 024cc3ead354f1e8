"""A trained model: its file, and what is known of how good it is."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from pictell import runtimes
from pictell.classifier import Classifier
from pictell.errors import InvalidModelError, UsageError
from pictell.evaluation.summary import Summary
from pictell.files import write_file
from pictell.graphs import Weights
from pictell.image_model import ImageModel
from pictell.inspection import checksum, inspect_weights
from pictell.inspection.onnx import read_metadata, with_metadata
from pictell.models.calibration_file import FittedCalibration, to_toml
from pictell.models.folder import CALIBRATION_FILE, store_errors
from pictell.models.scorer import build_scorer
from pictell.models.single_file import pack, read_spec_of
from pictell.options import MIN_CONFIDENCE, EngineOptions
from pictell.training.data import DataReport
from pictell.training.graph import EMBEDDING, FAMILIARITY, LOGITS
from pictell.training.kept import Kept, beside, forget
from pictell.training.measure import Accuracy, Measured, Suspect, to_summary
from pictell.types import Activation, Attachment, Label, ModelSpec
from pictell.version import __version__

GRAPH = Path("trained.onnx")
# The metadata that says what the model was trained on, as JSON.
TRAINING_KEY = "pictell.training"
# In this JSON: the name, the checksum and the source of the backbone.
BACKBONE_FACTS = ("backbone", "backbone_sha256", "backbone_source")
# The checksum of the samples; null if none are kept.
SAMPLES_FACT = "samples_sha256"
# The metadata with the corrections of a trained model (training/correct.py).
CORRECTIONS_KEY = "pictell.corrections"


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A model of the user's classes.

    ``content`` is the ONNX file, ``spec`` what it carries. It is trained on ``pictures``;
    ``counts`` (C) are those of each class, and on ``others`` of none. ``accuracy`` is that of
    cross-validation, or on a validation set. ``data`` says what was found in the pictures that were
    read, ``measured`` what heads say of those that they were not fitted on, ``suspects`` which
    labels may be wrong, the likeliest first; all that is about the pictures of this training, not
    about older ones of a model that was updated. ``kept`` are the samples that belong beside the
    file, if any. ``index_note`` says why the index of features was not used, if so.
    """

    # What is long, or tells about private pictures, is not printed.
    spec: ModelSpec = field(repr=False)
    content: bytes = field(repr=False)
    pictures: int
    others: int
    counts: tuple[int, ...]
    accuracy: Accuracy
    data: DataReport | None = field(repr=False)
    measured: Measured | None = field(repr=False)
    suspects: tuple[Suspect, ...] = field(repr=False)
    kept: Kept | None = field(repr=False)
    index_note: str | None = None

    @property
    def evaluation(self) -> Summary:
        """All figures on the pictures that were measured. Computed at each call.

        Raises ``UsageError`` without any, and for several labels a picture.
        """
        if self.measured is None:
            raise UsageError("no pictures were read that the figures could be about")
        return to_summary(self.measured, self.spec)

    def open(self, engine: EngineOptions = EngineOptions()) -> Classifier:
        """A classifier that runs the model. Raises a ``ModelError`` as ``pictell.load`` does."""
        weights = Weights("onnx", {GRAPH.name: self.content})
        session = runtimes.open_session(self.spec, weights, engine)
        model = ImageModel(self.spec, session, batch_size=engine.batch_size)
        return Classifier(model, build_scorer(self.spec, MIN_CONFIDENCE))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file, and the samples beside it unless they are inside or not kept.

        In that case, those of the model that is replaced are removed. Each file is written whole or
        not at all, and replaces one that is there. Raises ``StoreError``.
        """
        path = Path(path)
        with store_errors(f"{path} cannot be written"):
            if self.kept is not None:
                # First, because an old model may have newer samples (kept.py).
                write_file(beside(path), self.kept.content)
            write_file(path, self.content)
            if self.kept is None:
                forget(path)


def to_file(
    backbone: ModelSpec,
    graph: bytes,
    classes: tuple[str, ...],
    activation: Activation,
    fitted: FittedCalibration,
    entries: dict[str, str | None],
) -> tuple[ModelSpec, bytes]:
    """The spec and the ONNX file of a trained graph, on the ``backbone`` that it was cut from.

    ``entries`` become metadata.
    """
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
        activation=activation,
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


def count_pictures(content: bytes) -> int:
    """How many pictures a trained model was trained on. Raises ``InvalidModelError``."""
    metadata = read_metadata(content)
    try:
        return sum(map(int, json.loads(metadata[TRAINING_KEY])["pictures"]))
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidModelError(f"{TRAINING_KEY} in the metadata is damaged") from error
