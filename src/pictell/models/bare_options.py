"""The options of a bare file: the user's, completed by what is known of the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pictell.errors import InvalidModelError, UsageError
from pictell.models.presets import PRESETS, is_raw, merge_options
from pictell.models.stated import Stated
from pictell.models.store import catalog
from pictell.options import ModelOptions

DEFAULTS = ModelOptions(
    resize_mode="squash",
    crop_fraction=1.0,
    interpolation="bilinear",
    background=False,
    unlabelled=0,
)
DEFAULT_NAMES = frozenset(
    name for name in ModelOptions.__slots__ if getattr(DEFAULTS, name) is not None
)
RESCALES = "a model that rescales inside, such as Keras with a Rescaling layer"


def check_stated(stated: Stated | None, options: ModelOptions) -> None:
    """Raise ``InvalidModelError`` for what the file states, is needed and cannot be used.

    ``options`` are all options.
    """
    problems = stated.problems if stated else {}
    needed = [text for name, text in problems.items() if getattr(options, name) is None]
    if needed:
        raise InvalidModelError("; ".join(dict.fromkeys(needed)))


def refuse_options(name: str, options: ModelOptions) -> None:
    """Raise ``UsageError`` if the user overrides values of a model that has them all."""
    if options != ModelOptions():
        raise UsageError(
            f"{name} has its own labels and preprocessing: --labels, --preset and the like are "
            "only for bare files"
        )


def all_options(
    options: ModelOptions, row: catalog.Row | None, stated: Stated | None
) -> ModelOptions:
    """The user's options, completed by the preset, the catalogue, the file and the defaults.

    Raises ``UsageError``.
    """
    if options.preset is not None and options.preset not in PRESETS:
        raise UsageError(f"unknown preset {options.preset!r}: give one of {', '.join(PRESETS)}")
    if is_raw(options.mean, options.std):
        raise UsageError(
            "mean 0 and std 1 are ambiguous: give the preset unit for pixels in 0..1, or raw for "
            f"pixels in 0..255 ({RESCALES})"
        )
    preset = PRESETS[options.preset] if options.preset else ModelOptions()
    published = row.options if row else ModelOptions()
    in_file = stated.options if stated else ModelOptions()
    modes = [one.resize_mode for one in (options, preset, published, in_file)]
    if options.crop_fraction is not None and not any(modes):
        raise UsageError("crop_fraction needs a resize mode: give --resize-mode crop or squash")
    if options.labels is not None:
        # Always a path, even if it is called like the catalogue's word for pictell's own labels.
        # The background of the published labels does not apply to other labels.
        options = replace(options, labels=Path(options.labels))
        published = replace(published, background=None)
    if options.output_name not in (None, published.output_name, f"{published.output_name}:0"):
        published = replace(published, activation=None)
    # A default does not stand for a value that the file states and pictell cannot use.
    no_default = DEFAULT_NAMES.intersection(stated.problems if stated else ())
    defaults = replace(DEFAULTS, **dict.fromkeys(no_default))
    return merge_options(options, preset, published, in_file, defaults)
