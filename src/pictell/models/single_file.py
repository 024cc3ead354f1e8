"""An ONNX file that carries in its metadata what the folder of a model has in text files.

The entries are ``model.toml``, the labels, and the taxonomy and ``calibration.toml`` if the model
has them. A calibration names its weights by their checksum. A file cannot contain its own
checksum, so zeros stand for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pictell.errors import InvalidModelError, StoreError, UsageError
from pictell.files import write_file
from pictell.graphs import Inspection, Weights
from pictell.inspection import checksum
from pictell.inspection.onnx import with_metadata
from pictell.inspection.onnx_merge import merge
from pictell.models.folder import SPEC_FILE, read_spec, store_errors, to_toml
from pictell.models.labels import labels_from_text, to_text
from pictell.types import Attachment, ModelSpec

SPEC_KEY = "pictell.model"
LABELS_KEY = "pictell.labels"
TAXONOMY_KEY = "pictell.taxonomy"
CALIBRATION_KEY = "pictell.calibration"
OWN_SHA256 = "0" * 64


def carries_spec(inspection: Inspection) -> bool:
    """Whether the file carries its own spec."""
    return SPEC_KEY in inspection.metadata


def read_spec_of(path: Path, content: Weights, inspection: Inspection) -> ModelSpec:
    """The spec in the metadata of the ONNX file at ``path``. Raises ``InvalidModelError``."""
    entries = inspection.metadata
    if LABELS_KEY not in entries:
        raise InvalidModelError(f"{path.name} has {SPEC_KEY} in its metadata but no {LABELS_KEY}")
    labels = labels_from_text(entries[LABELS_KEY], LABELS_KEY)
    file = Attachment(f"{SPEC_FILE} in {path.name}", entries[SPEC_KEY])
    sha256 = checksum(content.files)
    return replace(
        read_spec(file, path.parent, labels),
        weights=path,
        sha256=sha256,
        taxonomy=_attachment(entries, TAXONOMY_KEY),
        calibration=_attachment(entries, CALIBRATION_KEY, sha256),
    )


def pack(spec: ModelSpec, content: Weights) -> bytes:
    """The ONNX model, with its external data, and its spec in the metadata.

    Raises ``UsageError`` for another format or a model too large for one file, and
    ``InvalidModelError`` for external data that is damaged.
    """
    if content.format != "onnx":
        raise UsageError(
            f"only an ONNX model can carry its spec, {spec.name} is not one: name a folder"
        )
    taxonomy, fitted = spec.taxonomy, spec.calibration
    entries = {
        SPEC_KEY: to_toml(replace(spec, taxonomy=None, external_data=())),
        LABELS_KEY: to_text(spec.labels),
        # None removes an entry that is in the graph already.
        TAXONOMY_KEY: taxonomy.text if taxonomy else None,
        CALIBRATION_KEY: fitted.text.replace(spec.sha256, OWN_SHA256) if fitted else None,
    }
    return with_metadata(merge(content), entries)


def write_single_file(path: Path, spec: ModelSpec, content: Weights) -> None:
    """Write the packed model to a new file: whole, or not at all.

    Raises ``UsageError`` as ``pack`` does, and ``StoreError``.
    """
    if path.exists():
        raise StoreError(f"{path} exists already: name a new file")
    packed = pack(spec, content)
    with store_errors(f"{path} cannot be written"):
        write_file(path, packed)


def _attachment(
    entries: Mapping[str, str], key: str, sha256: str = OWN_SHA256
) -> Attachment | None:
    return Attachment(key, entries[key].replace(OWN_SHA256, sha256)) if key in entries else None
