"""What ``pictell train`` says of a training, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pictell.cli.amounts import pictures
from pictell.reports.escape import visible
from pictell.results import percent, warning_mark

if TYPE_CHECKING:
    from pictell.evaluation.dataset import Dataset
    from pictell.training.measure import Measured
    from pictell.training.trained import TrainedModel

# Classes and files that are listed.
MAX_LISTED = 20
# Of the largest class to the smallest; a larger one is reported.
MAX_RATIO = 10


def figures(model: TrainedModel, seconds: float) -> list[str]:
    """How many pictures of each class there were, and how often the model is right."""
    accuracy, names = model.accuracy, [visible(label.name) for label in model.spec.labels]
    width = max(map(len, [*names, "accuracy"]))
    low, high = percent(accuracy.interval.low), percent(accuracy.interval.high)
    measured = model.measured
    where = "cross-validated"
    if measured is not None and measured.validation:
        where = f"on {pictures(accuracy.pictures)} of {visible(measured.dataset.name)}"
    if measured is not None and measured.several:
        where += ", all labels of a picture"
    read = 0 if model.data is None else model.data.pictures
    total = f"{pictures(model.pictures)} of {len(names)} classes"
    if model.others:
        total += f" and {model.others} of none"
    new = f", {read} of them read now," if 0 < read < model.pictures else ""
    return [
        f"{total}{new} in {seconds:.1f} s",
        "",
        f"  {'accuracy':{width}}  {percent(accuracy.value)}  {low} to {high}, {where}",
        *(
            f"  {name:{width}}  {'–' if share is None else percent(share)}  {pictures(count)}"
            for name, share, count in zip(names, accuracy.of_class, model.counts, strict=True)
        ),
    ]


def warnings(model: TrainedModel, data: Dataset | None) -> list[str]:
    """What is odd about the pictures, and what was left out, a line each."""
    lines = [*_skipped(data), *_odd(model), *_copies(model.measured, data)]
    return [*lines, model.index_note] if model.index_note else lines


def _skipped(data: Dataset | None) -> list[str]:
    """What lies in the folder and is not trained on."""
    lines = []
    if data is not None and data.empty_classes:
        lines.append(f"classes without pictures: {', '.join(data.empty_classes[:MAX_LISTED])}")
    if data is not None and data.skipped_files:
        lines.append(f"{data.skipped_files} files are not pictures, or not in a class folder")
    return lines


def suspicious(model: TrainedModel) -> list[str]:
    """The pictures whose label may be wrong."""
    if not model.suspects:
        return []
    shown = model.suspects[:MAX_LISTED]
    number = len(model.suspects)
    return [
        "",
        f"{number} {'label' if number == 1 else 'labels'} may be wrong:",
        *(
            f"  {visible(one.file)}{warning_mark(one.warnings)}  {visible(one.label)}; "
            f"perhaps {visible(one.better)}"
            for one in shown
        ),
        *["  …"] * (number > len(shown)),
    ]


def _copies(measured: Measured | None, data: Dataset | None) -> list[str]:
    """The pictures of the validation set that were left out, a line each, and their number."""
    if measured is None or not measured.copies:
        return []
    lines = []
    for one in measured.copies[:MAX_LISTED]:
        of = "a picture of the model"
        if one.of is not None and data is not None:
            of = str(data.root / one.of)
        lines.append(f"{measured.dataset.root / one.file} is a copy of {of}")
    number = pictures(len(measured.copies))
    return [*lines, f"{number} of {measured.dataset.name} left out of the accuracy, being copies"]


def _odd(model: TrainedModel) -> list[str]:
    """What is odd about the pictures, a line each."""
    lines, data = list[str](), model.data
    if data is not None:
        for conflict in data.conflicts[:MAX_LISTED]:
            lines.append(f"the same picture has different labels: {', '.join(conflict.files)}")
        if data.copies:
            count = sum(len(group) - 1 for group in data.copies)
            lines.append(f"copies of other pictures, which are tested together: {count}")
        if data.without_pictures:
            names = ", ".join(data.without_pictures[:MAX_LISTED])
            lines.append(f"classes with no picture that could be read: {names}")
    if model.measured is None or not model.measured.validation:
        shares = zip(model.spec.labels, model.accuracy.of_class, strict=True)
        alone = [label.name for label, share in shares if share is None]
        if alone:
            names = ", ".join(alone[:MAX_LISTED])
            lines.append(f"not tested, with only one picture or copies of one: {names}")
    least, most = min(model.counts), max(model.counts)
    if most > MAX_RATIO * least:
        lines.append(f"the classes have {least} to {most} pictures; all count equally in training")
    return lines
