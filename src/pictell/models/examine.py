"""What can be found out about a model without running it, for ``pictell inspect``."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pictell.errors import InvalidModelError, UnsafeModelError
from pictell.graphs import Weights
from pictell.inspection import check_safe
from pictell.inspection.fit import check_model
from pictell.models import bare, single_file
from pictell.models.bare import BareModel
from pictell.models.bare_options import refuse_options
from pictell.models.folder import (
    SPEC_FILE,
    absolute,
    read_model_folder,
    read_unchecked_weights,
    to_toml,
)
from pictell.models.guess import guess
from pictell.models.image_input import PREPROCESSING
from pictell.models.presets import merge_options
from pictell.models.scorer import build_scorer
from pictell.options import MIN_CONFIDENCE, ModelOptions
from pictell.types import ModelSpec, PreprocessSpec

# The keys of ``single_file``.
OWN_KEYS = "pictell."
MAX_ENTRIES, MAX_KEY, MAX_VALUE = 1000, 1000, 100_000


class Examination(NamedTuple):
    """What is in a model's files, its preprocessing and what is missing to run it.

    ``refusal`` says why pictell does not run it. ``preprocessing`` describes the preprocessing,
    where it comes from and how certain it is. ``toml`` is a ``model.toml`` in which guesses are
    marked; empty if too little is known, or if pictell refuses the model whatever its labels.
    ``spec``, or ``missing``: what the user has to give.
    """

    model: BareModel
    refusal: str | None
    preprocessing: str
    toml: str
    spec: ModelSpec | None = None
    missing: str | None = None

    @property
    def metadata(self) -> dict[str, str]:
        """What the files state, by name, without the entries that pictell itself wrote.

        Long texts are cut, and so are many entries.
        """
        stated = self.model.stated
        found = {**self.model.inspection.metadata, **(stated.facts if stated else {})}
        shown = (item for item in found.items() if not item[0].startswith(OWN_KEYS))
        return {key[:MAX_KEY]: text[:MAX_VALUE] for key, text in islice(shown, MAX_ENTRIES)}

    @property
    def taken_out(self) -> tuple[str, ...]:
        """The random operations of the training that pictell takes out of the model."""
        try:
            return bare.find_training(self.model)
        except InvalidModelError:
            return ()

    def ready_spec(self) -> ModelSpec:
        """The spec of a model that is safe and complete. Raises the error that says why not."""
        if self.refusal is not None:
            raise UnsafeModelError(self.refusal)
        if self.spec is None:
            raise InvalidModelError(self.missing or "")
        return self.spec


def examine(path: Path, options: ModelOptions) -> Examination:
    """Look into a bare file, the folder of a SavedModel or a model folder.

    Raises ``InvalidModelError`` or ``UnsafeModelError`` for something that is not a model, and
    ``UsageError`` for wrong options.
    """
    path = absolute(path)
    with bare.prefix_file_name(path):
        if not (path / SPEC_FILE).is_file():
            return _find_out(bare.inspect_bare(bare.read_unchecked(path), options))
        refuse_options(path.name, options)
        spec = read_model_folder(path)
        unchecked = bare.Unchecked(path, read_unchecked_weights(spec), None)
        model = bare.inspect_bare(unchecked, options)
        return _checked(model, spec, f"from {SPEC_FILE}")


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


def _complete(model: BareModel, spec: ModelSpec, origin: str) -> Examination:
    text = f"{preprocess_text(spec.preprocess)}; {origin}"
    refusal = _refusal(model.content)
    return Examination(model, refusal, text, "" if refusal else to_toml(spec), spec)


def _checked(model: BareModel, spec: ModelSpec, origin: str) -> Examination:
    """A spec that is stored with its model, if ``pictell.load`` takes it."""
    found = _complete(model, spec, origin)
    try:
        check_model(model.content, spec)
        build_scorer(spec, MIN_CONFIDENCE)
    except InvalidModelError as error:
        return found._replace(spec=None, missing=str(error), toml="")
    return found


def _find_out(model: BareModel) -> Examination:
    """The spec, or as much of it as the file, the options, the catalogue and a guess give."""
    if single_file.carries_spec(model.inspection):
        return _checked(model, bare.spec_of(model), "from the file's metadata")
    try:
        spec = bare.assemble(model)
        difference = bare.folder_difference(model, spec)
        return _complete(model, spec, "; ".join(filter(None, (_origin(model), difference))))
    except InvalidModelError as error:
        missing = f"{error}{bare.folder_advice(model)}"
    draft = _draft(model)
    if draft is not None:
        found = _complete(model, draft, _origin(model))
        toml = found.toml if _fits(model, draft) else ""
        return found._replace(spec=None, missing=missing, toml=toml)
    text, toml = "unknown: nothing in the file hints at it", ""
    guessed = guess(model.inspection, model.content)
    if guessed is not None:
        name = f"{guessed.sure} preset {guessed.preset}"
        text = f"{name}: {guessed.reason}; give --preset {guessed.preset} if that is right"
        draft = _draft(replace(model, options=replace(model.options, preset=guessed.preset)))
        if draft is not None and _fits(model, draft):
            toml = f"# [input] is a guess: {name}\n{to_toml(draft)}"
    refusal = _refusal(model.content)
    return Examination(model, refusal, text, "" if refusal else toml, missing=missing)


def _draft(model: BareModel) -> ModelSpec | None:
    """The spec without labels, if everything else is known."""
    try:
        return bare.assemble(model, count_labels=False)
    except InvalidModelError:
        return None


def _fits(model: BareModel, draft: ModelSpec) -> bool:
    try:
        bare.check_draft(model, draft)
    except InvalidModelError:
        return False
    return True


def _origin(model: BareModel) -> str:
    """Where the preprocessing is from, and which parts are defaults."""
    if model.options.preset is not None or model.options.mean is not None:
        return "from the options"
    if model.row is not None:
        return "from the catalogue"
    stated = model.stated.options if model.stated else ModelOptions()
    defaults = _defaults_text(merge_options(model.options, stated))
    if model.stated and any(getattr(stated, name) is not None for name in PREPROCESSING):
        return "; ".join(filter(None, (f"from {model.stated.origin}", defaults)))
    return f"{defaults}: nothing in the file shows them" if defaults else "from the options"


def _defaults_text(options: ModelOptions) -> str:
    """Which parts of the preprocessing are neither given nor stated."""
    names = [
        name.replace("_", " ")
        for name in ("resize_mode", "interpolation", "channels")
        if getattr(options, name) is None
    ]
    if len(names) < 2:
        return "".join(f"{name} is a default" for name in names)
    return f"{', '.join(names[:-1])} and {names[-1]} are defaults"


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
