"""An ONNX file that carries its own spec and labels, in its metadata."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from pictell import weights
from pictell.errors import InvalidModelError, StoreError, UsageError
from pictell.models.folder import SPEC_FILE, TABLES, read_spec, to_toml
from pictell.models.labels import labels_from_text, to_text
from pictell.models.toml_table import Document
from pictell.types import Inspection, ModelSpec, Weights
from pictell.weights.onnx import with_metadata

SPEC_KEY = "pictell.model"
LABELS_KEY = "pictell.labels"


def carries_spec(inspection: Inspection) -> bool:
    """Whether the file says itself how it is to be used."""
    return SPEC_KEY in inspection.metadata


def read_spec_of(path: Path, content: Weights, inspection: Inspection) -> ModelSpec:
    """The spec in the metadata of the ONNX file at ``path``. Raises ``InvalidModelError``."""
    if LABELS_KEY not in inspection.metadata:
        raise InvalidModelError(f"{path.name} has {SPEC_KEY} in its metadata but no {LABELS_KEY}")
    labels = labels_from_text(inspection.metadata[LABELS_KEY], LABELS_KEY)
    document = Document(inspection.metadata[SPEC_KEY], f"{SPEC_FILE} in {path.name}", TABLES)
    spec = read_spec(document, path.parent, labels)
    # Inside the file its own name and checksum cannot be known.
    return replace(spec, weights=path, sha256=weights.checksum(content.files))


def pack(spec: ModelSpec, content: Weights) -> bytes:
    """The ONNX model with its spec and labels in its metadata.

    Raises ``UsageError`` for another format or a model of several files.
    """
    if content.format != "onnx" or len(content.files) > 1:
        raise UsageError(f"only an ONNX model of one file can carry its spec: {spec.name} is none")
    entries = {SPEC_KEY: to_toml(replace(spec, taxonomy=None)), LABELS_KEY: to_text(spec.labels)}
    return with_metadata(content.graph, entries)


def write_single_file(path: Path, spec: ModelSpec, content: Weights) -> None:
    """Write the packed model to a new file: whole, or not at all.

    Raises ``UsageError`` as ``pack`` does, and ``StoreError``.
    """
    if path.exists():
        raise StoreError(f"{path} is already there: name a new file")
    packed = pack(spec, content)
    draft = path.with_name(f".{path.name}.incoming-{os.getpid()}")
    try:
        draft.write_bytes(packed)
        draft.rename(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)
