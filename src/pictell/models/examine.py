"""What can be found out about a model without running it, for ``pictell inspect``."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from pictell.errors import InvalidModelError, UnsafeModelError
from pictell.inspection import check_safe, read_files
from pictell.models import bare, single_file
from pictell.models.bare import BareModel
from pictell.models.folder import SPEC_FILE, check_checksum, read_model_folder, to_toml
from pictell.models.guess import guess
from pictell.options import ModelOptions
from pictell.types import ModelSpec, PreprocessSpec, Weights


class Findings(NamedTuple):
    """What is known of a model's preprocessing and labels.

    ``spec``, or ``missing``: what the user still has to give. ``preprocessing`` describes it, says
    where it comes from and how certain it is. ``toml`` is a ``model.toml`` in which guesses are
    marked; empty if too little is known.
    """

    spec: ModelSpec | None
    missing: str | None
    preprocessing: str
    toml: str


class Examination(NamedTuple):
    """What is in a model's files and known of them; ``refusal``: why pictell does not run it."""

    model: BareModel
    findings: Findings
    refusal: str | None

    def ready_spec(self) -> ModelSpec:
        """The spec of a model that is safe and complete. Raises the error that says why not."""
        if self.refusal is not None:
            raise UnsafeModelError(self.refusal)
        if self.findings.spec is None:
            raise InvalidModelError(self.findings.missing or "")
        return self.findings.spec


def examine(path: Path, options: ModelOptions) -> Examination:
    """Look into a bare file, the folder of a SavedModel or a model folder.

    Raises ``InvalidModelError`` or ``UnsafeModelError`` for something that is not a model, and
    ``UsageError`` for wrong options.
    """
    # The path '.' has no name, its absolute path has.
    path = Path(os.path.abspath(path))  # noqa: PTH100
    with bare.prefix_file_name(path):
        look = _examine_folder if (path / SPEC_FILE).is_file() else _examine_bare
        model, findings = look(path, options)
        return Examination(model, findings, _refusal(model.content))


def preprocess_text(spec: PreprocessSpec) -> str:
    """The preprocessing in one line."""
    box = "whole image" if spec.crop_fraction == 1 else f"central {spec.crop_fraction:.4g}"
    values = (
        "uint8"
        if spec.mean is None or spec.std is None
        else f"(x - {_colour(spec.mean)}) / {_colour(spec.std)}"
    )
    return (
        f"{spec.resize_mode} {box} to {spec.width} x {spec.height}, {spec.interpolation}, "
        f"{values}, {spec.channels}, {spec.layout}"
    )


def _examine_folder(path: Path, options: ModelOptions) -> tuple[BareModel, Findings]:
    bare.refuse_options(path.name, options)
    spec = read_model_folder(path)
    content = Weights(spec.format, read_files(spec.weights, spec.external_data))
    check_checksum(spec, content)
    return bare.inspect_bare(path, content, options), _complete(spec, SPEC_FILE)


def _examine_bare(path: Path, options: ModelOptions) -> tuple[BareModel, Findings]:
    model = bare.inspect_bare(path, bare.read_unchecked(path), options)
    if not single_file.carries_spec(model.inspection):
        return model, _find_out(model)
    bare.refuse_options(path.name, options)
    spec = single_file.read_spec_of(path, model.content, model.inspection)
    return model, _complete(spec, "the file's metadata")


def _complete(spec: ModelSpec, origin: str) -> Findings:
    return Findings(spec, None, f"{preprocess_text(spec.preprocess)}; from {origin}", to_toml(spec))


def _find_out(model: BareModel) -> Findings:
    """The spec, or as much of it as the options, the catalogue and a guess give."""
    spec, missing = _attempt(model)
    draft = spec or _attempt(model, count_labels=False)[0]
    if draft is not None:
        text = f"{preprocess_text(draft.preprocess)}; {_origin(model)}"
        return Findings(spec, missing, text, to_toml(draft))
    guessed = guess(model.inspection)
    if guessed is None:
        return Findings(None, missing, "unknown: nothing in the file hints at it", "")
    options = replace(model.options, preset=guessed.preset)
    draft, _ = _attempt(replace(model, options=options), count_labels=False)
    name = f"{guessed.sure} the preset {guessed.preset}"
    return Findings(
        None,
        missing,
        f"{name}: {guessed.reason}; give --preset {guessed.preset} if that is right",
        f"# [input] is a guess: {name}\n{to_toml(draft)}" if draft else "",
    )


def _attempt(model: BareModel, *, count_labels: bool = True) -> tuple[ModelSpec | None, str | None]:
    """The spec, or what is missing for it."""
    try:
        return bare.assemble(model, count_labels=count_labels), None
    except InvalidModelError as error:
        return None, str(error)


def _origin(model: BareModel) -> str:
    if model.options.preset is not None or model.options.mean is not None:
        return "from the options"
    if model.row is not None:
        return "from the catalogue"
    return "resize mode, interpolation and channels are defaults: nothing in the file shows them"


def _refusal(content: Weights) -> str | None:
    try:
        check_safe(content)
    except (InvalidModelError, UnsafeModelError) as error:
        return str(error)
    return None


def _colour(values: tuple[float, float, float]) -> str:
    if len(set(values)) == 1:
        return f"{values[0]:g}"
    return f"({', '.join(f'{value:g}' for value in values)})"
