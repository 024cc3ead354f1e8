"""All that can be told of a model without running it: for ``pictell inspect``."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pictell.errors import InvalidModelError, UnsafeModelError
from pictell.inspection import check_safe, checksum, inspect_weights, read_files
from pictell.models import bare, single_file
from pictell.models.folder import SPEC_FILE, read_model_folder, to_toml
from pictell.models.guess import guess
from pictell.models.store import catalog
from pictell.options import ModelOptions
from pictell.types import Inspection, Label, ModelSpec, PreprocessSpec, Weights


@dataclass(frozen=True, slots=True)
class Examination:
    """What is in a model's files and known of them.

    ``known_as``: its name in the catalogue. ``refusal``: why it is not run, if so.
    ``spec`` or, where something is still to be options, ``missing``. ``preprocessing`` says how
    pictures are fed, from where that is known and how sure it is. ``toml`` is a ``model.toml``,
    with what was guessed marked so; empty where too little is known.
    """

    path: Path
    content: Weights
    sha256: str
    inspection: Inspection
    known_as: str | None
    refusal: str | None
    spec: ModelSpec | None
    missing: str | None
    preprocessing: str
    toml: str

    @property
    def size_bytes(self) -> int:
        """The size of all files."""
        return sum(map(len, self.content.files.values()))

    def ready_spec(self) -> ModelSpec:
        """The spec of a model that is safe and complete. Raises the error that says why not."""
        if self.refusal is not None:
            raise UnsafeModelError(self.refusal)
        if self.spec is None:
            raise InvalidModelError(self.missing or "")
        return self.spec


def examine(path: Path, options: ModelOptions) -> Examination:
    """Look into a bare file, a SavedModel's folder or a model folder.

    Raises ``InvalidModelError`` or ``UnsafeModelError`` for what is no model, ``UsageError`` for
    what cannot be options.
    """
    # A name for '.', too.
    path = Path(os.path.abspath(path))  # noqa: PTH100
    with bare.prefix_file_name(path):
        return _examine(path, options)


def _examine(path: Path, options: ModelOptions) -> Examination:
    if (path / SPEC_FILE).is_file():
        bare.refuse_options(path.name, options)
        spec = read_model_folder(path)
        content = Weights(spec.format, read_files(spec.weights, spec.external_data))
        sha256 = checksum(content.files)
        if sha256 != spec.sha256:
            raise InvalidModelError(f"{spec.weights.name} is not the file that {SPEC_FILE} names")
        return _examination(path, content, sha256, inspect_weights(content), _told(spec, SPEC_FILE))
    content = bare.read_unchecked(path)
    sha256 = checksum(content.files)
    row = catalog.by_checksum(sha256)
    known = bare.all_options(options, row)
    inspection = inspect_weights(content, [known.output_name] if known.output_name else [])
    if single_file.carries_spec(inspection):
        bare.refuse_options(path.name, options)
        spec = single_file.read_spec_of(path, content, inspection)
        findings = _told(spec, "the file's own metadata")
        return _examination(path, content, sha256, inspection, findings)

    def assemble(known: ModelOptions, read: Callable[[], tuple[Label, ...]]) -> ModelSpec:
        return bare.assemble(path, content, sha256, inspection, known, row, read)

    findings = _find_out(assemble, options, row, inspection)
    return _examination(path, content, sha256, inspection, findings)


@dataclass(frozen=True, slots=True)
class _Findings:
    """The part of an ``Examination`` that is about preprocessing and labels."""

    spec: ModelSpec | None
    missing: str | None
    preprocessing: str
    toml: str


def _told(spec: ModelSpec, source: str) -> _Findings:
    return _Findings(
        spec, None, f"{preprocess_text(spec.preprocess)}; stated in {source}", to_toml(spec)
    )


def _find_out(
    assemble: Callable[[ModelOptions, Callable[[], tuple[Label, ...]]], ModelSpec],
    options: ModelOptions,
    row: catalog.Row | None,
    inspection: Inspection,
) -> _Findings:
    """As much of a spec as what is options, known and, if need be, guessed makes."""
    known = bare.all_options(options, row)
    spec, missing = _attempt(lambda: assemble(known, lambda: bare.the_labels(known)))
    draft, _ = _attempt(lambda: assemble(known, lambda: bare.NO_LABELS))
    if draft is not None:
        text = f"{preprocess_text(draft.preprocess)}; {_origin(options, row)}"
        return _Findings(spec, missing, text, to_toml(draft))
    guessed = guess(inspection)
    if guessed is None:
        return _Findings(None, missing, "not known: nothing in the file tells", "")
    probable = bare.all_options(replace(options, preset=guessed.preset), row)
    draft, _ = _attempt(lambda: assemble(probable, lambda: bare.NO_LABELS))
    return _Findings(
        None,
        missing,
        f"{guessed.sure} the preset {guessed.preset}: {guessed.reason}; give it if it is so",
        f"# [input] is guessed: {guessed.sure} the preset {guessed.preset}\n{to_toml(draft)}"
        if draft
        else "",
    )


def _attempt(make: Callable[[], ModelSpec]) -> tuple[ModelSpec | None, str | None]:
    """What ``make`` gives, or what is missing for it."""
    try:
        return make(), None
    except InvalidModelError as error:
        return None, str(error)


def _origin(options: ModelOptions, row: catalog.Row | None) -> str:
    if options.preset is not None or options.mean is not None:
        return "stated"
    if row is not None:
        return "known from the catalogue"
    return (
        "assumed, for nothing tells: --resize-mode squash, --interpolation bilinear, --channels RGB"
    )


def _examination(
    path: Path, content: Weights, sha256: str, inspection: Inspection, findings: _Findings
) -> Examination:
    row = catalog.by_checksum(sha256)
    return Examination(
        path=path,
        content=content,
        sha256=sha256,
        inspection=inspection,
        known_as=row.name if row else None,
        refusal=_refusal(content),
        spec=findings.spec,
        missing=findings.missing,
        preprocessing=findings.preprocessing,
        toml=findings.toml,
    )


def preprocess_text(spec: PreprocessSpec) -> str:
    """A recipe in one line of words."""
    part = f"{spec.resize_mode} {spec.crop_fraction:.4g}"
    values = (
        "bytes as they are"
        if spec.mean is None or spec.std is None
        else f"(x - {_colour(spec.mean)}) / {_colour(spec.std)}"
    )
    return (
        f"{part} to {spec.width} x {spec.height}, {spec.interpolation}, "
        f"{values}, {spec.channels}, {spec.layout}"
    )


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
