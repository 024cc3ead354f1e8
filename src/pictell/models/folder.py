"""A model's folder (``model.toml``, weights, labels) becomes a ``ModelSpec``, and back.

Nothing is guessed: what the model needs and the file does not state is an error that says what
to state.
"""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import get_args

from pictell.errors import InvalidModelError, StoreError
from pictell.files import new_folder
from pictell.inspection import check_safe, checksum, read_files
from pictell.models import toml_table
from pictell.models.labels import read_labels, to_text
from pictell.models.toml_table import Document, Table
from pictell.types import (
    Activation,
    Attachment,
    Channels,
    Interpolation,
    Label,
    Layout,
    ModelSpec,
    PreprocessSpec,
    ResizeMode,
    Weights,
    WeightsFormat,
)

SPEC_FILE = "model.toml"
LABELS_FILE = "labels.tsv"
TAXONOMY_FILE = "taxonomy.tsv"
CALIBRATION_FILE = "calibration.toml"
GOLDEN_FILE = "golden.toml"
# What the files of weights cannot be called.
TAKEN = {SPEC_FILE, LABELS_FILE, TAXONOMY_FILE, CALIBRATION_FILE, GOLDEN_FILE}
TABLES = {"model", "input", "output"}
MAX_TEXT_BYTES = 16 * 1024 * 1024


def read_model_folder(folder: Path) -> ModelSpec:
    """Read all that is in a model's folder, but not the weights. Raises ``InvalidModelError``."""
    text = read_attachment(folder / SPEC_FILE).text
    spec = read_spec(Document(text, SPEC_FILE, TABLES), folder)
    fitted = folder / CALIBRATION_FILE
    return replace(spec, calibration=read_attachment(fitted)) if fitted.exists() else spec


def read_attachment(path: Path) -> Attachment:
    """A text in a model's folder: UTF-8, with or without its mark. Raises ``InvalidModelError``."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise InvalidModelError(f"{path.name} is no regular file")
        if found.st_size > MAX_TEXT_BYTES:
            raise InvalidModelError(f"{path.name} is longer than {MAX_TEXT_BYTES >> 20} MiB")
        return Attachment(path.name, path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InvalidModelError(f"{path.name} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InvalidModelError(f"{path.name} is no text in UTF-8") from error


def read_spec(
    document: Document, folder: Path, labels: tuple[Label, ...] | None = None
) -> ModelSpec:
    """The spec that a ``model.toml`` states, with the labels and the taxonomy in its folder.

    Where ``labels`` are given nothing in the folder is read. Raises ``InvalidModelError``.
    """
    model, image, output = map(document.table, ("model", "input", "output"))
    labels_file = folder / model.take_file_name("labels")
    taxonomy = folder / model.take_file_name("taxonomy") if "taxonomy" in model else None
    spec = ModelSpec(
        name=model.take("name", str),
        format=model.take_one_of("format", get_args(WeightsFormat)),
        weights=folder / model.take_file_name("weights"),
        external_data=_names(model, "external_data") if "external_data" in model else (),
        sha256=model.take("sha256", str),
        licence=model.take("licence", str),
        source=model.take("source", str),
        top1_accuracy=model.take_fraction("top1_accuracy") if "top1_accuracy" in model else None,
        labels=labels or read_labels(labels_file),
        taxonomy=read_attachment(taxonomy) if taxonomy and not labels else None,
        input_name=image.take("name", str),
        preprocess=_read_preprocess(image),
        output_name=output.take("name", str),
        activation=output.take_one_of("activation", get_args(Activation)),
        embedding=output.take_text_if_there("embedding"),
        feature_map=output.take_text_if_there("feature_map"),
    )
    for table in (model, image, output):
        table.close()
    return spec


def read_weights(spec: ModelSpec) -> Weights:
    """The model's files, their checksum verified, and safe to run.

    Raises ``InvalidModelError`` or ``UnsafeModelError``.
    """
    files = read_files(spec.weights, spec.external_data)
    if checksum(files) != spec.sha256:
        raise InvalidModelError(
            f"{spec.weights.name} is not the file that {SPEC_FILE} names: its SHA-256 differs"
        )
    found = Weights(spec.format, files)
    # The package's own models are trusted as its code is; reading their graphs would take time.
    if not spec.weights.is_relative_to(Path(__file__).parent):
        check_safe(found)
    return found


def create_model_folder(folder: Path, spec: ModelSpec, content: Weights) -> None:
    """Make a new model folder: whole, or not at all. Raises ``StoreError``."""
    if os.path.lexists(folder):
        raise StoreError(f"{folder} is already there: name a new folder")
    try:
        with new_folder(folder) as draft:
            write_model_folder(draft, spec, content)
    except OSError as error:
        raise StoreError(f"{folder} cannot be written: {error.strerror}") from error


def write_model_folder(folder: Path, spec: ModelSpec, content: Weights) -> None:
    """Write all that is known of the model, and its weights, into an empty folder.

    Golden answers, which no spec holds, are copied from the folder that the model is in.
    """
    for name, data in content.files.items():
        path = weights_path(spec, name)
        if path.parts[0] in TAKEN:
            raise InvalidModelError(f"{path.parts[0]} is no name for weights: rename the file")
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    texts = {SPEC_FILE: to_toml(spec), LABELS_FILE: to_text(spec.labels)}
    for name, attachment in ((TAXONOMY_FILE, spec.taxonomy), (CALIBRATION_FILE, spec.calibration)):
        if attachment is not None:
            texts[name] = attachment.text
    golden = spec.weights.with_name(GOLDEN_FILE)
    if golden.is_file() and golden.with_name(SPEC_FILE).is_file():
        texts[GOLDEN_FILE] = read_attachment(golden).text
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def weights_path(spec: ModelSpec, name: str) -> Path:
    """Where a file of the weights lies, relative to the model's folder."""
    return Path(spec.weights.name, name) if spec.format == "saved-model" else Path(name)


def to_toml(spec: ModelSpec) -> str:
    """The ``model.toml`` that ``read_spec`` reads back as ``spec``."""
    return toml_table.to_text(
        {"model": _model_table(spec), "input": _input_table(spec), "output": _outputs(spec)}
    )


def _model_table(spec: ModelSpec) -> dict[str, object]:
    return {
        "name": spec.name,
        "format": spec.format,
        "weights": spec.weights.name,
        "external_data": list(spec.external_data) or None,
        "sha256": spec.sha256,
        "labels": LABELS_FILE,
        "taxonomy": spec.taxonomy and TAXONOMY_FILE,
        "licence": spec.licence,
        "source": spec.source,
        "top1_accuracy": spec.top1_accuracy,
    }


def _input_table(spec: ModelSpec) -> dict[str, object]:
    image = spec.preprocess
    return {
        "name": spec.input_name,
        "layout": image.layout,
        "channels": image.channels,
        "dtype": "uint8" if image.mean is None else "float32",
        "mean": image.mean and list(image.mean),
        "std": image.std and list(image.std),
        "width": image.width,
        "height": image.height,
        "resize_mode": image.resize_mode,
        "crop_fraction": image.crop_fraction,
        "interpolation": image.interpolation,
    }


def _outputs(spec: ModelSpec) -> dict[str, object]:
    return {
        "name": spec.output_name,
        "activation": spec.activation,
        "embedding": spec.embedding,
        "feature_map": spec.feature_map,
    }


def _read_preprocess(table: Table) -> PreprocessSpec:
    normalised = table.take_one_of("dtype", ("uint8", "float32")) == "float32"
    return PreprocessSpec(
        width=table.take_positive("width"),
        height=table.take_positive("height"),
        resize_mode=table.take_one_of("resize_mode", get_args(ResizeMode)),
        crop_fraction=table.take_fraction("crop_fraction"),
        interpolation=table.take_one_of("interpolation", get_args(Interpolation)),
        layout=table.take_one_of("layout", get_args(Layout)),
        channels=table.take_one_of("channels", get_args(Channels)),
        mean=table.take_colour("mean") if normalised else None,
        std=_std(table) if normalised else None,
    )


def _std(table: Table) -> tuple[float, float, float]:
    std = table.take_colour("std")
    if min(std) <= 0:
        raise table.error("std", "must be above 0")
    return std


def _names(table: Table, key: str) -> tuple[str, ...]:
    value = table.take(key, list)
    if not all(isinstance(name, str) for name in value):
        raise table.error(key, "must be file names")
    return tuple(value)
