"""The folder of a model (``model.toml``, weights, labels) becomes a ``ModelSpec``, and back."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal

from msgspec import Meta, field
from msgspec.structs import asdict

from pictell.errors import InvalidModelError, StoreError
from pictell.files import TextFileError, new_folder, os_reason, read_text, write_file
from pictell.graphs import Weights
from pictell.inspection import OneFile, check_safe, checksum, read_files
from pictell.inspection.fit import check_model
from pictell.models import toml
from pictell.models.labels import read_labels, to_text
from pictell.models.presets import is_raw
from pictell.options import MAX_MEAN_OR_STD
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
    WeightsFormat,
)

SPEC_FILE = "model.toml"
LABELS_FILE = "labels.tsv"
TAXONOMY_FILE = "taxonomy.tsv"
CALIBRATION_FILE = "calibration.toml"
GOLDEN_FILE = "golden.toml"
# Names that no file of the weights can have.
RESERVED = {SPEC_FILE, LABELS_FILE, TAXONOMY_FILE, CALIBRATION_FILE, GOLDEN_FILE}
# The models in the package, by name.
BUILT_IN = {"default": Path(__file__).parent / "default"}
Value = Annotated[float, Meta(ge=-MAX_MEAN_OR_STD, le=MAX_MEAN_OR_STD)]


class ModelTable(toml.Table, frozen=True, kw_only=True):
    """``[model]`` of a ``model.toml``."""

    name: str
    format: WeightsFormat
    weights: str
    external_data: tuple[str, ...] = ()
    sha256: str
    labels: str
    taxonomy: str | None = None
    licence: str
    source: str
    top1_accuracy: Annotated[float, Meta(gt=0, le=1)] | None = None

    def __post_init__(self) -> None:
        """Raises ``ValueError`` for the name of a file that leads out of the folder."""
        for key in ("weights", "labels", "taxonomy"):
            name = getattr(self, key)
            if name is None:
                continue
            if PurePath(name).name != name or name in {"", ".."}:
                raise ValueError(f"{key} must be the name of a file in the folder, not {name!r}")


class InputTable(toml.Table, frozen=True, kw_only=True):
    """``[input]`` of a ``model.toml``. ``normalise`` stands for a mean of 0 and a std of 1."""

    input_name: str = field(name="name")
    layout: Layout
    channels: Channels
    dtype: Literal["uint8", "float32"]
    normalise: Literal["none"] | None = None
    mean: tuple[Value, Value, Value] | None = None
    std: tuple[Value, Value, Value] | None = None
    width: int
    height: int
    resize_mode: ResizeMode
    crop_fraction: float
    interpolation: Interpolation

    def __post_init__(self) -> None:
        """Raises ``ValueError`` or ``InvalidModelError`` for values that do not fit together."""
        given = [key for key in ("mean", "std", "normalise") if getattr(self, key) is not None]
        if self.dtype == "uint8" and given:
            raise ValueError(f"a uint8 input takes no {given[0]}")
        if self.dtype == "float32" and given not in (["mean", "std"], ["normalise"]):
            raise ValueError('a float32 input needs mean and std, or normalise = "none"')
        if is_raw(self.mean, self.std):
            raise ValueError(
                "std is ambiguous with mean 0: write std = [255, 255, 255] for pixels in 0..1, or "
                'normalise = "none" instead of mean and std for pixels in 0..255'
            )
        self.preprocess()

    def preprocess(self) -> PreprocessSpec:
        """The table without the name. Raises ``InvalidModelError`` for a value out of range."""
        spec = PreprocessSpec(**_attributes(self, PreprocessSpec.__slots__))
        return replace(spec, mean=(0, 0, 0), std=(1, 1, 1)) if self.normalise else spec


class OutputTable(toml.Table, frozen=True):
    """``[output]`` of a ``model.toml``."""

    output_name: str = field(name="name")
    activation: Activation
    embedding: str | None = None
    feature_map: str | None = None
    familiarity: str | None = None


class SpecDocument(toml.Table, frozen=True):
    """A ``model.toml``."""

    model: ModelTable
    input: InputTable
    output: OutputTable


def absolute(path: Path) -> Path:
    """The absolute path, which ends in a name; '.' and '..' are none."""
    return path.resolve() if path.name == ".." else path.absolute()


def read_model_folder(folder: Path) -> ModelSpec:
    """Everything in the folder of a model but the weights. Raises ``InvalidModelError``."""
    spec = read_spec(read_attachment(folder / SPEC_FILE), folder)
    fitted = folder / CALIBRATION_FILE
    return replace(spec, calibration=read_attachment(fitted)) if fitted.exists() else spec


def read_attachment(path: Path) -> Attachment:
    """A text file in the folder of a model. Raises ``InvalidModelError``."""
    try:
        return Attachment(path.name, read_text(path))
    except TextFileError as error:
        raise InvalidModelError(f"{path.name} {error}") from error


def read_spec(file: Attachment, folder: Path, labels: tuple[Label, ...] | None = None) -> ModelSpec:
    """The spec in a ``model.toml``, with the labels and the taxonomy in its folder.

    If ``labels`` are given, nothing in the folder is read. Raises ``InvalidModelError``.
    """
    document = toml.parse(file.text, file.name, SpecDocument)
    model, image = document.model, document.input
    taxonomy = None if labels else model.taxonomy
    values = asdict(model) | asdict(document.output)
    values["weights"] = folder / model.weights
    values["labels"] = labels or read_labels(folder / model.labels)
    values["taxonomy"] = read_attachment(folder / taxonomy) if taxonomy else None
    return ModelSpec(**values, input_name=image.input_name, preprocess=image.preprocess())


def read_weights(spec: ModelSpec) -> Weights:
    """The model's files, with the right checksum, safe to run and as the spec says.

    Raises ``InvalidModelError`` or ``UnsafeModelError``.
    """
    found = read_unchecked_weights(spec)
    check_safe(found)
    check_model(found, spec)
    return found


def weights_to_run(spec: ModelSpec) -> Weights:
    """The model's files for a runtime: checked as ``read_weights`` does, unless it is built in.

    A model in the package is trusted like its code. To read and check it would slow down each
    start and take a tenth of its memory. Raises as ``read_weights`` does.
    """
    if spec.weights.parent in BUILT_IN.values():
        return Weights(spec.format, OneFile(spec.weights), spec.weights)
    return read_weights(spec)


def read_unchecked_weights(spec: ModelSpec) -> Weights:
    """The model's files, with the right checksum. Raises ``InvalidModelError``."""
    found = Weights(spec.format, read_files(spec.weights, spec.external_data))
    if checksum(found.files) != spec.sha256:
        raise InvalidModelError(
            f"the SHA-256 of {spec.weights.name} is not the one in {SPEC_FILE}: it is another file"
        )
    return found


def create_model_folder(folder: Path, spec: ModelSpec, content: Weights) -> None:
    """Make a new model folder: whole, or not at all. Raises ``StoreError``."""
    if os.path.lexists(folder):
        raise StoreError(f"{folder} exists already: name a new folder")
    with store_errors(f"{folder} cannot be written"), new_folder(folder) as draft:
        write_model_folder(draft, spec, content)


def write_model_folder(folder: Path, spec: ModelSpec, content: Weights) -> None:
    """Write the spec and the weights into an empty folder.

    Golden answers are not part of a spec; they are copied from the folder of the weights.
    """
    for name, data in content.files.items():
        path = Path(spec.weights.name, name) if spec.format == "saved-model" else Path(name)
        first = path.parts[0]
        if first in RESERVED or first != first.encode(errors="replace").decode():
            raise InvalidModelError(f"weights cannot be named {first}: rename the file")
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
    with store_errors(f"{path.name} cannot be written"):
        write_file(path, text.encode())


@contextmanager
def store_errors(message: str) -> Iterator[None]:
    """Turn an ``OSError`` into a ``StoreError``: the message and the reason."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"{message}: {os_reason(error)}") from error


def to_toml(spec: ModelSpec) -> str:
    """The ``model.toml`` that ``read_spec`` reads back as ``spec``."""
    model = _attributes(spec, ModelTable.__struct_fields__) | {
        "weights": spec.weights.name,
        "labels": LABELS_FILE,
        "taxonomy": spec.taxonomy and TAXONOMY_FILE,
    }
    image = spec.preprocess
    values = _attributes(image, PreprocessSpec.__slots__)
    if is_raw(image.mean, image.std):
        values |= {"normalise": "none", "mean": None, "std": None}
    document = SpecDocument(
        ModelTable(**model),
        InputTable(
            **values, input_name=spec.input_name, dtype="float32" if image.mean else "uint8"
        ),
        OutputTable(**_attributes(spec, OutputTable.__struct_fields__)),
    )
    return toml.to_text(document)


def _attributes(values: object, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(values, name) for name in names}
