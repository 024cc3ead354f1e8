"""The output of a bare model that has the scores, and the labels of its classes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pictell.errors import InvalidModelError
from pictell.models.labels import IMAGENET, complete, read_labels
from pictell.models.missing import only
from pictell.models.stated import Stated
from pictell.models.store import catalog
from pictell.options import ModelOptions
from pictell.types import Activation, Inspection, Label, TensorSpec


def find_scores_output(
    inspection: Inspection, options: ModelOptions
) -> tuple[TensorSpec, Activation]:
    """The output and what makes probabilities of it. Raises ``InvalidModelError``."""
    output = only("output", inspection.outputs, None)
    activation = options.activation or inspection.activations.get(output.name)
    if activation is None:
        raise InvalidModelError(
            f"the last operation of {output.name!r} does not show whether it gives probabilities: "
            "give --activation none for probabilities, softmax for logits"
        )
    return output, activation


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
