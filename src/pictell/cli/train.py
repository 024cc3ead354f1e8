"""``pictell train``: a model of your own classes from labelled pictures."""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pictell.cli import output_file, page
from pictell.cli.output import say
from pictell.cli.parser import Parser, whole_number
from pictell.cli.progress import Progress
from pictell.errors import UsageError
from pictell.reports.escape import visible
from pictell.results import percent

if TYPE_CHECKING:
    from pictell.evaluation.dataset import Dataset
    from pictell.training.data import DataReport
    from pictell.training.measure import Measured
    from pictell.training.trained import TrainedModel

EXAMPLE = """\
Train a model on a folder with one subfolder of photos for each class, and use it:

  pictell train PHOTOS/ --output pets.onnx
  pictell --model pets.onnx garden.jpg

Write a page with plots, mistakes and labels that may be wrong; measure the model on other photos:

  pictell train PHOTOS/ --output pets.onnx --report REPORT.html
  pictell train PHOTOS/ --output pets.onnx --validation OTHERS/

The file runs in pictell and in ONNX Runtime. It has no picture and no name of a file in it.
"""
# Classes and files that are listed.
MAX_LISTED = 20
# Of the largest class to the smallest; a larger one is reported.
MAX_RATIO = 10


def run(words: list[str]) -> int:
    """Train the model, write its file and a report; 1 when some pictures could not be read."""
    options = make_parser().parse(words)
    _check(options)
    from pictell.evaluation.dataset import read_dataset
    from pictell.training.train import train

    started = time.monotonic()
    dataset = read_dataset(options.data)
    others = None if options.validation is None else read_dataset(options.validation)
    with Progress(total=len(dataset) + (0 if others is None else len(others))) as progress:
        model = train(
            dataset, validation=others, backbone=options.backbone, seed=options.seed,
            watch=progress.watch,
        )  # fmt: skip
    model.save(options.output)
    print("\n".join(_report(model, time.monotonic() - started)))
    for line in [*_warnings(model.data), *_copies(model.measured, dataset)]:
        say(line)
    if model.index_note is not None:
        say(model.index_note)
    print("\n".join([*_suspects(model), f"stored in {visible(options.output)}"]))
    if options.report is not None:
        _write_page(Path(options.report), model, dataset, Path(options.output).name)
    return progress.exit_status


def make_parser() -> Parser:
    """The options of the command."""
    parser = Parser("pictell train", "DATA --output FILE [OPTION …]", EXAMPLE)
    add = parser.add_argument
    add("data", metavar="DATA", help="a folder of class folders, or a list, as for evaluate")
    add("-o", "--output", required=True, metavar="FILE", help="the ONNX file to write")
    validation = "photos to measure the model on, in folders of the same names"
    add("--validation", metavar="OTHERS", help=validation)
    add("--report", metavar="FILE", help="write an HTML page with plots and pictures")
    backbone = "the ONNX model that is trained further (default)"
    add("--backbone", default="default", metavar="M", help=backbone)
    add("--seed", type=whole_number, default=0, metavar="N", help="the seed of the parts (0)")
    return parser


def _check(options: argparse.Namespace) -> None:
    """Raise ``UsageError`` for what would fail only after the training."""
    from pictell.training.trained import TRAINING_KEY

    if find_spec("sklearn") is None or find_spec("imagehash") is None:
        raise UsageError("training needs the extra train: pip install 'pictell[train]'")
    if Path(options.output).suffix.lower() != ".onnx":
        raise UsageError(f"--output {options.output} must end in .onnx")
    path = Path(options.output)
    output_file.check(path, "", (b"",))
    if path.is_file() and TRAINING_KEY.encode() not in path.read_bytes():
        raise UsageError(f"{path} exists and is not a trained model: give another name")
    if options.report is not None:
        if os.path.realpath(options.report) == os.path.realpath(options.output):
            raise UsageError("--report and --output name the same file: give two names")
        page.check(Path(options.report))


def _report(model: TrainedModel, seconds: float) -> list[str]:
    """How many pictures of each class there were, and how often the model is right."""
    accuracy, names = model.accuracy, [visible(label.name) for label in model.spec.labels]
    width = max(map(len, [*names, "accuracy"]))
    counts = [count for count in model.data.counts if count]
    low, high = percent(accuracy.interval.low), percent(accuracy.interval.high)
    where = "cross-validated"
    if model.measured.validation:
        where = f"on {_pictures(accuracy.pictures)} of {visible(model.measured.dataset.name)}"
    return [
        f"{_pictures(model.data.pictures)} of {len(names)} classes in {seconds:.1f} s",
        "",
        f"  {'accuracy':{width}}  {percent(accuracy.value)}  {low} to {high}, {where}",
        *(
            f"  {name:{width}}  {'–' if share is None else percent(share)}  {_pictures(count)}"
            for name, share, count in zip(names, accuracy.of_class, counts, strict=True)
        ),
    ]


def _pictures(count: int) -> str:
    return f"{count} picture{'' if count == 1 else 's'}"


def _suspects(model: TrainedModel) -> list[str]:
    """The pictures whose label may be wrong."""
    if not model.suspects:
        return []
    shown = model.suspects[:MAX_LISTED]
    number = len(model.suspects)
    return [
        "",
        f"{number} {'label' if number == 1 else 'labels'} may be wrong:",
        *(
            f"  {visible(one.file)}  {visible(one.label)}; perhaps {visible(one.better)}"
            for one in shown
        ),
        *["  …"] * (number > len(shown)),
        "",
    ]


def _copies(measured: Measured, data: Dataset) -> list[str]:
    """The pictures of the validation set that were left out, a line each, and their number."""
    lines = [
        f"{measured.dataset.root / one.file} is a copy of {data.root / one.of}"
        for one in measured.copies[:MAX_LISTED]
    ]
    if measured.copies:
        number = _pictures(len(measured.copies))
        lines.append(f"{number} of {measured.dataset.name} left out of the accuracy, being copies")
    return lines


def _write_page(path: Path, model: TrainedModel, dataset: Dataset, name: str) -> None:
    from pictell.evaluation.comparison import Evaluation
    from pictell.evaluation.thumbnails import thumbnails
    from pictell.reports.evaluation.html import MAX_THUMBNAILS, Training
    from pictell.reports.evaluation.training import method_notes

    shown = [one.picture for one in model.suspects[:MAX_THUMBNAILS]]
    training = Training(
        list(method_notes(model.measured)), model.suspects, thumbnails(dataset, shown)
    )
    page.write(path, Evaluation((replace(model.evaluation, model=name),)), training)


def _warnings(data: DataReport) -> list[str]:
    """What is odd about the pictures, a line each."""
    lines = []
    for conflict in data.conflicts[:MAX_LISTED]:
        lines.append(f"the same picture has different labels: {', '.join(conflict.files)}")
    if data.copies:
        count = sum(len(group) - 1 for group in data.copies)
        lines.append(f"copies of other pictures, which are tested together: {count}")
    for what, labels in (
        ("no picture that could be read", data.without_pictures),
        ("only one picture, and cannot be tested", data.with_one_picture),
    ):
        if labels:
            lines.append(f"classes with {what}: {', '.join(labels[:MAX_LISTED])}")
    least, most = min(filter(None, data.counts)), max(data.counts)
    if most > MAX_RATIO * least:
        lines.append(f"the classes have {least} to {most} pictures; all count equally in training")
    if data.many_classes:
        lines.append(f"{len(data.counts)} classes are many: check that folders are classes")
    return lines
