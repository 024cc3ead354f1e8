"""``pictell evaluate``: measure models on labelled pictures and compare them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pictell.cli import defaults, page
from pictell.cli.data_options import add_data_options, data_of
from pictell.cli.exit_status import SOME_FAILED
from pictell.cli.model_options import add_engine_options, add_model_options, report_crashes
from pictell.cli.output import say, write
from pictell.cli.parser import Parser
from pictell.cli.progress import Progress
from pictell.errors import UsageError
from pictell.options import ModelOptions

if TYPE_CHECKING:
    from pictell.evaluation.comparison import Evaluation
    from pictell.evaluation.dataset import Dataset
    from pictell.evaluation.summary import Summary

EXAMPLE = """\
Measure a model on pictures with known labels, or compare two models:

  pictell evaluate samples/
  pictell evaluate --data VAL/ --report REPORT.html
  pictell evaluate --data samples/labels.csv --format json > figures.json
  pictell evaluate --data VAL/ --model default --model MY-MODEL/ --compare

The data is a folder with one subfolder of pictures for each class or broader label, named like it;
or a list: CSV with any delimiter or JSON lines, with the columns file, one of label, class_index
and synset, and optionally weight; or lines of a file and its label. With the columns left, top,
right and bottom, in pixels of the upright picture, only that box of it is classified. A folder that
contains labels.csv or labels.jsonl is read as that list.
"""


def run(words: list[str]) -> int:
    """Evaluate the models in turn; 1 when some pictures could not be read."""
    options = _parse(words)
    from pictell.evaluation.comparison import Evaluation, compare
    from pictell.evaluation.dataset import read_dataset

    dataset = read_dataset(data_of(options), options.column)
    first, *others = [_evaluate(model, dataset, options) for model in options.model]
    compared = [compare(first, other) for other in others if options.compare]
    made = tuple(one for one in compared if one is not None)
    _write_reports(Evaluation((first, *others), made), options)
    for other, comparison in zip(others, compared, strict=False):
        if comparison is None:
            names = f"{first.model} and {other.model}"
            say(f"{names} have no picture in common and cannot be compared")
    failed = None in compared or any(summary.outcomes.failed for summary in (first, *others))
    return SOME_FAILED if failed else 0


def _evaluate(model: str, dataset: Dataset, options: argparse.Namespace) -> Summary:
    from pictell.evaluation.summary import evaluate
    from pictell.loading import load

    report_crashes(model)
    name = _shown_name(model, options.model)
    classifier = load(model, options=options.model_options, engine=options.engine_options)
    with classifier, Progress(model, len(dataset)) as progress:
        return evaluate(
            classifier, dataset, name, skip_unmatched=options.skip_unmatched, watch=progress.watch
        )


def _shown_name(model: str, models: list[str]) -> str:
    """The last part of a model's path if it is unique, else the path."""
    names = [Path(one).name for one in models]
    name = Path(model).name
    return name if name and names.count(name) == 1 else model


def _write_reports(evaluation: Evaluation, options: argparse.Namespace) -> None:
    """Write the figures to stdout and the page to its file, the page also if stdout fails."""
    from pictell.reports.evaluation import EVALUATION_FORMATS

    try:
        write(piece.encode() for piece in EVALUATION_FORMATS[options.format](evaluation))
    finally:
        if options.report is not None:
            page.write(Path(options.report), evaluation)


def _parse(words: list[str]) -> argparse.Namespace:
    options = make_parser().parse(words)
    options.model = options.model or [defaults.find("model")["model"].value]
    if options.compare and len(options.model) < 2:
        raise UsageError("--compare needs two or more models: give --model twice")
    if len(options.model) > 1 and options.model_options != ModelOptions():
        raise UsageError(
            "options for bare models apply to one model only: convert bare files to folders with "
            "pictell inspect --write"
        )
    if options.report is not None:
        page.check(Path(options.report))
    return options


def make_parser() -> Parser:
    """The options of the command."""
    parser = Parser("pictell evaluate", "[OPTION …] DATA", EXAMPLE)
    add = parser.add_argument
    add_data_options(parser)
    model = "a model's name, folder or file (default); can be repeated"
    add("-m", "--model", action="append", metavar="M", help=model)
    add("--compare", action="store_true", help="compare the first model with each of the others")
    add("--report", metavar="FILE", help="write an HTML page with plots and pictures")
    parser.add_format(("text", "json"))
    unmatched = "skip pictures whose label is unknown to the model"
    add("--skip-unmatched", action="store_true", help=unmatched)
    add_model_options(parser)
    add_engine_options(parser)
    return parser
