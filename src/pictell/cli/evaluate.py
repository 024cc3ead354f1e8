"""``pictell evaluate``: how good is a model on labelled pictures, and is another one better?"""

from __future__ import annotations

import argparse
import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from pictell.cli.classify import write
from pictell.cli.exit_status import SOME_FAILED
from pictell.cli.model_options import (
    add_engine_options,
    add_model_options,
    engine_options,
    report_crashes,
    model_options,
)
from pictell.cli.parser import Parser
from pictell.cli.progress import Progress, say
from pictell.errors import PictellError, UsageError
from pictell.files import write_file
from pictell.options import ModelOptions
from pictell.reports.escape import visible

if TYPE_CHECKING:
    from pictell.classifier import Classifier
    from pictell.evaluation.comparison import Evaluation
    from pictell.evaluation.dataset import Dataset
    from pictell.evaluation.summary import Summary

EXAMPLE = """\
See how good a model is on pictures with known labels, and whether another one is better:

  pictell evaluate --data val/
  pictell evaluate --data val/ --report report.html
  pictell evaluate --data labels.csv --format json > figures.json
  pictell evaluate --data val/ --model default --model my-model/ --compare

The data is a folder with a folder of pictures for each class, named like the class; or a list, CSV
or JSON lines: file,label or file,class_index or file,synset, and perhaps weight. A folder with a
labels.csv or labels.jsonl in it is that list.
"""
# What a report begins with: nothing else is written over.
PAGE = b"<!doctype html>"


def run(words: list[str]) -> int:
    """Evaluate the models one after the other; 1 when some pictures could not be read."""
    options = _parse(words)
    from pictell.evaluation.comparison import Evaluation, compare
    from pictell.evaluation.dataset import read_dataset

    dataset = read_dataset(options.data, options.column)
    first, *others = [_evaluate(model, dataset, options) for model in options.model]
    compared = [compare(first, other) for other in others if options.compare]
    made = tuple(one for one in compared if one is not None)
    _tell(Evaluation((first, *others), made), options)
    for other, comparison in zip(others, compared, strict=False):
        if comparison is None:
            say(
                f"pictell: {visible(first.model)} and {visible(other.model)} were judged on no "
                "picture in common: they cannot be compared"
            )
    failed = None in compared or any(summary.outcomes.failed for summary in (first, *others))
    return SOME_FAILED if failed else 0


def _tell(evaluation: Evaluation, options: argparse.Namespace) -> None:
    """Write the figures, and the page if one is wanted: what one cannot take costs no other."""
    from pictell.reports.evaluation import FORMATS

    try:
        write(FORMATS[options.format](evaluation))
    finally:
        if options.report is not None:
            _write_page(Path(options.report), evaluation)
            say(f"report: {visible(options.report)}")


def _parse(words: list[str]) -> argparse.Namespace:
    options = _parser().parse(words)
    options.model = options.model or ["default"]
    if options.compare and len(options.model) < 2:
        raise UsageError("--compare is about two models or more: give --model twice")
    if len(options.model) > 1 and model_options(options) != ModelOptions():
        raise UsageError(
            "what a bare file does not say can be stated for one model alone: make folders of "
            "bare files with pictell inspect --write"
        )
    if options.report is not None:
        _check_report(Path(options.report))
    return options


def _check_report(path: Path) -> None:
    """Refuse what could not be written in the end before anything is computed."""
    try:
        import_module("pictell.reports.evaluation.html")
    except ImportError as error:
        raise UsageError(
            "--report needs the extra evaluate: pip install 'pictell[evaluate]'"
        ) from error
    if os.path.isdir(path):
        raise UsageError(f"{path} is a folder: name the report's file")
    if not os.path.isdir(path.parent) or not os.access(path.parent, os.W_OK):
        raise UsageError(f"{path.parent} is no folder that can be written to")
    try:
        taken = path.is_file() and _head(path) not in {b"", PAGE}
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    if taken:
        raise UsageError(f"{path} is there and no report: name another file")


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(len(PAGE))


def _evaluate(model: str, dataset: Dataset, options: argparse.Namespace) -> Summary:
    from pictell.evaluation.matching import Match, check, check_weights, match_dataset
    from pictell.evaluation.outcomes import LEFT_OUT, collect
    from pictell.evaluation.summary import summarise
    from pictell.loading import load

    report_crashes(model)
    classifier: Classifier = load(model, options=model_options(options), engine=engine_options(options))
    classes = classifier.spec.labels
    matches = match_dataset(dataset, classifier.spec)
    if not options.skip_unmatched:
        check(dataset, matches, model, ", or leave them out: --skip-unmatched")
    elif not any(isinstance(one, Match) for one in matches):
        check(dataset, matches, model)
    check_weights(dataset, matches, model)
    targets = [one.class_index if isinstance(one, Match) else LEFT_OUT for one in matches]
    with Progress(model, len(dataset)) as progress:
        outcomes = collect(classifier, dataset, targets, progress.watch)
    return summarise(_shown_name(model, options.model), classes, dataset, matches, outcomes)


def _shown_name(model: str, models: list[str]) -> str:
    """The last part of a model's path, where no other model has the same."""
    names = [Path(one).name for one in models]
    name = Path(model).name
    return name if name and names.count(name) == 1 else model


def _write_page(path: Path, evaluation: Evaluation) -> None:
    """Write the report: whole, or not at all."""
    from pictell.evaluation.thumbnails import thumbnails
    from pictell.reports.evaluation import html

    pictures = thumbnails(evaluation.summaries[0].dataset, html.shown_pictures(evaluation))
    page = html.render(evaluation, pictures)
    try:
        write_file(path, page.encode())
    except OSError as error:
        raise PictellError(f"{path} cannot be written: {error.strerror}") from error


def _parser() -> Parser:
    parser = Parser(
        example=EXAMPLE,
        prog="pictell evaluate",
        usage="pictell evaluate --data DATA [OPTION …]",
    )
    add = parser.add_argument
    add("-d", "--data", required=True, metavar="DATA", help="a folder of class folders, or a list")
    add(
        "-m",
        "--model",
        action="append",
        metavar="M",
        help="a model's name, folder or file (default); may be given several times",
    )
    add("--compare", action="store_true", help="compare the first model with each of the others")
    add("--report", metavar="FILE", help="write a page with plots and pictures: report.html")
    add("-f", "--format", choices=("text", "json"), default="text", help="on stdout (text)")
    add("--column", metavar="C", help="the list's column with the labels, if it has another name")
    add(
        "--skip-unmatched",
        action="store_true",
        help="leave pictures out whose labels name no class of the model",
    )
    add_model_options(parser)
    add_engine_options(parser)
    add("-h", "--help", action="help", help="show this help")
    return parser
