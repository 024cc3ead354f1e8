"""A model's folder (``model.toml``, weights, labels) becomes a ``ModelSpec``, and back.

Nothing is guessed: what the model needs and the file does not state is an error that says what
to state.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import get_args

from pictell import weights
from pictell.errors import InvalidModelError, StoreError
from pictell.models.labels import read_labels, to_text
from pictell.models.toml_table import Document, Table
from pictell.types import (
    Activation,
    Channels,
    Interpolation,
    Label,
    Layout,
    ModelSpec,
    PreprocessSpec,
    Weights,
    WeightsFormat,
)

SPEC_FILE = "model.toml"
LABELS_FILE = "labels.tsv"
GOLDEN_FILE = "golden.toml"
TRUST_FILE = "trust.toml"
# Files that a model's folder may hold besides, and that go where the model goes.
COMPANIONS = (GOLDEN_FILE, TRUST_FILE)
TABLES = {"model", "input", "output"}


def read_model_folder(folder: Path) -> ModelSpec:
    """Read ``model.toml`` and the labels, but not the weights. Raises ``InvalidModelError``."""
    try:
        text = (folder / SPEC_FILE).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InvalidModelError(f"{SPEC_FILE} cannot be read: {error}") from error
    return read_spec(Document(text, SPEC_FILE, TABLES), folder)


def read_spec(
    document: Document, folder: Path, labels: tuple[Label, ...] | None = None
) -> ModelSpec:
    """The spec that a ``model.toml`` states, with ``labels`` instead of those in its file.

    Raises ``InvalidModelError``.
    """
    model, image, output = map(document.table, ("model", "input", "output"))
    labels_file = folder / model.take_file_name("labels")
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
        taxonomy=folder / model.take_file_name("taxonomy") if "taxonomy" in model else None,
        input_name=image.take("name", str),
        preprocess=_read_preprocess(image),
        logits=output.take("logits", str),
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
    files = weights.read_files(spec.weights, spec.external_data)
    if weights.checksum(files) != spec.sha256:
        raise InvalidModelError(
            f"{spec.weights.name} is not the file that {SPEC_FILE} names: its SHA-256 differs"
        )
    found = Weights(spec.format, files)
    # The package's own models are trusted as its code is; reading their graphs would take time.
    if not spec.weights.is_relative_to(Path(__file__).parent):
        weights.check(found)
    return found


def create_model_folder(folder: Path, spec: ModelSpec, content: Weights) -> None:
    """Make a new model folder: whole, or not at all. Raises ``StoreError``."""
    if os.path.lexists(folder):
        raise StoreError(f"{folder} is already there: name a new folder")
    draft = folder.with_name(f".{folder.name}.incoming-{os.getpid()}")
    try:
        draft.mkdir(parents=True)
        write_model_folder(draft, spec, content)
        draft.rename(folder)
    except OSError as error:
        raise StoreError(f"{folder} cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def write_model_folder(folder: Path, spec: ModelSpec, content: Weights) -> None:
    """Write ``model.toml``, labels, taxonomy, weights and companions into an empty folder."""
    for name, data in content.files.items():
        path = folder / weights_path(spec, name)
        if path.name in {SPEC_FILE, LABELS_FILE, *COMPANIONS}:
            raise InvalidModelError(f"{path.name} is no name for weights: rename the file")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (folder / LABELS_FILE).write_text(to_text(spec.labels), encoding="utf-8", newline="\n")
    if spec.taxonomy is not None:
        shutil.copyfile(spec.taxonomy, folder / spec.taxonomy.name)
    (folder / SPEC_FILE).write_text(to_toml(spec), encoding="utf-8", newline="\n")
    if spec.weights.with_name(SPEC_FILE).is_file():
        for companion in map(spec.weights.with_name, COMPANIONS):
            if companion.is_file():
                shutil.copyfile(companion, folder / companion.name)


def weights_path(spec: ModelSpec, name: str) -> Path:
    """Where a file of the weights lies, relative to the model's folder."""
    return Path(spec.weights.name, name) if spec.format == "saved-model" else Path(name)


def to_toml(spec: ModelSpec) -> str:
    """The ``model.toml`` that ``read_spec`` reads back as ``spec``."""
    tables = {"model": _model_table(spec), "input": _input_table(spec), "output": _outputs(spec)}
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in _known(table))
        for name, table in tables.items()
    )


def _model_table(spec: ModelSpec) -> dict[str, object]:
    return {
        "name": spec.name,
        "format": spec.format,
        "weights": spec.weights.name,
        "external_data": list(spec.external_data) or None,
        "sha256": spec.sha256,
        "labels": LABELS_FILE,
        "taxonomy": spec.taxonomy and spec.taxonomy.name,
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
        "resize": "squash" if image.crop_fraction is None else "crop",
        "crop_fraction": image.crop_fraction,
        "interpolation": image.interpolation,
    }


def _outputs(spec: ModelSpec) -> dict[str, object]:
    return {
        "logits": spec.logits,
        "activation": spec.activation,
        "embedding": spec.embedding,
        "feature_map": spec.feature_map,
    }


def _known(table: dict[str, object]) -> list[tuple[str, object]]:
    return [(key, value) for key, value in table.items() if value is not None]


def _toml(value: object) -> str:
    # Text, numbers and lists of them are written alike in JSON and TOML, but for DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _read_preprocess(table: Table) -> PreprocessSpec:
    crops = table.take_one_of("resize", ("crop", "squash")) == "crop"
    normalised = table.take_one_of("dtype", ("uint8", "float32")) == "float32"
    return PreprocessSpec(
        width=table.take_positive("width"),
        height=table.take_positive("height"),
        crop_fraction=table.take_fraction("crop_fraction") if crops else None,
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
