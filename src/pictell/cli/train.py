"""``pictell train``: a model of your own classes from labelled pictures."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pictell.cli import output_file, page
from pictell.cli.amounts import damaged, pictures
from pictell.cli.data_options import COLUMN
from pictell.cli.output import say
from pictell.cli.parser import Parser, whole_number
from pictell.cli.progress import Progress
from pictell.cli.training_lines import figures, suspicious, warnings
from pictell.errors import UsageError
from pictell.reports.escape import visible

if TYPE_CHECKING:
    from pictell.evaluation.dataset import Dataset
    from pictell.training.trained import TrainedModel

EXAMPLE = """\
Train a model on a folder with one subfolder of photos for each class, and use it:

  pictell train PHOTOS/ --output pets.onnx
  pictell --model pets.onnx garden.jpg

Add photos or classes later, without the old photos:

  pictell train NEW-PHOTOS/ --update pets.onnx

Write a page with plots, mistakes and labels that may be wrong; measure the model on other photos:

  pictell train PHOTOS/ --output pets.onnx --report REPORT.html
  pictell train PHOTOS/ --output pets.onnx --validation OTHERS/

The model runs in pictell and in ONNX Runtime. It has no picture and no name of a file in it.
"""
# Where the samples are kept, as ``pictell.training.kept.PLACES``, which takes long to import.
PLACES = ("beside", "inside", "nowhere")


def run(words: list[str]) -> int:
    """Train the model, write its file and a report; 1 when some pictures could not be read."""
    options = make_parser().parse(words)
    _check(options)
    from pictell.evaluation.dataset import read_dataset, read_unlabelled
    from pictell.training.train import train

    started = time.monotonic()
    before = _content(options.update)
    replaced = _pictures_of(Path(options.output)) if options.update is None else None
    data, validation = (
        None if name is None else read_dataset(name, column)
        for name, column in _with_columns(options)
    )
    other = None if options.other is None else read_unlabelled(options.other)
    _check_data(options, data)
    with Progress(total=sum(len(one or ()) for one in (data, validation, other))) as progress:
        model = train(
            data,
            validation=validation,
            other=other,
            update=options.update,
            rename=_renamed(options.rename),
            remove=options.remove,
            keep=options.keep,
            backbone=options.backbone,
            seed=options.seed,
            watch=progress.watch,
        )
    if before != _content(options.update):
        raise UsageError(f"{options.update} was changed by another program meanwhile: try again")
    model.save(options.output)
    _print(model, data, options, time.monotonic() - started)
    if progress.warned:
        say(f"{damaged(progress.warned)}, and used nevertheless")
    if replaced is not None:
        say(
            f"a model of {pictures(replaced)} was replaced: to add pictures to a model, give "
            "--update instead of --output"
        )
    if options.report is not None and data is not None:
        _write_page(Path(options.report), model, data, Path(options.output).name)
    return progress.exit_status


def make_parser() -> Parser:
    """The options of the command."""
    parser = Parser("pictell train", "[DATA] [--output | --update] FILE [OPTION …]", EXAMPLE)
    add = parser.add_argument
    data = "a folder with a subfolder of photos for each class, or a list (CSV, JSON lines)"
    add("data", nargs="?", metavar="DATA", help=data)
    add("-o", "--output", metavar="FILE", help="the ONNX file to write (FILE of --update)")
    add("--update", metavar="FILE", help="a trained model, whose pictures count too")
    rename = "rename a class of the updated model; two may become one; can be repeated"
    add("--rename", action="append", default=[], type=_two_names, metavar="OLD=NEW", help=rename)
    removed = "remove a class of the updated model; can be repeated"
    add("--remove", action="append", default=[], metavar="CLASS", help=removed)
    other = "5 or more photos of none of the classes, so that such pictures become unknown"
    add("--other", metavar="FOLDER", help=other)
    validation = "photos to measure the model on, in folders of the same names"
    add("--validation", metavar="OTHERS", help=validation)
    add("--column", metavar="C", help=COLUMN)
    add("--report", metavar="FILE", help="write an HTML page with plots and pictures")
    keep = "where to keep what an update needs: beside the model, inside it or nowhere (beside)"
    add("--keep", choices=PLACES, help=keep)
    backbone = "the ONNX model to build on (default)"
    add("--backbone", metavar="M", help=backbone)
    add("--seed", type=whole_number, default=0, metavar="N", help="of the cross-validation (0)")
    return parser


def _with_columns(options: argparse.Namespace) -> Iterator[tuple[str | None, str | None]]:
    """The two data sets, and the column of those that are lists; --column needs one."""
    from pictell.evaluation.dataset import place_of

    for name in (options.data, options.validation):
        is_list = name is not None and (name is options.data or place_of(name).is_file())
        yield name, options.column if is_list else None


def _two_names(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise argparse.ArgumentTypeError(f"{text!r} must be OLD=NEW, two names of classes")
    return old, new


def _renamed(pairs: list[tuple[str, str]]) -> dict[str, str]:
    names = dict(pairs)
    if len(names) < len(pairs):
        twice = next(old for old, new in pairs if names[old] != new or pairs.count((old, new)) > 1)
        raise UsageError(f"--rename {twice}=… is given twice: give each class one name")
    return names


def _check_data(options: argparse.Namespace, data: Dataset | None) -> None:
    if options.report is not None and data is not None and data.labels_of is not None:
        raise UsageError("there is no report of pictures with several labels: leave out --report")


def _check(options: argparse.Namespace) -> None:
    """Raise ``UsageError`` for what would fail only after the training."""
    if find_spec("sklearn") is None or find_spec("imagehash") is None:
        raise UsageError("training needs the extra train: pip install 'pictell[train]'")
    options.output = options.output or options.update
    if options.output is None:
        raise UsageError("give --output FILE, the model to write, or --update FILE")
    changes = options.rename or options.remove or options.other
    if options.data is None and not (options.update and changes):
        raise UsageError("give the pictures to train on: a folder with a subfolder for each class")
    if options.data is None and options.report is not None:
        raise UsageError("--report is about the pictures of DATA: give some, or leave it out")
    if options.update is not None and not _is_trained(Path(options.update)):
        raise UsageError(f"{options.update} was not trained by pictell: it cannot be updated")
    _check_files(options)


def _check_files(options: argparse.Namespace) -> None:
    """Raise ``UsageError`` for files that cannot be written."""
    from pictell.training.kept import START, beside

    path = Path(options.output)
    if path.suffix.lower() != ".onnx":
        raise UsageError(f"--output {options.output} must end in .onnx")
    output_file.check(path, "", (b"",))
    if not _is_trained(path):
        raise UsageError(f"{path} exists and is not a trained model: give another name")
    samples = beside(path)
    if options.keep in {None, "beside"}:
        output_file.check(samples, "the samples of a model", (START,))
    if options.report is not None:
        if os.path.realpath(options.report) in map(os.path.realpath, (path, samples)):
            raise UsageError("--report names a file of the model: give another name")
        page.check(Path(options.report))


def _is_trained(path: Path) -> bool:
    """Whether a file is a trained model; one that cannot be read is an error later."""
    from pictell.training.trained import TRAINING_KEY

    return not path.is_file() or TRAINING_KEY.encode() in path.read_bytes()


def _content(name: str | None) -> bytes | None:
    """The bytes of a file, ``None`` if there is none, which is an error later."""
    return Path(name).read_bytes() if name is not None and os.path.isfile(name) else None


def _pictures_of(path: Path) -> int | None:
    """How many pictures a trained model was trained on, ``None`` if there is none."""
    from pictell.training.trained import count_pictures

    return count_pictures(path.read_bytes()) if path.is_file() else None


def _print(
    model: TrainedModel, data: Dataset | None, options: argparse.Namespace, seconds: float
) -> None:
    from pictell.training.kept import beside

    print("\n".join(figures(model, seconds)))
    for line in warnings(model, data):
        say(line)
    print("\n".join([*suspicious(model), "", f"stored in {visible(options.output)}"]))
    if model.kept is not None:
        name = visible(beside(Path(options.output)).name)
        print(f"what --update needs is in {name}: keep it with the model, do not share it")


def _write_page(path: Path, model: TrainedModel, data: Dataset, name: str) -> None:
    from pictell.evaluation.comparison import Evaluation
    from pictell.evaluation.thumbnails import thumbnails
    from pictell.reports.evaluation.html import MAX_THUMBNAILS, Training
    from pictell.reports.evaluation.training import method_notes

    assert model.measured is not None
    shown = [one.picture for one in model.suspects[:MAX_THUMBNAILS]]
    training = Training(list(method_notes(model.measured)), model.suspects, thumbnails(data, shown))
    page.write(path, Evaluation((replace(model.evaluation, model=name),)), training)
