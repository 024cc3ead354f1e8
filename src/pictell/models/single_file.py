"""An ONNX file that carries all that a model's folder states, in its metadata.

Its entries are the folder's texts: ``model.toml``, the labels, and where the model has them the
taxonomy and ``calibration.toml``. Which weights something was fitted for is told by their checksum, and a
file cannot hold its own: zeros stand there for it. So what was fitted stays with its weights, and
is right again in a folder that is made of the file, whose weights are then this file.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pictell.errors import InvalidModelError, StoreError, UsageError
from pictell.files import write_file
from pictell.inspection import checksum
from pictell.inspection.onnx import with_metadata
from pictell.models.folder import SPEC_FILE, TABLES, read_spec, to_toml
from pictell.models.labels import labels_from_text, to_text
from pictell.models.toml_table import Document
from pictell.types import Attachment, Inspection, ModelSpec, Weights

SPEC_KEY = "pictell.model"
LABELS_KEY = "pictell.labels"
TAXONOMY_KEY = "pictell.taxonomy"
CALIBRATION_KEY = "pictell.calibration"
OWN_SHA256 = "0" * 64


def carries_spec(inspection: Inspection) -> bool:
    """Whether the file says itself how it is to be used."""
    return SPEC_KEY in inspection.metadata


def read_spec_of(path: Path, content: Weights, inspection: Inspection) -> ModelSpec:
    """The spec in the metadata of the ONNX file at ``path``. Raises ``InvalidModelError``."""
    entries = inspection.metadata
    if LABELS_KEY not in entries:
        raise InvalidModelError(f"{path.name} has {SPEC_KEY} in its metadata but no {LABELS_KEY}")
    labels = labels_from_text(entries[LABELS_KEY], LABELS_KEY)
    document = Document(entries[SPEC_KEY], f"{SPEC_FILE} in {path.name}", TABLES)
    spec = read_spec(document, path.parent, labels)
    # Inside the file its own name and checksum cannot be known.
    sha256 = checksum(content.files)
    fitted = (
        entries[CALIBRATION_KEY].replace(OWN_SHA256, sha256) if CALIBRATION_KEY in entries else None
    )
    return replace(
        spec,
        weights=path,
        sha256=sha256,
        taxonomy=_attachment(TAXONOMY_KEY, entries.get(TAXONOMY_KEY)),
        calibration=_attachment(CALIBRATION_KEY, fitted),
    )


def pack(spec: ModelSpec, content: Weights) -> bytes:
    """The ONNX model with all that is known of it in its metadata.

    Raises ``UsageError`` for another format or a model of several files.
    """
    if content.format != "onnx" or len(content.files) > 1:
        raise UsageError(f"only an ONNX model of one file can carry its spec: {spec.name} is none")
    taxonomy, fitted = spec.taxonomy, spec.calibration
    entries = {
        SPEC_KEY: to_toml(replace(spec, taxonomy=None)),
        LABELS_KEY: to_text(spec.labels),
        # None takes away what an earlier packing may have left in the graph.
        TAXONOMY_KEY: taxonomy.text if taxonomy else None,
        CALIBRATION_KEY: fitted.text.replace(spec.sha256, OWN_SHA256) if fitted else None,
    }
    return with_metadata(content.graph, entries)


def write_single_file(path: Path, spec: ModelSpec, content: Weights) -> None:
    """Write the packed model to a new file: whole, or not at all.

    Raises ``UsageError`` as ``pack`` does, and ``StoreError``.
    """
    if path.exists():
        raise StoreError(f"{path} is already there: name a new file")
    packed = pack(spec, content)
    try:
        write_file(path, packed)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error


def _attachment(key: str, text: str | None) -> Attachment | None:
    return None if text is None else Attachment(key, text)
