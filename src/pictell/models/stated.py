"""What the files of a model state about its use, in any of the forms that other tools write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pictell.graphs import Inspection
from pictell.models.presets import merge_options
from pictell.options import ModelOptions
from pictell.types import Label

UNKNOWN = "unknown"
# Of a licence: some files have its whole text.
MAX_LICENCE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Stated:
    """What a model's files state.

    ``origin`` names the form, such as ``the TFLite metadata``. ``options`` has the preprocessing
    and the names of tensors; what is not stated is ``None``. ``labels`` are those of the classes,
    in the order of the outputs, ``None`` if there are none. ``facts`` are other values to show,
    such as the author, by name. ``problems`` has for a name of an option, such as ``labels``, why
    the file does not give it although it states something: the user has to. ``refusal`` says why
    pictell cannot use the model at all.
    """

    origin: str
    options: ModelOptions
    labels: tuple[Label, ...] | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    refusal: str | None = None

    def states(self, name: str) -> bool:
        """Whether there is a value for the option of this name."""
        value = self.labels if name == "labels" else getattr(self.options, name)
        return value is not None


def combine(first: Stated | None, second: Stated | None) -> Stated | None:
    """Both: each value from the first that has it."""
    if first is None or second is None:
        return first or second
    options = merge_options(first.options, second.options)
    labels = second.labels if first.labels is None else first.labels
    used = {
        first.origin: first.options != ModelOptions() or first.labels is not None,
        second.origin: options != first.options or labels is not first.labels,
    }
    both = Stated(
        " and ".join(origin for origin in used if used[origin]) or first.origin,
        options,
        labels,
        {**second.facts, **first.facts},
        refusal=first.refusal or second.refusal,
    )
    problems = {**second.problems, **first.problems}
    return replace(
        both, problems={name: text for name, text in problems.items() if not both.states(name)}
    )


def unread(origin: str, what: str, value: str) -> str:
    """The problem of a value that pictell does not make."""
    return f"{origin} states {what} as {value[:40]!r}, which pictell does not make"


def stated_licence(stated: Stated | None) -> str:
    """The first line of the licence that the files state."""
    lines = stated.facts.get("license", "").strip().splitlines() if stated else []
    return lines[0].strip()[:MAX_LICENCE_LENGTH] if lines else UNKNOWN


def fitted(stated: Stated, inspection: Inspection) -> Stated:
    """What is stated beside a graph, without what the graph itself already does.

    Its output may be probabilities, and an input of type uint8 takes pixels as they are.
    """
    options = stated.options
    if set(inspection.activations.values()).isdisjoint({None, "softmax"}):
        options = replace(options, activation=None)
    if all(image.dtype == "uint8" for image in inspection.inputs):
        options = replace(options, mean=None, std=None)
    return replace(stated, options=options)
