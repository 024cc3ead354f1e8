"""A model's folder (``model.toml``, weights, labels) becomes a ``ModelSpec``.

Nothing is guessed: what the model needs and the file does not state is an error that says what
to state.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from pictell import weights
from pictell.errors import InvalidModelError
from pictell.types import (
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
TABLES = {"model", "input", "output"}


class Table:
    """One table of ``model.toml``, read key by key; what is left over was misspelled."""

    def __init__(self, document: Mapping[str, Any], name: str) -> None:
        self.name = name
        content = document.get(name)
        if not isinstance(content, dict):
            raise InvalidModelError(f"{SPEC_FILE}: the table [{name}] is missing")
        self.rest = dict(content)

    def take(self, key: str, kind: type | tuple[type, ...]) -> Any:
        """The value of a key that must be there. Raises ``InvalidModelError``."""
        if key not in self.rest:
            raise InvalidModelError(f"{SPEC_FILE}: [{self.name}] must state {key}")
        value = self.rest.pop(key)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise InvalidModelError(
                f"{SPEC_FILE}: [{self.name}] {key} has the wrong type: {value!r}"
            )
        return value

    def take_one_of(self, key: str, choices: tuple[str, ...]) -> Any:
        """The value of a key that must be one of ``choices``."""
        value = self.take(key, str)
        if value not in choices:
            raise InvalidModelError(
                f"{SPEC_FILE}: [{self.name}] {key} is {value!r}, "
                f"it must be one of {', '.join(choices)}"
            )
        return value

    def take_if_there(self, key: str) -> str | None:
        """The text of a key that may be missing."""
        return self.take(key, str) if key in self.rest else None

    def close(self) -> None:
        """Refuse keys that nobody asked for."""
        if self.rest:
            unknown = ", ".join(self.rest)
            raise InvalidModelError(f"{SPEC_FILE}: [{self.name}] has unknown keys: {unknown}")


def read_model_folder(folder: Path) -> ModelSpec:
    """Read ``model.toml`` and the labels, but not the weights. Raises ``InvalidModelError``."""
    document = _read_toml(folder / SPEC_FILE)
    model, image, output = (Table(document, name) for name in ("model", "input", "output"))
    spec = ModelSpec(
        name=model.take("name", str),
        format=model.take_one_of("format", get_args(WeightsFormat)),
        weights=folder / model.take("weights", str),
        sha256=model.take("sha256", str),
        licence=model.take("licence", str),
        source=model.take("source", str),
        labels=read_labels(folder / model.take("labels", str)),
        input_name=image.take("name", str),
        preprocess=_read_preprocess(image),
        logits=output.take("logits", str),
        activation=output.take_one_of("activation", ("softmax", "none")),
        embedding=output.take_if_there("embedding"),
        feature_map=output.take_if_there("feature_map"),
    )
    for table in (model, image, output):
        table.close()
    return spec


def read_labels(path: Path) -> tuple[Label, ...]:
    """One label a line; after tabs, if known, its WordNet id and its synonyms (comma-separated)."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InvalidModelError(f"the labels cannot be read: {error}") from error
    labels = []
    # read_text has made every line end a \n; splitlines would see more of them than people do.
    for line in text.removesuffix("\n").split("\n") if text else []:
        name, _, rest = line.partition("\t")
        synset, _, synonyms = rest.partition("\t")
        labels.append(Label(name, synset or None, tuple(synonyms.split(", ")) if synonyms else ()))
    return tuple(labels)


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


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidModelError(f"{SPEC_FILE} cannot be read: {error}") from error
    unknown = document.keys() - TABLES
    if unknown:
        raise InvalidModelError(f"{SPEC_FILE}: unknown tables: {', '.join(sorted(unknown))}")
    return document


def _read_preprocess(table: Table) -> PreprocessSpec:
    crops = table.take_one_of("resize", ("crop", "squash")) == "crop"
    normalised = table.take_one_of("dtype", ("uint8", "float32")) == "float32"
    return PreprocessSpec(
        width=_positive(table, "width"),
        height=_positive(table, "height"),
        crop_fraction=_crop_fraction(table) if crops else None,
        interpolation=table.take_one_of("interpolation", get_args(Interpolation)),
        layout=table.take_one_of("layout", get_args(Layout)),
        channels=table.take_one_of("channels", get_args(Channels)),
        mean=_three_numbers(table, "mean") if normalised else None,
        std=_std(table) if normalised else None,
    )


def _positive(table: Table, key: str) -> int:
    value: int = table.take(key, int)
    if value < 1:
        raise InvalidModelError(f"{SPEC_FILE}: [{table.name}] {key} must be 1 or more")
    return value


def _crop_fraction(table: Table) -> float:
    value = float(table.take("crop_fraction", (int, float)))
    if not 0 < value <= 1:
        raise InvalidModelError(f"{SPEC_FILE}: [{table.name}] crop_fraction must be in (0, 1]")
    return value


def _three_numbers(table: Table, key: str) -> tuple[float, float, float]:
    value = table.take(key, list)
    if len(value) != 3 or not all(map(_is_number, value)):
        raise InvalidModelError(
            f"{SPEC_FILE}: [{table.name}] {key} must be three numbers, "
            "for R, G and B on the 0..255 scale"
        )
    red, green, blue = map(float, value)
    return (red, green, blue)


def _std(table: Table) -> tuple[float, float, float]:
    std = _three_numbers(table, "std")
    if min(std) <= 0:
        raise InvalidModelError(f"{SPEC_FILE}: [{table.name}] std must be above 0")
    return std


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
