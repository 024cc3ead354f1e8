"""``pictell calibrate``: fit a model's scores to labelled pictures."""

from __future__ import annotations

from pathlib import Path

from pictell import models
from pictell.cli.amounts import damaged
from pictell.cli.data_options import add_data_options, data_of
from pictell.cli.model_options import add_engine_options, report_crashes
from pictell.cli.output import say
from pictell.cli.own_folder import own_folder
from pictell.cli.parser import Parser
from pictell.cli.progress import Progress
from pictell.models.folder import CALIBRATION_FILE
from pictell.reports.escape import visible

EXAMPLE = """\
Fit a model's scores to pictures with known labels, so that about 80 % of the classes with a score
of 0.8 are right, and find the limit below which a picture is unknown:

  pictell calibrate --model MY-MODEL/ --data VAL/
  pictell calibrate --model MY-MODEL/ --data LABELS.csv --about "500 new photos"

The result is stored as calibration.toml in the model's folder. Give at least 200 pictures that the
model was not trained on, in the format of pictell evaluate.
"""


def run(words: list[str]) -> int:
    """Calibrate the model; 1 when some pictures could not be read."""
    options = make_parser().parse(words)
    from pictell.evaluation.calibrate import MAX_PICTURES, collect_sample, fit_calibration
    from pictell.evaluation.dataset import read_dataset
    from pictell.models.calibration_file import write_calibration
    from pictell.models.scorer import answer_tree
    from pictell.reports.evaluation.calibration import render

    data, folder = data_of(options), own_folder(options.model)
    spec = models.find(options.model)
    dataset = read_dataset(data, options.column)
    report_crashes(options.model)
    with Progress(total=min(len(dataset), MAX_PICTURES)) as progress:
        sample = collect_sample(spec, dataset, options.engine_options, progress.watch)
    if progress.warned:
        say(f"{damaged(progress.warned)}, and used nevertheless")
    about = options.about or Path(data).resolve().name
    result = fit_calibration(sample, about, answer_tree(spec))
    write_calibration(folder, result.fitted, spec.sha256)
    print(render(result))
    replaced = "" if spec.calibration is None else ", replacing the previous calibration"
    print(f"stored in {visible(str(folder / CALIBRATION_FILE))}{replaced}")
    return progress.exit_status


def make_parser() -> Parser:
    """The options of the command."""
    parser = Parser("pictell calibrate", "--model MODEL [OPTION …] DATA", EXAMPLE)
    add = parser.add_argument
    add("-m", "--model", required=True, metavar="M", help="a model's folder, or its name")
    add_data_options(parser)
    add("--about", metavar="TEXT", help="a description of the pictures to store (the data's name)")
    add_engine_options(parser)
    return parser
