"""The output of a bare model that has the scores, and the labels of its classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pictell.errors import InvalidModelError
from pictell.graphs import Inspection, TensorSpec, Weights
from pictell.inspection import inspect_weights
from pictell.inspection.scores import (
    count_classes,
    problems,
    refusal,
    scores_before,
    scores_outputs,
)
from pictell.inspection.selection import MAX_NAMES
from pictell.models.labels import IMAGENET, complete, read_labels
from pictell.models.missing import only
from pictell.models.stated import Stated
from pictell.models.store import catalog
from pictell.options import ModelOptions
from pictell.types import Activation, Label

# What a user may say of a graph that gives probabilities: its last operation is not run again.
MEANT: Mapping[Activation, tuple[Activation, ...]] = {
    "none": ("softmax",),
    "independent": ("none", "sigmoid"),
}


def check_gives_scores(content: Weights, inspection: Inspection, options: ModelOptions) -> None:
    """Raise ``InvalidModelError`` if no output can be scores, whichever the user names."""
    if not scores_outputs(inspection) and not _others(content, inspection, options):
        raise InvalidModelError(refusal(inspection))


def find_scores_output(
    content: Weights, inspection: Inspection, options: ModelOptions
) -> tuple[TensorSpec, Activation]:
    """The output and what makes probabilities of it. Raises ``InvalidModelError``."""
    outputs = scores_outputs(inspection)
    if not outputs:
        names = " or ".join(_others(content, inspection, options)[:MAX_NAMES])
        raise InvalidModelError(f"{problems(inspection)}: give --output {names}")
    output = only("output", outputs, None)
    found = inspection.activations.get(output.name)
    activation = options.activation or found
    if found is not None and activation in MEANT.get(found, ()):
        return output, found
    if found in MEANT and activation in ("softmax", "sigmoid"):
        raise InvalidModelError(
            f"the output {output.name!r} holds probabilities already: leave --activation out"
        )
    if activation is None:
        single = output.shape is not None and count_classes(output.name, output.shape) == 1
        logits = (
            "sigmoid for a logit"
            if single
            else "softmax for logits (independent or sigmoid if classes do not exclude each other)"
        )
        raise InvalidModelError(
            f"the last operation of {output.name!r} does not show whether it gives probabilities: "
            f"give --activation none for {'a probability' if single else 'probabilities'}, {logits}"
        )
    return output, activation


def _others(content: Weights, inspection: Inspection, options: ModelOptions) -> list[str]:
    """What the user can give as the output instead of those inspected."""
    if inspection.format == "frozen-graph":
        # Any node can be the output.
        return scores_before(inspection)
    if options.output_name is None:
        return []
    return [one.name for one in scores_outputs(inspect_weights(content))]


def find_labels(options: ModelOptions, stated: Stated | None) -> tuple[Label, ...]:
    """The labels that the user or the file gives. Raises ``InvalidModelError``."""
    if options.labels is not None:
        path = IMAGENET if options.labels == catalog.IMAGENET else Path(options.labels)
        labels = read_labels(path)
    elif stated is not None and stated.labels is not None:
        labels = stated.labels
    else:
        raise InvalidModelError("the model has no labels: give --labels FILE")
    return complete(labels, bool(options.background), options.unlabelled or 0)


@contextmanager
def naming_labels_file(options: ModelOptions, stated: Stated | None) -> Iterator[None]:
    """Say in an error about the labels that they are not from the user, if so."""
    try:
        yield
    except InvalidModelError as error:
        if options.labels is not None or stated is None:
            raise
        raise InvalidModelError(
            f"{error}; the labels are from {stated.origin}: for others give --labels FILE"
        ) from error
