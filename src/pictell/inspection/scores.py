"""Whether an output of a graph is a row of scores, and whether labels and activation fit it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from pictell.errors import InvalidModelError
from pictell.graphs import Inspection, TensorSpec
from pictell.inspection.selection import listed, shape_text
from pictell.types import Activation, Label

# Up to this many outputs without a label may be padding. With more, the labels are wrong.
MAX_UNLABELLED = 16
# The names of the classes that options add to the labels.
BACKGROUND, UNLABELLED = "background", "unlabelled output "
OF_ANOTHER_MODEL = "these labels are for another model"
# What numpy calls a type that the file does not state.
UNKNOWN = "object"
MAX_REASONS = 3


def scores_outputs(inspection: Inspection) -> tuple[TensorSpec, ...]:
    """The outputs that can be a row of scores."""
    return tuple(one for one in inspection.outputs if _problem(one, inspection) is None)


def refusal(inspection: Inspection) -> str:
    """Why none of the outputs is a row of scores, and what to do."""
    return f"{problems(inspection)}: {_advice(inspection)}"


def problems(inspection: Inspection) -> str:
    """Why outputs are no rows of scores."""
    made_by = defaultdict[str, list[str]](list)
    for one in inspection.outputs:
        if one.name in inspection.not_scores:
            made_by[inspection.not_scores[one.name].operation].append(one.name)
    found = [
        f"{operation} makes the output{'s' * (len(names) > 1)} {listed(names)}"
        for operation, names in made_by.items()
    ]
    rest = (one for one in inspection.outputs if one.name not in inspection.not_scores)
    found.extend(filter(None, (_problem(one, inspection) for one in rest)))
    more = len(found) - MAX_REASONS
    text = ", ".join(found[:MAX_REASONS]) + f", and {more} more" * (more > 0)
    return text or "the model has no output of numbers"


def scores_before(inspection: Inspection) -> list[str]:
    """The rows of scores in the graph that the outputs are made of."""
    found = (inspection.not_scores.get(one.name) for one in inspection.outputs)
    return list(dict.fromkeys(one.scores for one in found if one and one.scores))


def check_output(name: str, inspection: Inspection) -> None:
    """Raise ``InvalidModelError`` if the output of that name is no row of scores."""
    chosen = replace(
        inspection, outputs=tuple(one for one in inspection.outputs if one.name == name)
    )
    if not scores_outputs(chosen):
        raise InvalidModelError(refusal(chosen))


def check_scores(output: TensorSpec) -> None:
    """Raise ``InvalidModelError`` for an output whose type or shape is not that of scores."""
    is_real = "float" in output.dtype or output.quantisation is not None
    if not is_real and output.dtype != UNKNOWN:
        raise InvalidModelError(f"the output {output.name!r} holds {output.dtype}, not scores")
    if output.shape is not None:
        count_classes(output.name, output.shape)


def count_classes(name: str, shape: Sequence[int | None]) -> int | None:
    """The number of classes of the output ``name``, shape (N, classes) with any axes of size 1.

    ``None`` if it is not fixed. A shape (N,) or (1,) is that of one class. Raises
    ``InvalidModelError`` for any other shape.
    """
    wide = [size for size in shape[1:] if size != 1]
    # A longer vector may be the classes of one picture.
    is_vector = len(shape) == 1 and shape[0] in (None, 1)
    if len(wide) > 1 or not (len(shape) > 1 or is_vector):
        raise InvalidModelError(
            f"the output {name!r} has shape {shape_text(shape)}, not (N, classes)"
        )
    return wide[0] if wide else 1


def check_label_count(labels: Sequence[Label], classes: int) -> None:
    """Raise ``InvalidModelError``, which shows the first two, without one label for each class.

    A single output may have two labels: see ``pictell.scoring.postprocess.as_classes``.
    """
    if len(labels) == classes or (classes, len(labels)) == (1, 2):
        return
    advice = _label_advice(labels, classes)
    first = " and ".join(f"{label.name!r:.60}" for label in labels[:2])
    raise InvalidModelError(
        f"{len(labels)} labels for an output of {classes} classes: {advice}"
        + f" (the labels begin with {first})" * bool(first)
    )


def _label_advice(labels: Sequence[Label], classes: int) -> str:
    """What to give or to leave out, if labels of the options explain the wrong number."""
    background = bool(labels) and labels[0].name == BACKGROUND
    unlabelled = sum(label.name.startswith(UNLABELLED) for label in labels)
    rest = classes - len(labels) + unlabelled
    if len(labels) > classes and rest + background == 0:
        if unlabelled:
            return f"leave {'--background and ' * background}--unlabelled out"
        return (
            f"leave --background out, or the line {BACKGROUND}" if background else OF_ANOTHER_MODEL
        )
    if len(labels) > classes and unlabelled and rest >= 0:
        return f"give --unlabelled {rest}, not {unlabelled}" if rest else "leave --unlabelled out"
    if rest == 1 and not background:
        return "give --background if class 0 is background, --unlabelled 1 if the last has no label"
    if len(labels) < classes and rest <= MAX_UNLABELLED:
        last = "last has" if rest == 1 else f"last {rest} have"
        return f"give --unlabelled {rest} if the {last} no label"
    return OF_ANOTHER_MODEL


def check_activation(activation: Activation, classes: int) -> None:
    """Raise ``InvalidModelError`` for a softmax over one class, which is always 1."""
    if activation == "softmax" and classes == 1:
        raise InvalidModelError(
            "a softmax over the only output is 100 % for every picture: give --activation sigmoid, "
            "or none if it is a probability"
        )


def _problem(output: TensorSpec, inspection: Inspection) -> str | None:
    """Why an output is no row of scores, ``None`` if it can be one."""
    if output.name in inspection.not_scores:
        return f"{inspection.not_scores[output.name].operation} makes the output {output.name!r}"
    try:
        check_scores(output)
    except InvalidModelError as error:
        return str(error)
    return None


def _advice(inspection: Inspection) -> str:
    tensors = scores_before(inspection)
    if not tensors:
        return "export the model with an output (N, classes) that has a score for each class"
    return f"export the model with the scores before it, {tensors[0]!r}, as an output"
