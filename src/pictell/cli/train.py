"""``pictell train``: a model of your own classes from labelled pictures."""

from __future__ import annotations

import argparse
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pictell.cli import output_file
from pictell.cli.amounts import pictures
from pictell.cli.output import say
from pictell.cli.parser import Parser, whole_number
from pictell.cli.progress import Progress
from pictell.errors import UsageError
from pictell.reports.escape import visible
from pictell.results import percent

if TYPE_CHECKING:
    from pictell.training.data import DataReport
    from pictell.training.trained import TrainedModel

EXAMPLE = """\
Train a model on a folder with one subfolder of photos for each class, and use it:

  pictell train PHOTOS/ --output pets.onnx
  pictell --model pets.onnx garden.jpg

Measure it on photos that it was not trained on, in folders of the same names:

  pictell evaluate --model pets.onnx --data OTHERS/

The file runs in pictell and in ONNX Runtime. It has no picture and no name of a file in it.
"""
# Classes and files that are listed.
MAX_LISTED = 20


def run(words: list[str]) -> int:
    """Train the model, write its file and a report; 1 when some pictures could not be read."""
    options = make_parser().parse(words)
    _check(options)
    from pictell.evaluation.dataset import read_dataset
    from pictell.training.train import train

    started = time.monotonic()
    dataset = read_dataset(options.data)
    with Progress(total=len(dataset)) as progress:
        model = train(dataset, backbone=options.backbone, seed=options.seed, watch=progress.watch)
    model.save(options.output)
    print("\n".join(_report(model, time.monotonic() - started)))
    for line in _warnings(model.data):
        say(line)
    if model.index_note is not None:
        say(model.index_note)
    print("\n".join([*_suspects(model), f"stored in {visible(options.output)}"]))
    return progress.exit_status


def make_parser() -> Parser:
    """The options of the command."""
    parser = Parser("pictell train", "DATA --output FILE [OPTION …]", EXAMPLE)
    add = parser.add_argument
    add("data", metavar="DATA", help="a folder of class folders, or a list, as for evaluate")
    add("-o", "--output", required=True, metavar="FILE", help="the ONNX file to write")
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


def _report(model: TrainedModel, seconds: float) -> list[str]:
    """How many pictures of each class there were, and how often the model is right."""
    accuracy, names = model.accuracy, [visible(label.name) for label in model.spec.labels]
    width = max(map(len, [*names, "accuracy"]))
    counts = [count for count in model.data.counts if count]
    low, high = percent(accuracy.interval.low), percent(accuracy.interval.high)
    return [
        f"{pictures(model.data.pictures)} of {len(names)} classes in {seconds:.1f} s",
        "",
        f"  {'accuracy':{width}}  {percent(accuracy.value)}  {low} to {high}, cross-validated",
        *(
            f"  {name:{width}}  {'–' if share is None else percent(share)}  {pictures(count)}"
            for name, share, count in zip(names, accuracy.of_class, counts, strict=True)
        ),
    ]


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
    if data.many_classes:
        lines.append(f"{len(data.counts)} classes are many: check that folders are classes")
    return lines
