"""What the files of a model state about its use, in any of the forms that other tools write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pictell.models.presets import merge_options
from pictell.options import ModelOptions
from pictell.types import Label


@dataclass(frozen=True, slots=True)
class Stated:
    """What a model's files state.

    ``origin`` names the form, such as ``the TFLite metadata``. ``options`` has the preprocessing
    and the names of tensors; what is not stated is ``None``. ``labels`` are those of the classes,
    in the order of the outputs, ``None`` if there are none. ``facts`` are other values to show,
    such as the author, by name.
    """

    origin: str
    options: ModelOptions
    labels: tuple[Label, ...] | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


def combine(first: Stated | None, second: Stated | None) -> Stated | None:
    """Both: each value from the first that has it."""
    if first is None or second is None:
        return first or second
    return Stated(
        f"{first.origin} and {second.origin}",
        merge_options(first.options, second.options),
        second.labels if first.labels is None else first.labels,
        {**second.facts, **first.facts},
    )
