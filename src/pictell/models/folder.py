"""The folder of a model (``model.toml``, weights, labels) becomes a ``ModelSpec``, and back.

Keys have no defaults: a missing one is an error that names it.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import get_args

from pictell.errors import InvalidModelError, StoreError
from pictell.files import TextFileError, new_folder, read_text, write_file
from pictell.inspection import check_safe, checksum, read_files
from pictell.models import toml_table
from pictell.models.labels import read_labels, to_text
from pictell.models.presets import is_raw
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
# Names that no file of the weights can have.
RESERVED = {SPEC_FILE, LABELS_FILE, TAXONOMY_FILE, CALIBRATION_FILE, GOLDEN_FILE}
TABLES = {"model", "input", "output"}
# The weights in the package are trusted like its code: checking them would slow down each start.
BUILT_IN_SHA256 = {"0869e45c5348435927a6ef6d652b75b16e5445cce0d72ca2666fb96196152c4d"}
Colour = tuple[float, float, float]


def read_model_folder(folder: Path) -> ModelSpec:
    """Everything in the folder of a model but the weights. Raises ``InvalidModelError``."""
    text = read_attachment(folder / SPEC_FILE).text
    spec = read_spec(Document(text, SPEC_FILE, TABLES), folder)
    fitted = folder / CALIBRATION_FILE
    return replace(spec, calibration=read_attachment(fitted)) if fitted.exists() else spec


def read_attachment(path: Path) -> Attachment:
    """A text file in the folder of a model. Raises ``InvalidModelError``."""
    try:
        return Attachment(path.name, read_text(path))
    except TextFileError as error:
        raise InvalidModelError(f"{path.name} {error}") from error


def read_spec(
    document: Document, folder: Path, labels: tuple[Label, ...] | None = None
) -> ModelSpec:
    """The spec in a ``model.toml``, with the labels and the taxonomy in its folder.

    If ``labels`` are given, nothing in the folder is read. Raises ``InvalidModelError``.
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
        embedding=output.take_optional_text("embedding"),
        feature_map=output.take_optional_text("feature_map"),
    )
    for table in (model, image, output):
        table.close()
    return spec


def read_weights(spec: ModelSpec) -> Weights:
    """The model's files, with the right checksum and safe to run.

    Raises ``InvalidModelError`` or ``UnsafeModelError``.
    """
    found = Weights(spec.format, read_files(spec.weights, spec.external_data))
    check_checksum(spec, found)
    if spec.sha256 not in BUILT_IN_SHA256:
        check_safe(found)
    return found


def check_checksum(spec: ModelSpec, content: Weights) -> None:
    """Raise ``InvalidModelError`` if these are not the weights that the spec is for."""
    if checksum(content.files) != spec.sha256:
        raise InvalidModelError(
            f"the SHA-256 of {spec.weights.name} is not the one in {SPEC_FILE}: it is another file"
        )


def create_model_folder(folder: Path, spec: ModelSpec, content: Weights) -> None:
    """Make a new model folder: whole, or not at all. Raises ``StoreError``."""
    if os.path.lexists(folder):
        raise StoreError(f"{folder} exists already: name a new folder")
    try:
        with new_folder(folder) as draft:
            write_model_folder(draft, spec, content)
    except OSError as error:
        raise StoreError(f"{folder} cannot be written: {error.strerror}") from error


def write_model_folder(folder: Path, spec: ModelSpec, content: Weights) -> None:
    """Write the spec and the weights into an empty folder.

    Golden answers are not part of a spec; they are copied from the folder of the weights.
    """
    for name, data in content.files.items():
        path = weights_path(spec, name)
        if path.parts[0] in RESERVED:
            raise InvalidModelError(f"weights cannot be named {path.parts[0]}: rename the file")
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


def write_text(path: Path, text: str) -> None:
    """Write a file of a model: whole, or not at all. Raises ``StoreError``."""
    try:
        write_file(path, text.encode())
    except OSError as error:
        raise StoreError(f"{path.name} cannot be written: {error.strerror}") from error


def weights_path(spec: ModelSpec, name: str) -> Path:
    """The path of a file of the weights, relative to the model's folder."""
    return Path(spec.weights.name, name) if spec.format == "saved-model" else Path(name)


def to_toml(spec: ModelSpec) -> str:
    """The ``model.toml`` that ``read_spec`` reads back as ``spec``."""
    model = {
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
    output = {
        "name": spec.output_name,
        "activation": spec.activation,
        "embedding": spec.embedding,
        "feature_map": spec.feature_map,
    }
    return toml_table.to_text({"model": model, "input": _input_table(spec), "output": output})


def _input_table(spec: ModelSpec) -> dict[str, object]:
    image = spec.preprocess
    raw = is_raw(image.mean, image.std)
    return {
        "name": spec.input_name,
        "layout": image.layout,
        "channels": image.channels,
        "dtype": "uint8" if image.mean is None else "float32",
        "normalise": "none" if raw else None,
        "mean": None if raw else image.mean and list(image.mean),
        "std": None if raw else image.std and list(image.std),
        "width": image.width,
        "height": image.height,
        "resize_mode": image.resize_mode,
        "crop_fraction": image.crop_fraction,
        "interpolation": image.interpolation,
    }


def _read_preprocess(table: Table) -> PreprocessSpec:
    mean, std = _read_mean_and_std(table)
    values = {
        "width": table.take_positive("width"),
        "height": table.take_positive("height"),
        "resize_mode": table.take_one_of("resize_mode", get_args(ResizeMode)),
        "crop_fraction": table.take_fraction("crop_fraction"),
        "interpolation": table.take_one_of("interpolation", get_args(Interpolation)),
        "layout": table.take_one_of("layout", get_args(Layout)),
        "channels": table.take_one_of("channels", get_args(Channels)),
    }
    try:
        return PreprocessSpec(**values, mean=mean, std=std)
    except InvalidModelError as error:
        raise table.error(None, str(error)) from error


def _read_mean_and_std(table: Table) -> tuple[Colour | None, Colour | None]:
    if table.take_one_of("dtype", ("uint8", "float32")) == "uint8":
        return None, None
    if "normalise" in table:
        table.take_one_of("normalise", ("none",))
        return (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    mean, std = table.take_colour("mean"), table.take_colour("std")
    if is_raw(mean, std):
        raise table.error(
            "std",
            "is ambiguous with mean 0: write std = [255, 255, 255] for pixels in 0..1, or "
            'normalise = "none" instead of mean and std for pixels in 0..255',
        )
    return mean, std


def _names(table: Table, key: str) -> tuple[str, ...]:
    value = table.take(key, list)
    if not all(isinstance(name, str) for name in value):
        raise table.error(key, "must be file names")
    return tuple(value)
